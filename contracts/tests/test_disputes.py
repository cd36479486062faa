"""resolveDispute: who decides, what each outcome pays, and that every base unit is paid out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.tests.world import (
    BUYER_REFUND,
    REFUNDED,
    RESOLVED,
    SELLER_PAID,
    SPLIT,
    World,
    at,
    call,
    events,
    now,
    send,
)


@pytest.mark.parametrize(
    ("outcome", "buyer_percent", "seller_percent", "to_buyer", "status", "scores"),
    [
        (BUYER_REFUND, 0, 0, 999_999, REFUNDED, (1, -3)),
        (BUYER_REFUND, 100, 0, 999_999, REFUNDED, (1, -3)),
        (SELLER_PAID, 0, 0, 0, RESOLVED, (-3, 1)),
        (SELLER_PAID, 0, 100, 0, RESOLVED, (-3, 1)),
        (SPLIT, 50, 50, 500_000, RESOLVED, (0, 0)),
        (SPLIT, 0, 100, 0, RESOLVED, (0, 0)),
        (SPLIT, 100, 0, 999_999, RESOLVED, (0, 0)),
        (SPLIT, 67, 33, 670_000, RESOLVED, (0, 0)),
        (SPLIT, 33, 67, 330_000, RESOLVED, (0, 0)),
        (SPLIT, 99, 1, 990_000, RESOLVED, (0, 0)),
    ],
)
def test_what_each_outcome_pays(
    world: World,
    outcome: int,
    buyer_percent: int,
    seller_percent: int,
    to_buyer: int,
    status: int,
    scores: tuple[int, int],
) -> None:
    escrow_id = world.disputed(amount=999_999 + 19_999)
    assert call(world.escrow, "getResolution", escrow_id) == (0, 0, 0)
    before = world.balances(world.usdc, world.buyer, world.seller)
    done = world.must(
        world.resolver, world.escrow, "resolveDispute", escrow_id, outcome, buyer_percent, seller_percent
    )
    after = world.balances(world.usdc, world.buyer, world.seller)
    assert [b - a for a, b in zip(before, after, strict=True)] == [to_buyer, 999_999 - to_buyer]
    assert world.balances(world.usdc, world.escrow.address) == [0]
    assert world.status(escrow_id) == status
    told = {BUYER_REFUND: (100, 0), SELLER_PAID: (0, 100)}.get(outcome, (buyer_percent, seller_percent))
    assert call(world.escrow, "getResolution", escrow_id) == (outcome, *told)
    assert tuple(call(world.score, "getScore", agent) for agent in (world.buyer, world.seller)) == scores
    assert events(world.escrow, done) == [
        (
            "DisputeResolved",
            {
                "escrowId": escrow_id,
                "resolver": world.resolver,
                "outcome": outcome,
                "token": world.usdc.address,
                "buyerAmount": to_buyer,
                "sellerAmount": 999_999 - to_buyer,
            },
        )
    ]


@pytest.mark.parametrize(
    ("outcome", "buyer_percent", "seller_percent", "reason"),
    [
        (0, 50, 50, "bad outcome"),
        (4, 50, 50, "bad outcome"),
        (255, 0, 100, "bad outcome"),
        (SPLIT, 0, 0, "bad percentages"),
        (SPLIT, 50, 49, "bad percentages"),
        (SPLIT, 50, 51, "bad percentages"),
        (SPLIT, 101, 0, "bad percentages"),
        (SPLIT, 2**256 - 1, 101, "bad percentages"),
        (BUYER_REFUND, 0, 100, "bad percentages"),
        (BUYER_REFUND, 50, 50, "bad percentages"),
        (SELLER_PAID, 100, 0, "bad percentages"),
        (SELLER_PAID, 0, 99, "bad percentages"),
    ],
)
def test_a_decision_that_contradicts_itself_is_none(
    world: World, outcome: int, buyer_percent: int, seller_percent: int, reason: str
) -> None:
    escrow_id = world.disputed()
    done = send(
        world.resolver, world.escrow, "resolveDispute", escrow_id, outcome, buyer_percent, seller_percent
    )
    assert done.reason == reason
    assert call(world.escrow, "getResolution", escrow_id) == (0, 0, 0)


def test_only_the_resolver_decides_and_only_once(world: World) -> None:
    escrow_id = world.disputed()
    for party in (world.buyer, world.seller, world.owner, world.treasury, world.stranger):
        done = send(party, world.escrow, "resolveDispute", escrow_id, BUYER_REFUND, 0, 0)
        assert done.reason == "not the resolver"
    for undisputed in (world.funded(), world.delivered(), bytes(32)):
        done = send(world.resolver, world.escrow, "resolveDispute", undisputed, BUYER_REFUND, 0, 0)
        assert done.reason == "not disputed"
    world.must(world.resolver, world.escrow, "resolveDispute", escrow_id, BUYER_REFUND, 0, 0)
    done = send(world.resolver, world.escrow, "resolveDispute", escrow_id, SELLER_PAID, 0, 0)
    assert done.reason == "not disputed"


def test_an_escrow_that_ended_without_a_dispute_has_no_resolution(world: World) -> None:
    accepted, finalized, abandoned = world.delivered(), world.delivered(), world.funded()
    world.must(world.buyer, world.escrow, "accept", accepted)
    at(now() + 10**6)
    world.must(world.stranger, world.escrow, "finalizeRelease", finalized)
    world.must(world.buyer, world.escrow, "claimAbandoned", abandoned)
    for escrow_id in (accepted, finalized, abandoned, bytes(32)):
        assert call(world.escrow, "getResolution", escrow_id) == (0, 0, 0)


def test_while_disputed_nobody_else_moves_the_money(world: World) -> None:
    escrow_id = world.disputed()
    at(now() + 10**8)
    for function in ("accept", "dispute", "finalizeRelease", "claimAbandoned"):
        assert not send(world.buyer, world.escrow, function, escrow_id).ok
    assert world.balances(world.usdc, world.escrow.address) == [1_000_000]


def test_a_new_resolver_decides_what_the_old_one_left(world: World) -> None:
    escrow_id = world.disputed()
    world.must(world.owner, world.escrow, "setResolver", world.stranger)
    done = send(world.resolver, world.escrow, "resolveDispute", escrow_id, BUYER_REFUND, 0, 0)
    assert done.reason == "not the resolver"
    world.must(world.stranger, world.escrow, "resolveDispute", escrow_id, BUYER_REFUND, 0, 0)


@given(amount=st.integers(1, 10**14), seller_percent=st.integers(0, 100))
def test_a_split_pays_everything_and_the_dust_goes_to_the_buyer(
    deployed: World, amount: int, seller_percent: int
) -> None:
    world = deployed
    escrow_id = world.disputed(amount=amount)
    locked = call(world.escrow, "getEscrow", escrow_id)[3]
    before = world.balances(world.usdc, world.buyer, world.seller)
    world.must(
        world.resolver, world.escrow, "resolveDispute", escrow_id, SPLIT, 100 - seller_percent, seller_percent
    )
    after = world.balances(world.usdc, world.buyer, world.seller)
    to_buyer, to_seller = (b - a for a, b in zip(before, after, strict=True))
    assert to_seller == locked * seller_percent // 100
    assert to_buyer + to_seller == locked
