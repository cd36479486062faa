"""createEscrowWithSession: one transaction from the owner's balance into an escrow, for exactly what the key signed."""

from dataclasses import dataclass
from typing import Any

import pytest

from contracts.tests.purse import USDC, Purse
from contracts.tests.world import (
    BUYER_REFUND,
    DAY,
    DISPUTED,
    RELEASED,
    TAXING,
    Outcome,
    World,
    at,
    call,
    events,
    fresh_id,
    now,
    send,
)
from valetkey.core.grant import Grant
from valetkey.crypto.keys import PrivateKey, keccak256
from valetkey.wire.grants import GrantSpend, grant_hash, grant_terms, only

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


@pytest.fixture
def stall(world: World, purse: Purse) -> Stall:
    for token in (purse.usdc, purse.odd):
        world.must(world.owner, world.escrow, "setTokenSupported", token.address, True)
    world.must(world.owner, world.escrow, "setAllowance", purse.allowance.address)
    return Stall(world, purse)


def test_one_transaction_locks_the_owners_money(stall: Stall) -> None:
    before, grant, deal = stall.owned(), stall.grant(), stall.deal()
    outcome = stall.create(stall.arguments(grant, deal))
    assert outcome.ok, outcome.reason
    assert stall.owned() == before - AMOUNT
    assert stall.purse.balance(str(stall.world.escrow.address)) == LOCKED
    assert stall.purse.balance(stall.world.treasury) == FEE
    assert stall.purse.balance(grant.key) == 0, "the session key never holds a cent"
    told = dict(events(stall.world.escrow, outcome))["EscrowCreated"]
    assert (told["buyer"], told["seller"]) == (grant.owner, str(stall.world.seller))
    assert (told["lockedAmount"], told["platformFee"]) == (LOCKED, FEE)
    assert call(stall.world.escrow, "sessionKeys", deal["escrow_id"]) == grant.key
    assert stall.purse.spent_units(grant) == AMOUNT // 100


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("escrow_id", b"\5" * 32),
        ("seller", "0x" + "11" * 20),
        ("amount", AMOUNT - 1),
        ("deadline", 1_800_086_401),
        ("window", 300),
        ("grace", 3_600),
        ("criteria", b"\6" * 32),
    ],
)
def test_nothing_of_it_can_be_changed(stall: Stall, name: str, value: Any) -> None:
    grant = stall.grant(payees=bytes(32))
    deal = stall.deal()
    arguments = stall.arguments(grant, deal)
    changed = [*(deal | {name: value}).values(), *arguments[len(deal) :]]
    assert stall.create(changed).reason == "not signed by the key"
    assert stall.create(arguments).ok


def test_a_spend_run_ahead_of_its_escrow_makes_that_escrow(stall: Stall) -> None:
    """Whoever sees it in the queue can submit it, which is what the key wanted; nothing else comes of it."""
    grant, deal = stall.grant(), stall.deal()
    arguments = stall.arguments(grant, deal)
    assert stall.create(arguments, str(stall.purse.stranger)).ok
    assert stall.create(arguments).reason == "escrow id used"
    again = [*stall.deal().values(), *arguments[len(deal) :]]
    assert stall.create(again).reason == "not signed by the key"
    assert stall.purse.balance(str(stall.world.escrow.address)) == LOCKED


def test_an_id_that_was_taken_costs_nothing(stall: Stall) -> None:
    grant, deal = stall.grant(), stall.deal()
    taken = stall.world.create(escrow_id=deal["escrow_id"])
    assert taken.ok
    assert stall.create(stall.arguments(grant, deal)).reason == "escrow id used"
    assert stall.create(stall.arguments(grant, stall.deal())).ok, "its nonce is free"


def test_who_signs_and_for_whom(stall: Stall) -> None:
    grant = stall.grant()
    deal = stall.deal()
    assert not stall.create(stall.arguments(grant, deal, by=stall.purse.other_key)).ok
    elsewhere = stall.purse.known(escrow=str(stall.purse.puppet.address), payees=bytes(32))
    assert stall.create(stall.arguments(elsewhere, deal)).reason == "not the grant's escrow"
    wrong = stall.deal(seller=str(stall.purse.stranger))
    assert stall.create(stall.arguments(grant, wrong)).reason == "payee not allowed"
    open_one = stall.grant(payees=bytes(32))
    for seller in (open_one.key, open_one.owner, "0x" + "0" * 40, open_one.token):
        assert stall.create(stall.arguments(open_one, stall.deal(seller=seller))).reason == "bad seller"


