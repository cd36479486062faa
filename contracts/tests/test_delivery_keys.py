"""A seller's session key: it may say that something was delivered, until its time is over, and nothing else."""

import pytest

from contracts.tests.world import DELIVERED, World, at, call, events, now, send

ZERO = "0x" + "00" * 20


@pytest.mark.parametrize(("offset", "may"), [(-1, True), (0, False), (1, False)])
def test_a_key_delivers_until_its_time_is_over(world: World, offset: int, may: bool) -> None:
    escrow_id = world.funded()
    until = now() + 100
    outcome = world.must(world.seller, world.escrow, "authorizeDelivery", world.key, until)
    assert events(world.escrow, outcome) == [
        ("DeliveryAuthorized", {"seller": world.seller, "key": world.key, "authorizedUntil": until})
    ]
    assert call(world.escrow, "deliveryAuthorizedUntil", world.seller, world.key) == until
    at(until + offset)
    assert call(world.escrow, "canDeliver", world.seller, world.key) is may
    assert send(world.key, world.escrow, "submitDelivery", escrow_id, b"\x02" * 32).ok is may


def test_the_record_and_the_money_are_the_sellers(world: World) -> None:
    escrow_id = world.funded()
    world.must(world.seller, world.escrow, "authorizeDelivery", world.key, 2**256 - 1)
    outcome = world.must(world.key, world.escrow, "submitDelivery", escrow_id, b"\x02" * 32)
    ((name, fields),) = events(world.escrow, outcome)
    assert (name, fields["seller"], fields["submitter"]) == ("DeliverySubmitted", world.seller, world.key)
    assert world.status(escrow_id) == DELIVERED
    before = world.balances(world.usdc, world.seller, world.key)
    world.must(world.buyer, world.escrow, "accept", escrow_id)
    after = world.balances(world.usdc, world.seller, world.key)
    assert [b - a for a, b in zip(before, after, strict=True)] == [1_000_000, 0]
    assert call(world.score, "getScore", world.seller) == 1
    assert call(world.score, "getScore", world.key) == 0


def test_revoked_at_once(world: World) -> None:
    escrow_id = world.funded()
    world.must(world.seller, world.escrow, "authorizeDelivery", world.key, now() + 1_000)
    world.must(world.seller, world.escrow, "authorizeDelivery", world.key, 0)
    assert call(world.escrow, "canDeliver", world.seller, world.key) is False
    assert send(world.key, world.escrow, "submitDelivery", escrow_id, bytes(32)).reason == "not the seller"


def test_a_key_speaks_for_its_own_seller_only(world: World) -> None:
    world.must(world.other_seller, world.escrow, "authorizeDelivery", world.key, now() + 1_000)
    escrow_id = world.funded()
    assert send(world.key, world.escrow, "submitDelivery", escrow_id, bytes(32)).reason == "not the seller"
    assert call(world.escrow, "canDeliver", world.other_seller, world.key) is True
    assert call(world.escrow, "canDeliver", world.seller, world.key) is False


def test_a_key_can_do_nothing_else(world: World) -> None:
    world.must(world.seller, world.escrow, "authorizeDelivery", world.key, now() + 10**9)
    escrow_id = world.delivered()
    for function in ("accept", "dispute", "claimAbandoned"):
        assert not send(world.key, world.escrow, function, escrow_id).ok
    # What it authorises, it authorises for itself.
    world.must(world.key, world.escrow, "authorizeDelivery", world.stranger, now() + 10**9)
    assert call(world.escrow, "canDeliver", world.seller, world.stranger) is False


def test_a_seller_needs_no_authority_and_zero_gets_none(world: World) -> None:
    assert call(world.escrow, "canDeliver", world.seller, world.seller) is True
    assert send(world.seller, world.escrow, "authorizeDelivery", ZERO, now() + 1).reason == "key is zero"


def test_the_seller_who_forbade_himself_still_delivers(world: World) -> None:
    world.must(world.seller, world.escrow, "authorizeDelivery", world.seller, 0)
    world.delivered()
