"""Replays: what was granted passes again under its own policy, and under others whatever they would have granted."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stateful.tree_shapes import CHANCES, policy_of, policy_shape, request_of, spend_shape
from tests.unit.core.build import BEGINS, ETH, HOLD, POLICY, SESSION, spend
from valetkey.core.commands import Capture, PlaceHold, Void
from valetkey.core.diff import Wider, wider
from valetkey.core.ledger import State, apply
from valetkey.core.limits import Limits
from valetkey.core.policy import Policy
from valetkey.core.refusal import Code, Refused
from valetkey.core.replay import replay
from valetkey.core.spend import Hold, HoldState, SpendRequest
from valetkey.core.windows import Window


def hold(number: int, units: int, at: int, **fields: object) -> Hold:
    """A hold that was placed at a moment; `fields` say how it ended."""
    plain = {"id": f"hld_{number}", "request": spend(units), "amount": units, "placed_at": at, **fields}
    return replace(HOLD, **plain)  # type: ignore[arg-type]


def captured(number: int, units: int, at: int, moved: int | None = None, after: int = 5) -> Hold:
    return hold(
        number,
        units,
        at,
        state=HoldState.CAPTURED,
        captured=units if moved is None else moved,
        settled_at=at + after,
    )


def test_a_smaller_budget_would_have_refused_the_last_ones() -> None:
    history = [captured(number, 10, BEGINS + 100 * number) for number in range(5)]
    found = replay(replace(POLICY, budget=35), history)
    assert [(one.hold.id, [r.code for r in one.reasons]) for one in found.refused] == [
        ("hld_3", [Code.BUDGET_EXCEEDED]),
        ("hld_4", [Code.BUDGET_EXCEEDED]),
    ]
    assert (found.passed, found.passed_units, found.refused_units) == (3, {"USDC": 30}, {"USDC": 20})


def test_what_was_given_back_is_there_for_the_next_one() -> None:
    voided = hold(0, 30, BEGINS, state=HoldState.VOIDED, settled_at=BEGINS + 50)
    less = captured(1, 30, BEGINS + 50, moved=5)
    assert replay(replace(POLICY, budget=35), [voided, less, hold(2, 30, BEGINS + 60)]).refused == ()
    over = replay(replace(POLICY, budget=35), [replace(voided, settled_at=BEGINS + 51), less])
    assert [one.hold.id for one in over.refused] == ["hld_1"]


def test_a_spend_that_is_refused_takes_nothing() -> None:
    history = [captured(0, 40, BEGINS), captured(1, 20, BEGINS + 10), captured(2, 30, BEGINS + 20)]
    found = replay(replace(POLICY, budget=50, per_spend=35), history)
    assert [one.hold.id for one in found.refused] == ["hld_0"]


def test_what_nobody_asked_for_is_debited_and_neither_refused_nor_passed() -> None:
    seen = captured(1, 30, BEGINS + 10, after=0)
    seen = replace(seen, expires_at=seen.placed_at)
    history = [captured(0, 20, BEGINS), seen, captured(2, 1, BEGINS + 20)]
    own = replay(replace(POLICY, budget=51), history)
    assert (own.refused, own.passed, own.passed_units) == ((), 2, {"USDC": 21})
    smaller = replay(replace(POLICY, budget=25, per_spend=20), history)
    assert [one.hold.id for one in smaller.refused] == ["hld_2"]
    assert (smaller.passed, smaller.refused_units) == (1, {"USDC": 1})


def test_other_rules_and_currencies() -> None:
    coin = hold(1, 3, BEGINS + 1, request=SpendRequest(replace(spend(3).amount, asset=ETH), "svc_2"))
    history = [hold(0, 3, BEGINS), coin, hold(2, 3, BEGINS + 61)]
    found = replay(replace(POLICY, allowed_services=frozenset({"svc_1"}), spends_max=1), history)
    assert [[str(r.code) for r in one.reasons] for one in found.refused] == [
        ["service_not_allowed", "no_limit_for_asset", "spend_count_exceeded"],
        ["spend_count_exceeded"],
    ]
    assert found.refused_units == {"ETH": 3, "USDC": 3}
    both = replace(POLICY, others=(Limits("ETH", 3),), windows=(Window(60, 5),))
    assert replay(both, history).passed_units == {"ETH": 3, "USDC": 6}
    (late,) = replay(both, [*history[:2], hold(2, 3, BEGINS + 60)]).refused
    assert late.reasons[0].resets_at == BEGINS + 61


def test_a_threshold_asks_the_owner_and_refuses_nothing() -> None:
    history = [captured(0, 10, BEGINS), captured(1, 11, BEGINS + 10)]
    found = replay(replace(POLICY, approval_above=10), history)
    assert (found.waiting, found.refused, found.passed) == (("hld_1",), (), 2)


@pytest.mark.parametrize(
    ("at", "code"),
    [(BEGINS - 1, Code.SESSION_PENDING), (BEGINS, None), (4_999, None), (5_000, Code.SESSION_EXPIRED)],
)
def test_its_own_life_is_half_open(at: int, code: Code | None) -> None:
    found = replay(POLICY, [hold(0, 1, at)])
    assert [one.reasons[0].code for one in found.refused] == ([] if code is None else [code])


def test_nothing_was_spent() -> None:
    found = replay(POLICY, [])
    assert (found.refused, found.waiting, found.passed, found.passed_units) == ((), (), 0, {})


def _lived(policy: Policy, chance: Random) -> list[Hold]:
    """What a session with this policy spent: holds in the states that they ended in."""
    session, now, holds = replace(SESSION, policy=policy), BEGINS, {}
    for number in range(30):
        now += chance.choice([0, 0, 1, 59, 60, 61, 240, 600])
        command = PlaceHold(f"hld_{number}", request_of(spend_shape(chance), number), now + 60, now + 60)
        after = apply(State(session), command, now)
        if isinstance(after, State):
            assert after.hold is not None
            session, holds[after.hold.id] = after.session, after.hold
        for one in [one for one in holds.values() if one.settled_at is None and chance.random() < 0.3]:
            end = chance.choice(
                [Void(), Capture(one.amount), Capture(one.amount // 2), Capture(one.amount + 3)]
            )
            settled = apply(State(session, one), end, now)
            assert isinstance(settled, State)
            assert settled.hold is not None
            session, holds[one.id] = settled.session, settled.hold
    return list(holds.values())


@given(CHANCES, CHANCES)
def test_what_was_spent_passes_under_its_own_policy(shape: Random, chance: Random) -> None:
    policy = policy_of(policy_shape(shape), BEGINS)
    history = _lived(policy, chance)
    found = replay(policy, history)
    assert found.refused == ()
    assert found.passed == len(history)


@given(CHANCES, CHANCES, CHANCES)
def test_a_replay_adds_up_and_a_wider_policy_refuses_nothing(
    shape: Random, other: Random, chance: Random
) -> None:
    policy, another = policy_of(policy_shape(shape), BEGINS), policy_of(policy_shape(other), BEGINS)
    history = _lived(policy, chance)
    found = replay(another, history)
    assert found.passed + len(found.refused) == len(history)
    for currency in ("USDC", "ETH"):
        units = sum(one.amount for one in history if one.currency == currency)
        assert found.passed_units.get(currency, 0) + found.refused_units.get(currency, 0) == units
    assert not found.refused or wider(another, policy) not in (Wider.A, Wider.EQUAL)


@given(st.integers(0, 60), CHANCES)
def test_NO_OVERSPEND_a_replay_grants_no_more_than_its_budget(budget: int, chance: Random) -> None:
    history = [captured(number, chance.randint(0, 20), BEGINS + number, after=0) for number in range(12)]
    found = replay(replace(POLICY, budget=budget), history)
    assert found.passed_units.get("USDC", 0) <= budget
    assert isinstance(found.refused, tuple)
    assert all(isinstance(Refused(one.reasons), Refused) for one in found.refused)
