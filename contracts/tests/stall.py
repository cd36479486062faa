"""An escrow that an owner's grants name, and its seller."""

from dataclasses import dataclass
from typing import Any

from contracts.tests.purse import Purse
from contracts.tests.world import DAY, Outcome, World, fresh_id, now, send
from valetkey.core.grant import Grant
from valetkey.crypto.keys import PrivateKey, keccak256
from valetkey.wire.grants import GrantSpend, grant_terms, only

AMOUNT, FEE, LOCKED = 1_020_000, 20_000, 1_000_000


@dataclass
class Stall:
    """An escrow that the owner's grant names, and its seller."""

    world: World
    purse: Purse

    def grant(self, **changes: Any) -> Grant:
        ordinary = {"escrow": str(self.world.escrow.address), "payees": only(str(self.world.seller))}
        return self.purse.known(**ordinary | changes)

    def deal(self, **changes: Any) -> dict[str, Any]:
        """The arguments of createEscrow but the token."""
        ordinary: dict[str, Any] = {
            "escrow_id": fresh_id(),
            "seller": str(self.world.seller),
            "amount": AMOUNT,
            "deadline": now() + DAY,
            "window": 0,
            "grace": 0,
            "criteria": b"\7" * 32,
        }
        return ordinary | changes

    def signed(
        self, grant: Grant, deal: dict[str, Any], nonce: int, until: int, by: PrivateKey | None = None
    ) -> tuple[bytes, bytes]:
        from eth_abi import encode

        kinds = ["bytes32", "address", "uint256", "address", *["uint256"] * 3, "bytes32"]
        fields = list(deal.values())
        reference = keccak256(encode(kinds, [*fields[:3], grant.token, *fields[3:]]))
        wanted = GrantSpend(
            payee=deal["seller"],
            amount=deal["amount"],
            reference=reference,
            nonce=nonce,
            deadline=until,
            executor=str(self.world.escrow.address),
        )
        return self.purse.spend_signature(grant, wanted, by, funding=True)

    def arguments(
        self,
        grant: Grant,
        deal: dict[str, Any],
        parents: tuple[Grant, ...] = (),
        by: PrivateKey | None = None,
    ) -> list[Any]:
        until = now() + 300
        return [
            *deal.values(),
            grant_terms(grant),
            [grant_terms(one) for one in parents],
            *(5, until),
            *self.signed(grant, deal, 5, until, by),
        ]

    def create(self, arguments: list[Any], sender: str | None = None) -> Outcome:
        return send(
            sender or str(self.purse.relayer), self.world.escrow, "createEscrowWithSession", *arguments
        )

    def funded(self, **changes: Any) -> tuple[Grant, bytes]:
        grant, deal = self.grant(**changes), self.deal()
        outcome = self.create(self.arguments(grant, deal))
        assert outcome.ok, outcome.reason
        return grant, deal["escrow_id"]

    def owned(self, token: Any = None) -> int:
        return self.purse.balance(self.purse.owner.address, token)
