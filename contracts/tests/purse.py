"""SessionAllowance on a chain in memory, an owner with money, session keys, and everything they sign."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import boa

from contracts.tests.world import (
    CONTRACTS,
    DAY,
    DOUBLES,
    FORTUNE,
    START,
    Outcome,
    at,
    call,
    deployer,
    names,
    now,
    send,
)
from valetkey.core.grant import NOBODY, NOTHING, Grant, enforced
from valetkey.core.money import Asset
from valetkey.crypto.keys import PrivateKey, keccak256
from valetkey.crypto.signatures import sign_digest
from valetkey.wire.grants import (
    Domain,
    GrantSpend,
    Voucher,
    compact,
    funding_message,
    grant_hash,
    grant_id,
    grant_terms,
    only,
    revoke_message,
    spend_message,
    struct_hash,
    voucher_message,
)

USDC = 1_000_000
HOUR = 3_600

_salts = count(1)


def key(number: int) -> PrivateKey:
    """A key that is the same in every run."""
    return PrivateKey(keccak256(b"purse %d" % number))


class Purse:
    """The contract, two tokens, an owner who approved it, and the keys of its sessions."""

    def __init__(self) -> None:
        at(START)
        self.owner, self.key, self.other_key, self.child_key, self.other_owner = map(key, range(5))
        self.payee, self.other_payee, self.relayer, self.stranger = names(
            "payee", "other payee", "relayer", "stranger"
        )
        self.allowance = deployer(CONTRACTS / "SessionAllowance.vy").deploy()
        self.usdc = deployer(CONTRACTS / "TestUSDC.vy").deploy()
        self.odd = deployer(DOUBLES / "OddToken.vy").deploy()
        self.puppet = deployer(DOUBLES / "Puppet.vy").deploy()
        self.domain = Domain(int(boa.env.evm.patch.chain_id), str(self.allowance.address))
        for token in (self.usdc, self.odd):
            for payer in (self.owner.address, self.other_owner.address):
                self.must(payer, token, "mint", payer, FORTUNE)
                self.must(payer, token, "approve", self.allowance.address, 2**256 - 1)

    def must(self, sender: str, contract: Any, function: str, *arguments: Any) -> Outcome:
        """A transaction that the test needs to go through."""
        outcome = send(sender, contract, function, *arguments)
        assert outcome.ok, f"{function}: {outcome.reason}"
        return outcome

    # What is signed

    def grant(self, **changes: Any) -> Grant:
        """A grant with every rule on, except for `changes`."""
        ordinary: dict[str, Any] = {
            "owner": self.owner.address,
            "key": self.key.address,
            "token": str(self.usdc.address),
            "cap": 100 * USDC,
            "per_spend": 10 * USDC,
            "window_cap": 20 * USDC,
            "window_seconds": HOUR,
            "valid_after": now(),
            "valid_until": now() + 30 * DAY,
            "payees": only(str(self.payee)),
            "unit": 100,
            "salt": keccak256(b"salt %d" % next(_salts)),
        }
        return Grant(**ordinary | changes)

    def digest(self, kind: str, message: dict[str, Any]) -> bytes:
        return self.domain.digest(struct_hash(kind, message))

    def signature(self, grant: Grant, by: PrivateKey | None = None) -> bytes:
        """The owner's."""
        return sign_digest(by or self.owner, self.domain.digest(grant_hash(grant)))

    def spend_signature(
        self, grant: Grant, wanted: GrantSpend, by: PrivateKey | None = None, *, funding: bool = False
    ) -> tuple[bytes, bytes]:
        make, kind = (funding_message, "EscrowFunding") if funding else (spend_message, "Spend")
        return compact(sign_digest(by or self.key, self.digest(kind, make(grant_hash(grant), wanted))))

    def voucher_signature(
        self, grant: Grant, voucher: Voucher, by: PrivateKey | None = None
    ) -> tuple[bytes, bytes]:
        message = voucher_message(grant_hash(grant), voucher)
        return compact(sign_digest(by or self.key, self.digest("Voucher", message)))

    def revoke_signature(self, grant: Grant, by: PrivateKey | None = None) -> bytes:
        return sign_digest(by or self.owner, self.digest("Revoke", revoke_message(grant_hash(grant))))

    def wanted(self, amount: int, **changes: Any) -> GrantSpend:
        ordinary: dict[str, Any] = {
            "payee": str(self.payee),
            "amount": amount,
            "reference": keccak256(b"reference"),
            "nonce": next(_salts) << 8,
            "deadline": now() + HOUR,
        }
        return GrantSpend(**ordinary | changes)

    # What is sent

    def register(self, grant: Grant, by: PrivateKey | None = None) -> Outcome:
        return send(self.stranger, self.allowance, "register", grant_terms(grant), self.signature(grant, by))

    def known(self, **changes: Any) -> Grant:
        """A grant that is registered."""
        grant = self.grant(**changes)
        outcome = self.register(grant)
        assert outcome.ok, outcome.reason
        return grant

    def succeed(self, grant: Grant, predecessor: Grant) -> Outcome:
        return send(
            self.stranger,
            self.allowance,
            "registerSuccessor",
            grant_terms(grant),
            grant_terms(predecessor),
            self.signature(grant),
        )

    def child(self, parent: Grant, by: PrivateKey | None = None, **changes: Any) -> Grant:
        """A child of a grant, signed by the parent's key and registered."""
        grant = self.child_grant(parent, **changes)
        outcome = self.register_child(grant, parent, by)
        assert outcome.ok, outcome.reason
        return grant

    def child_grant(self, parent: Grant, **changes: Any) -> Grant:
        ordinary = {
            "key": self.child_key.address,
            "parent": grant_hash(parent),
            "salt": keccak256(b"salt %d" % next(_salts)),
            "predecessor": bytes(32),
        }
        return replace(parent, **ordinary | changes)

    def register_child(self, grant: Grant, parent: Grant, by: PrivateKey | None = None) -> Outcome:
        digest = self.domain.digest(grant_hash(grant))
        signed = compact(sign_digest(by or self.key, digest))
        return send(
            self.stranger,
            self.allowance,
            "registerChild",
            grant_terms(grant),
            grant_terms(parent),
            *signed,
        )

    def spend(
        self,
        grant: Grant,
        amount: int,
        payee: str | None = None,
        sender: str | None = None,
        proof: Sequence[bytes] = (),
        reference: bytes = b"\1" * 32,
    ) -> Outcome:
        """By the key itself; with a proof when there is a tree."""
        has_tree = grant.payee is None and grant.payees != NOTHING
        return send(
            sender or grant.key,
            self.allowance,
            "spendWithProof" if has_tree else "spend",
            grant_terms(grant),
            *([[]] if has_tree else []),
            payee or self.payee,
            amount,
            reference,
            *([list(proof)] if has_tree else []),
        )

    def spend_first(self, grant: Grant, amount: int, by: PrivateKey | None = None) -> Outcome:
        return send(
            grant.key,
            self.allowance,
            "spendFirst",
            grant_terms(grant),
            *compact(self.signature(grant, by)),
            self.payee,
            amount,
            b"\1" * 32,
        )

    def relay_first(self, grant: Grant, wanted: GrantSpend, sender: str | None = None) -> Outcome:
        return send(
            sender or self.relayer,
            self.allowance,
            "spendSignedFirst",
            grant_terms(grant),
            *compact(self.signature(grant)),
            spend_values(wanted),
            *self.spend_signature(grant, wanted),
        )

    def relay(
        self,
        grant: Grant,
        wanted: GrantSpend,
        sender: str | None = None,
        signed: tuple[bytes, bytes] | None = None,
        proof: Sequence[bytes] = (),
    ) -> Outcome:
        """By somebody who submits what the key signed."""
        return send(
            sender or self.relayer,
            self.allowance,
            "spendSignedWithProof" if proof else "spendSigned",
            grant_terms(grant),
            *([[]] if proof else []),
            spend_values(wanted),
            *(signed or self.spend_signature(grant, wanted)),
            *([list(proof)] if proof else []),
        )

    def spend_as_child(
        self, grant: Grant, parents: Sequence[Grant], amount: int, payee: str | None = None
    ) -> Outcome:
        return send(
            grant.key,
            self.allowance,
            "spendWithProof",
            grant_terms(grant),
            [grant_terms(one) for one in parents],
            payee or self.payee,
            amount,
            b"\1" * 32,
        )

    def settle(
        self,
        grant: Grant,
        voucher: Voucher,
        amount: int,
        sender: str | None = None,
        signed: tuple[bytes, bytes] | None = None,
    ) -> Outcome:
        return send(
            sender or self.payee,
            self.allowance,
            "settle",
            grant_terms(grant),
            (voucher.payee, voucher.total, voucher.executor != NOBODY, voucher.deadline),
            amount,
            b"\2" * 32,
            *(signed or self.voucher_signature(grant, voucher)),
        )

    def revoke(self, grant: Grant, sender: str | None = None) -> Outcome:
        return send(sender or grant.owner, self.allowance, "revoke", grant_hash(grant))

    # What is seen

    def balance(self, holder: str, token: Any = None) -> int:
        return int(call(token or self.usdc, "balanceOf", holder))

    def spent_units(self, grant: Grant) -> int:
        """Units that a grant has spent, as its word says."""
        word = int(call(self.allowance, "words", grant_id(grant.owner, grant_hash(grant))))
        return word >> 180 & (2**42 - 1)

    def asset(self, grant: Grant) -> Asset:
        return Asset("USDC", self.domain.chain_id, grant.token, 6)

    def policy(self, grant: Grant) -> Any:
        return enforced(grant, self.asset(grant))


def spend_values(wanted: GrantSpend) -> tuple[Any, ...]:
    """In the contract's order."""
    return (
        wanted.payee,
        wanted.amount,
        wanted.reference,
        wanted.executor != NOBODY,
        wanted.nonce,
        wanted.deadline,
    )


__all__ = ["HOUR", "NOBODY", "USDC", "Purse", "key", "spend_values"]
