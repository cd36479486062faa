"""Who may do what at which second: every window at its edge minus one, at its edge and one after."""

import pytest

from contracts.tests.world import (
    ABANDONED,
    DAY,
    DELIVERED,
    DISPUTED,
    FUNDED,
    RELEASED,
    World,
    at,
    call,
    events,
    now,
    send,
)

WINDOWS = [(0, 3_600), (300, 300), (86_400, 86_400)]
GRACES = [(0, 172_800), (3_600, 3_600), (2_592_000, 2_592_000)]


@pytest.mark.parametrize(("asked", "window"), WINDOWS)
@pytest.mark.parametrize(("offset", "open_"), [(-1, True), (0, False), (1, False)])
def test_the_dispute_window_is_half_open(
    world: World, asked: int, window: int, offset: int, open_: bool
) -> None:
    escrow_id = world.delivered(dispute_window=asked)
    at(now() + window + offset)
    assert call(world.escrow, "isDisputeWindowActive", escrow_id) is open_
    assert call(world.escrow, "canFinalize", escrow_id) is not open_
    finalized = send(world.stranger, world.escrow, "finalizeRelease", escrow_id)
    assert finalized.ok is not open_
    disputed = send(world.buyer, world.escrow, "dispute", escrow_id)
    assert disputed.ok is open_
    assert world.status(escrow_id) == (DISPUTED if open_ else RELEASED)
    assert (finalized if open_ else disputed).reason == ("dispute window open" if open_ else "not delivered")


@pytest.mark.parametrize("offset", [0, 1, DAY])
def test_a_dispute_comes_too_late_even_when_nobody_finalized(world: World, offset: int) -> None:
    escrow_id = world.delivered()
    at(now() + 3_600 + offset)
    assert send(world.buyer, world.escrow, "dispute", escrow_id).reason == "dispute window closed"


@pytest.mark.parametrize("later", [0, 3_599, 3_600, 400 * DAY])
def test_the_buyer_accepts_at_any_time(world: World, later: int) -> None:
    escrow_id = world.delivered()
    at(now() + later)
    outcome = world.must(world.buyer, world.escrow, "accept", escrow_id)
    assert world.status(escrow_id) == RELEASED
    assert events(world.escrow, outcome) == [
        (
            "EscrowReleased",
            {
                "escrowId": escrow_id,
                "seller": world.seller,
                "caller": world.buyer,
                "how": 1,
                "token": world.usdc.address,
                "amount": 1_000_000,
            },
        )
    ]


@pytest.mark.parametrize(("asked", "grace"), GRACES)
@pytest.mark.parametrize(("offset", "over"), [(-1, False), (0, True), (1, True)])
def test_from_the_end_of_the_grace_on_only_the_buyer_can_act(
    world: World, asked: int, grace: int, offset: int, over: bool
) -> None:
    escrow_id = world.funded(abandonment_grace=asked)
    at(now() + DAY + grace + offset)
    assert call(world.escrow, "canClaimAbandoned", escrow_id) is over
    delivered = send(world.seller, world.escrow, "submitDelivery", escrow_id, bytes(32))
    claimed = send(world.buyer, world.escrow, "claimAbandoned", escrow_id)
    if over:
        assert delivered.reason == "abandoned"
        assert claimed.ok
        assert world.status(escrow_id) == ABANDONED
    else:
        assert delivered.ok
        assert claimed.reason == "not funded"
        assert world.status(escrow_id) == DELIVERED


def test_a_claim_before_the_end_of_the_grace_is_refused(world: World) -> None:
    escrow_id = world.funded()
    for moment in (now(), now() + DAY, now() + DAY + 172_799):
        at(moment)
        assert send(world.buyer, world.escrow, "claimAbandoned", escrow_id).reason == "not abandoned yet"


def test_a_claim_pays_the_locked_amount_and_not_the_fee(world: World) -> None:
    before = world.balances(world.usdc, world.buyer)
    escrow_id = world.funded()
    at(now() + DAY + 172_800)
    outcome = world.must(world.buyer, world.escrow, "claimAbandoned", escrow_id)
    assert world.balances(world.usdc, world.buyer, world.escrow.address, world.treasury) == [
        before[0] - 20_000,
        0,
        20_000,
    ]
    assert events(world.escrow, outcome) == [
        (
            "EscrowAbandoned",
            {
                "escrowId": escrow_id,
                "buyer": world.buyer,
                "seller": world.seller,
                "token": world.usdc.address,
                "amount": 1_000_000,
            },
        )
    ]
    assert call(world.score, "getAgentStats", world.seller)[:4] == (-5, 0, 0, 1)


@pytest.mark.parametrize("late", [DAY - 1, DAY, DAY + 1, DAY + 172_799])
def test_late_delivery_inside_the_grace_counts(world: World, late: int) -> None:
    escrow_id = world.funded()
    at(now() + late)
    outcome = world.must(world.seller, world.escrow, "submitDelivery", escrow_id, b"\x05" * 32)
    assert call(world.escrow, "getEscrow", escrow_id)[10:12] == (now(), b"\x05" * 32)
    assert events(world.escrow, outcome) == [
        (
            "DeliverySubmitted",
            {
                "escrowId": escrow_id,
                "seller": world.seller,
                "submitter": world.seller,
                "proofHash": b"\x05" * 32,
                "disputableUntil": now() + 3_600,
            },
        )
    ]


def test_nothing_happens_twice_or_out_of_order(world: World) -> None:
    escrow_id = world.funded()
    for function in ("accept", "dispute"):
        assert send(world.buyer, world.escrow, function, escrow_id).reason == "not delivered"
    assert send(world.stranger, world.escrow, "finalizeRelease", escrow_id).reason == "not delivered"
    world.must(world.seller, world.escrow, "submitDelivery", escrow_id, bytes(32))
    assert send(world.seller, world.escrow, "submitDelivery", escrow_id, bytes(32)).reason == "not funded"
    world.must(world.buyer, world.escrow, "accept", escrow_id)
    assert send(world.buyer, world.escrow, "accept", escrow_id).reason == "not delivered"
    at(now() + 400 * DAY)
    for function in ("claimAbandoned", "finalizeRelease", "dispute", "accept"):
        assert not send(world.buyer, world.escrow, function, escrow_id).ok


def test_each_step_belongs_to_one_party(world: World) -> None:
    everybody = (world.buyer, world.seller, world.owner, world.resolver, world.treasury, world.stranger)
    escrow_id = world.funded()
    for party in everybody:
        if party != world.seller:
            outcome = send(party, world.escrow, "submitDelivery", escrow_id, bytes(32))
            assert outcome.reason == "not the seller"
    assert world.status(escrow_id) == FUNDED
    world.must(world.seller, world.escrow, "submitDelivery", escrow_id, bytes(32))
    for party in everybody:
        if party != world.buyer:
            for function in ("accept", "dispute"):
                assert send(party, world.escrow, function, escrow_id).reason == "not the buyer"
    abandoned = world.funded()
    at(now() + 4 * DAY)
    for party in everybody:
        if party != world.buyer:
            assert send(party, world.escrow, "claimAbandoned", abandoned).reason == "not the buyer"
