"""createEscrowWithSession: one transaction from the owner's balance into an escrow, for exactly what the key signed."""

from typing import Any

import pytest

from contracts.tests.purse import USDC
from contracts.tests.stall import AMOUNT, FEE, LOCKED, Stall
from contracts.tests.world import (
    BUYER_REFUND,
    DAY,
    DISPUTED,
    RELEASED,
    TAXING,
    at,
    call,
    events,
    now,
    send,
)
from valetkey.wire.grants import grant_hash


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
