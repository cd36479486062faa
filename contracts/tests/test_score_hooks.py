"""The escrow tells the score: a broken score stops no payment, and too little gas dodges no bad score."""

from typing import Any

import boa
import pytest

from contracts.tests.world import (
    CONTRACTS,
    DAY,
    DOUBLES,
    RELEASED,
    SELLER_PAID,
    World,
    at,
    call,
    deployer,
    events,
    now,
    send,
)

ZERO = "0x" + "00" * 20
REVERTING, BURNING, BABBLING = range(3)


def endings(world: World) -> list[tuple[str, str, tuple[Any, ...]]]:
    """One escrow for each way to end: sender, function, arguments."""
    accepted, finalized, disputed = world.delivered(), world.delivered(), world.disputed()
    abandoned = world.funded()
    at(now() + 4 * DAY)
    return [
        (world.buyer, "accept", (accepted,)),
        (world.stranger, "finalizeRelease", (finalized,)),
        (world.resolver, "resolveDispute", (disputed, SELLER_PAID, 0, 0)),
        (world.buyer, "claimAbandoned", (abandoned,)),
    ]


@pytest.mark.parametrize("mode", [REVERTING, BURNING, BABBLING])
def test_a_broken_score_stops_no_payment(world: World, mode: int) -> None:
    bad = deployer(DOUBLES / "BadScore.vy").deploy()
    world.must(world.owner, bad, "behave", mode)
    world.must(world.owner, world.escrow, "setScore", bad.address)
    for sender, function, arguments in endings(world):
        outcome = world.must(sender, world.escrow, function, *arguments)
        missed = ("ScoreNotRecorded", {"escrowId": arguments[0], "score": bad.address})
        assert (missed in events(world.escrow, outcome)) is (mode != BABBLING)
        assert outcome.gas_used < 200_000
    assert world.balances(world.usdc, world.escrow.address) == [0]


@pytest.mark.parametrize("kind", ["none", "no code", "not a recorder"])
def test_a_missing_score_stops_no_payment(world: World, kind: str) -> None:
    other = deployer(CONTRACTS / "Score.vy").deploy(world.owner)
    score = {"none": ZERO, "no code": world.stranger, "not a recorder": other.address}[kind]
    world.must(world.owner, world.escrow, "setScore", score)
    for sender, function, arguments in endings(world):
        outcome = world.must(sender, world.escrow, function, *arguments)
        said = [name for name, _ in events(world.escrow, outcome)]
        assert ("ScoreNotRecorded" in said) is (kind != "none")
    assert world.balances(world.usdc, world.escrow.address) == [0]


def test_a_score_that_calls_back_gets_nowhere(world: World) -> None:
    bad = deployer(DOUBLES / "BadScore.vy").deploy()
    world.must(world.owner, world.escrow, "setScore", bad.address)
    first, second = world.delivered(), world.delivered()
    at(now() + DAY)
    strike = world.escrow.finalizeRelease.prepare_calldata(second)
    world.must(world.owner, bad, "arm", world.escrow.address, strike)
    world.must(world.buyer, world.escrow, "accept", first)
    assert call(bad, "landed") is False
    assert world.status(second) != RELEASED


@pytest.mark.parametrize("ending", range(4))
def test_no_amount_of_gas_pays_without_a_score(world: World, ending: int) -> None:
    """Whatever gas is sent, either everything happened or nothing did."""
    sender, function, arguments = endings(world)[ending]
    # The first record of an agent costs most: its storage in the score contract is cold and empty.

    def attempt(gas: int) -> bool:
        with boa.env.anchor():
            outcome = send(sender, world.escrow, function, *arguments, gas=gas)
            points = call(world.score, "getScore", world.seller)
            if outcome.ok:
                assert "ScoreNotRecorded" not in [name for name, _ in events(world.escrow, outcome)], gas
                assert points == (-5 if function == "claimAbandoned" else 1), gas
                assert outcome.gas_used < 150_000
            else:
                assert points == 0, gas
                assert world.balances(world.usdc, world.escrow.address) == [4_000_000]
            return outcome.ok

    too_little, enough = 21_000, 500_000
    assert not attempt(too_little)
    assert attempt(enough)
    while enough - too_little > 1:
        middle = (too_little + enough) // 2
        too_little, enough = (too_little, middle) if attempt(middle) else (middle, enough)
    for gas in (*range(21_000, 400_000, 23_917), *range(enough - 8_000, enough + 8_000, 1_999)):
        assert attempt(gas) is (gas >= enough), gas


def test_scores_follow_the_endings(world: World) -> None:
    for sender, function, arguments in endings(world):
        world.must(sender, world.escrow, function, *arguments)
    assert call(world.score, "getAgentStats", world.seller)[:4] == (1 + 1 + 1 - 5, 3, 0, 1)
    assert call(world.score, "getAgentStats", world.buyer)[:4] == (1 + 1 - 3, 3, 1, 0)
