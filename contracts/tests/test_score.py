"""The score contract: points, who may record, and the table of largest jobs."""

import pytest

from contracts.tests.world import BUYER_REFUND, SELLER_PAID, SPLIT, World, call, events, send

DOLLAR = 1_000_000
LIMITS = [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000]


@pytest.fixture
def recorder(world: World) -> str:
    world.must(world.owner, world.score, "setRecorder", world.key, True)
    return world.key


def stats(world: World, agent: str) -> tuple[int, ...]:
    return tuple(call(world.score, "getAgentStats", agent))[:4]


def test_a_completion_is_a_point_for_both(world: World, recorder: str) -> None:
    outcome = world.must(recorder, world.score, "recordCompletion", world.buyer, world.seller, 7)
    assert stats(world, world.buyer) == stats(world, world.seller) == (1, 1, 0, 0)
    assert events(world.score, outcome) == [
        ("ScoreChanged", {"agent": world.buyer, "change": 1, "score": 1}),
        ("ScoreChanged", {"agent": world.seller, "change": 1, "score": 1}),
        ("CompletionRecorded", {"buyer": world.buyer, "seller": world.seller, "amount": 7}),
    ]


@pytest.mark.parametrize(
    ("outcome", "buyer", "seller"),
    [
        (BUYER_REFUND, (1, 1, 0, 0), (-3, 1, 1, 0)),
        (SELLER_PAID, (-3, 1, 1, 0), (1, 1, 0, 0)),
        (SPLIT, (0, 1, 0, 0), (0, 1, 0, 0)),
    ],
)
def test_disputes(
    world: World, recorder: str, outcome: int, buyer: tuple[int, ...], seller: tuple[int, ...]
) -> None:
    done = world.must(recorder, world.score, "recordDisputeOutcome", world.buyer, world.seller, outcome, 7)
    assert (stats(world, world.buyer), stats(world, world.seller)) == (buyer, seller)
    assert events(world.score, done)[-1] == (
        "DisputeOutcomeRecorded",
        {"buyer": world.buyer, "seller": world.seller, "outcome": outcome, "amount": 7},
    )


@pytest.mark.parametrize("outcome", [0, 4, 255])
def test_no_other_outcome(world: World, recorder: str, outcome: int) -> None:
    done = send(recorder, world.score, "recordDisputeOutcome", world.buyer, world.seller, outcome, 7)
    assert done.reason == "bad outcome"


def test_an_abandonment_costs_the_seller_five(world: World, recorder: str) -> None:
    outcome = world.must(recorder, world.score, "recordAbandonment", world.seller, 7)
    assert stats(world, world.seller) == (-5, 0, 0, 1)
    assert events(world.score, outcome) == [
        ("ScoreChanged", {"agent": world.seller, "change": -5, "score": -5}),
        ("AbandonmentRecorded", {"seller": world.seller, "amount": 7}),
    ]


def test_the_largest_job_by_points(world: World, recorder: str) -> None:
    """Every ten points one step, at both edges of each step."""
    for points in range(101):
        found = call(world.score, "getMaxJobValue", world.seller)
        assert found == (LIMITS[points // 10] * DOLLAR if points < 100 else 2**256 - 1), points
        assert call(world.score, "getAgentStats", world.seller)[4] == found
        assert call(world.score, "getScore", world.seller) == points
        world.must(recorder, world.score, "recordCompletion", world.buyer, world.seller, 1)


def test_the_floor_holds_for_negative_points(world: World, recorder: str) -> None:
    for _ in range(3):
        world.must(recorder, world.score, "recordAbandonment", world.seller, 1)
    assert call(world.score, "getScore", world.seller) == -15
    assert call(world.score, "getMaxJobValue", world.seller) == 10 * DOLLAR
    assert call(world.score, "getAgentStats", world.stranger) == (0, 0, 0, 0, 10 * DOLLAR)


def test_only_a_recorder_records(world: World, recorder: str) -> None:
    calls = [
        ("recordCompletion", (world.buyer, world.seller, 1)),
        ("recordDisputeOutcome", (world.buyer, world.seller, 1, 1)),
        ("recordAbandonment", (world.seller, 1)),
    ]
    for function, arguments in calls:
        for party in (world.owner, world.buyer, world.seller, world.stranger):
            assert send(party, world.score, function, *arguments).reason == "not a recorder"
    revoked = world.must(world.owner, world.score, "setRecorder", recorder, False)
    assert events(world.score, revoked) == [("RecorderChanged", {"recorder": recorder, "allowed": False})]
    assert call(world.score, "isRecorder", recorder) is False
    for function, arguments in calls:
        assert send(recorder, world.score, function, *arguments).reason == "not a recorder"


def test_only_the_owner_names_recorders(world: World) -> None:
    for party in (world.buyer, world.escrow.address, world.stranger):
        assert send(party, world.score, "setRecorder", party, True).reason == "not the owner"
    assert send(world.owner, world.score, "setRecorder", "0x" + "00" * 20, True).reason == "recorder is zero"
