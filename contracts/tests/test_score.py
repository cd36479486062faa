"""The score contract: points, who may record, and the table of largest jobs."""

import boa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.tests.world import BUYER_REFUND, SELLER_PAID, SPLIT, World, call, events, send

DOLLAR = 1_000_000
LIMITS = [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000]

# The lanes of an agent's word, at their edges and anywhere between.
SCORE_LEAST, SCORE_MOST, COUNT_MOST = -(2**63), 2**63 - 1, 2**64 - 1
SCORES = st.one_of(
    st.sampled_from([SCORE_LEAST, SCORE_LEAST + 4, -1, 0, 9, SCORE_MOST - 1, SCORE_MOST]),
    st.integers(SCORE_LEAST, SCORE_MOST),
)
COUNTS = st.one_of(st.sampled_from([0, COUNT_MOST - 1, COUNT_MOST]), st.integers(0, COUNT_MOST))
STATS = st.tuples(SCORES, COUNTS, COUNTS, COUNTS)
# What the seller gets of each record: function, what is told besides the agents, what is added.
RECORDS = {
    "completed": ("recordCompletion", (7,), (1, 1, 0, 0)),
    "won": ("recordDisputeOutcome", (SELLER_PAID, 7), (1, 1, 0, 0)),
    "lost": ("recordDisputeOutcome", (BUYER_REFUND, 7), (-3, 1, 1, 0)),
    "split": ("recordDisputeOutcome", (SPLIT, 7), (0, 1, 0, 0)),
    "abandoned": ("recordAbandonment", (7,), (-5, 0, 0, 1)),
}


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


@given(before=STATS, kind=st.sampled_from(sorted(RECORDS)))
def test_no_lane_of_an_agents_word_touches_another(
    deployed: World, before: tuple[int, int, int, int], kind: str
) -> None:
    """At any stats a record changes what it should, or reverts as a whole where a lane would overflow."""
    world, (function, told, added) = deployed, RECORDS[kind]
    agents = (world.seller,) if function == "recordAbandonment" else (world.buyer, world.seller)
    after = tuple(old + more for old, more in zip(before, added, strict=True))
    fits = SCORE_LEAST <= after[0] <= SCORE_MOST and max(after[1:]) <= COUNT_MOST
    with boa.env.anchor():
        world.must(world.owner, world.score, "setRecorder", world.key, True)
        world.score.internal._set_stats(world.seller, before)
        assert stats(world, world.seller) == before
        assert call(world.score, "getScore", world.seller) == before[0]
        outcome = send(world.key, world.score, function, *agents, *told)
        assert outcome.ok is fits
        assert stats(world, world.seller) == (after if fits else before)
        if fits and added[0]:
            changed = {"agent": world.seller, "change": added[0], "score": after[0]}
            assert ("ScoreChanged", changed) in events(world.score, outcome)
        else:
            assert all(
                fields["agent"] != world.seller
                for name, fields in events(world.score, outcome)
                if name == "ScoreChanged"
            )


def test_one_agent_on_both_sides_is_counted_twice(world: World, recorder: str) -> None:
    """The escrow lets nobody sell to himself; another recorder might."""
    both = (world.seller, world.seller)
    world.must(recorder, world.score, "recordCompletion", *both, 7)
    assert stats(world, world.seller) == (2, 2, 0, 0)
    world.must(recorder, world.score, "recordDisputeOutcome", *both, BUYER_REFUND, 7)
    assert stats(world, world.seller) == (0, 4, 1, 0)


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