def test_limits_of_the_grant_hold(stall: Stall) -> None:
    grant = stall.grant(per_spend=USDC)
    assert stall.create(stall.arguments(grant, stall.deal())).reason == "above the per-spend limit"
    grant = stall.grant()
    assert stall.purse.revoke(grant).ok
    assert stall.create(stall.arguments(grant, stall.deal())).reason == "revoked"


def test_a_child_funds_out_of_its_parents(stall: Stall) -> None:
    root = stall.grant()
    child = stall.purse.child(root)
    by = stall.purse.child_key
    assert stall.create(stall.arguments(child, stall.deal(), by=by)).reason == "a parent is missing"
    outcome = stall.create(stall.arguments(child, stall.deal(), (root,), by))
    assert outcome.ok, outcome.reason
    assert stall.purse.spent_units(root) == stall.purse.spent_units(child) == AMOUNT // 100


def test_the_key_acts_for_the_owner_to_whom_all_money_goes_back(stall: Stall) -> None:
    seller, escrow = stall.world.seller, stall.world.escrow
    grant, accepted = stall.funded()
    stall.world.must(seller, escrow, "submitDelivery", accepted, b"\1" * 32)
    for stranger in (str(stall.purse.relayer), stall.purse.other_key.address, seller):
        assert send(stranger, escrow, "accept", accepted).reason == "not the buyer"
    stall.world.must(grant.key, escrow, "accept", accepted)
    assert stall.world.status(accepted) == RELEASED
    grant, disputed = stall.funded()
    stall.world.must(seller, escrow, "submitDelivery", disputed, b"\1" * 32)
    stall.world.must(grant.key, escrow, "dispute", disputed)
    assert stall.world.status(disputed) == DISPUTED
    before = stall.owned()
    stall.world.must(stall.world.resolver, escrow, "resolveDispute", disputed, BUYER_REFUND, 0, 0)
    assert stall.owned() == before + LOCKED
    grant, abandoned = stall.funded()
    at(now() + 10 * DAY)
    assert not send(str(stall.purse.relayer), escrow, "claimAbandoned", abandoned).ok
    before = stall.owned()
    stall.world.must(grant.key, escrow, "claimAbandoned", abandoned)
    assert stall.owned() == before + LOCKED
    assert stall.purse.balance(grant.key) == 0


def test_the_owner_needs_no_key(stall: Stall) -> None:
    """OWNER_CAN_ALWAYS_RECLAIM: with the delegate gone and the grant revoked."""
    grant, escrow_id = stall.funded()
    assert stall.purse.revoke(grant).ok
    at(now() + 10 * DAY)
    before = stall.owned()
    stall.world.must(grant.owner, stall.world.escrow, "claimAbandoned", escrow_id)
    assert stall.owned() == before + LOCKED


def test_a_key_of_one_escrow_is_none_of_another(stall: Stall) -> None:
    grant, _ = stall.funded()
    other = stall.world.delivered()
    assert send(grant.key, stall.world.escrow, "accept", other).reason == "not the buyer"
    assert send("0x" + "0" * 40, stall.world.escrow, "accept", other).reason == "not the buyer"


def test_it_can_be_switched_off(stall: Stall) -> None:
    grant = stall.grant()
    arguments = stall.arguments(grant, stall.deal())
    stall.world.must(stall.world.owner, stall.world.escrow, "pause")
    assert stall.create(arguments).reason == "paused"
    stall.world.must(stall.world.owner, stall.world.escrow, "unpause")
    assert send(str(stall.purse.stranger), stall.world.escrow, "setAllowance", "0x" + "0" * 40).reason
    stall.world.must(stall.world.owner, stall.world.escrow, "setAllowance", "0x" + "0" * 40)
    assert stall.create(arguments).reason == "no session allowance"
    stall.world.must(stall.world.owner, stall.world.escrow, "setTokenSupported", grant.token, False)
    assert stall.create(arguments).reason == "token not supported"


def test_exactly_the_amount_has_to_arrive(stall: Stall) -> None:
    grant = stall.grant(token=str(stall.purse.odd.address))
    arguments = stall.arguments(grant, stall.deal())
    stall.world.must(stall.world.owner, stall.purse.odd, "behave", TAXING)
    assert stall.create(arguments).reason == "amount did not arrive"
    assert stall.purse.spent_units(grant) == 0
    assert grant_hash(grant)
