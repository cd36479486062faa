"""The ledger: what is asked of the policy, late proof, and money that stays where it is."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.core.build import (
    AMOUNT,
    END,
    HOLD,
    LATER,
    NOW,
    SESSION,
    applied,
    session,
    spend,
    state_of,
    usage,
)
from valetkey.core.commands import Capture, Command, Expire, MarkUnknown, PlaceHold, Void
from valetkey.core.errors import Contradiction, InvalidAmount
from valetkey.core.ledger import State, apply
from valetkey.core.policy import Policy
from valetkey.core.refusal import Code, Refused
from valetkey.core.session import Role, Session, Status, Usage, remaining, status
from valetkey.core.spend import HoldState

HELD, UNKNOWN = HoldState.HELD, HoldState.UNKNOWN
PLACE = PlaceHold(HOLD.id, spend(AMOUNT), END)


def test_placing_takes_the_amount_off_the_budget() -> None:
    after = applied(State(session(held=1, captured=2)), PLACE, NOW)
    assert after.hold == replace(HOLD, state=HELD, placed_at=NOW, expires_at=END)
    assert usage(after) == (AMOUNT + 1, 2)


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (session(budget=AMOUNT - 1), Code.BUDGET_EXCEEDED),
        (session(held=50_000_000 - AMOUNT + 1), Code.BUDGET_EXCEEDED),
        (session(captured=60_000_000), Code.BUDGET_EXCEEDED),
        (session(per_spend=AMOUNT - 1), Code.PER_SPEND_EXCEEDED),
        (session(services=frozenset()), Code.SERVICE_NOT_ALLOWED),
        (session(revoked_at=1), Code.SESSION_REVOKED),
        (session(role=Role.SELLER), Code.WRONG_PARTY),
    ],
)
def test_placing_asks_the_policy(one: Session, code: Code) -> None:
    refused = apply(State(one), PLACE, NOW)
    assert isinstance(refused, Refused)
    assert refused.first.code is code


@pytest.mark.parametrize(
    ("asked", "granted"), [(AMOUNT, 4), (50_000_000, 1), (50_000_001, 0), (499_999, 100)]
)
def test_NO_OVERSPEND_however_often_money_is_asked_for(asked: int, granted: int) -> None:
    one, placed = SESSION, 0
    for number in range(120):
        after = apply(State(one), PlaceHold(f"hld_{number}", spend(asked), END), NOW)
        if isinstance(after, State):
            one, placed = after.session, placed + 1
    assert placed == granted
    assert one.usage == Usage(held=asked * granted)


def test_a_repeated_placing_is_not_decided_again() -> None:
    state = applied(State(SESSION), PLACE, NOW)
    dead = replace(state, session=replace(state.session, revoked_at=NOW))
    assert apply(dead, PLACE, LATER) is dead


def test_a_negative_amount_neither_places_nor_captures() -> None:
    with pytest.raises(InvalidAmount):
        apply(State(session(held=AMOUNT)), PlaceHold("hld_other", spend(-1), END), NOW)
    for before in HoldState:
        with pytest.raises(InvalidAmount):
            apply(state_of(before), Capture(-1), NOW)


def test_UNKNOWN_STAYS_HELD_until_proof() -> None:
    unknown = applied(state_of(HELD), MarkUnknown())
    for guess in (Void(), Void(proven=False), Expire(END - 1), Expire(0)):
        with pytest.raises(Contradiction) as caught:
            apply(unknown, guess, LATER)
        assert str(caught.value).startswith("UNKNOWN_STAYS_HELD: ")
    assert usage(unknown) == (AMOUNT, 0)
    for proof in (Void(proven=True), Expire(END)):
        assert usage(applied(unknown, proof)) == (0, 0)
    assert usage(applied(unknown, Capture(AMOUNT))) == (0, AMOUNT)


def test_the_clock_alone_expires_nothing() -> None:
    with pytest.raises(Contradiction):
        apply(state_of(HELD), Expire(END - 1), END + 10**9)


@pytest.mark.parametrize("closed_by", [Void(proven=True), Expire(END)])
def test_what_moves_late_is_debited_anew(closed_by: Command) -> None:
    state = State(session(budget=AMOUNT))
    closed = applied(applied(applied(state, PLACE, NOW), MarkUnknown()), closed_by)
    assert remaining(closed.session) == AMOUNT
    # The money came back, and was spent a second time, before the first payment showed up.
    again = applied(State(closed.session), PlaceHold("hld_second", spend(AMOUNT), END), NOW)
    late = applied(State(again.session, closed.hold), Capture(AMOUNT))
    assert usage(late) == (AMOUNT, AMOUNT)
    assert remaining(late.session) == -AMOUNT
    assert status(late.session, NOW) is Status.EXHAUSTED
    assert isinstance(apply(State(late.session), PlaceHold("hld_third", spend(1), END), NOW), Refused)


@pytest.mark.parametrize("hold_state", [HELD, UNKNOWN])
def test_more_than_was_held_is_debited_and_exhausts(hold_state: HoldState) -> None:
    after = applied(state_of(hold_state, budget=AMOUNT), Capture(AMOUNT + 7))
    assert usage(after) == (0, AMOUNT + 7)
    assert remaining(after.session) == -7
    assert status(after.session, NOW) is Status.EXHAUSTED


@pytest.mark.parametrize(("moved", "left"), [(0, AMOUNT), (AMOUNT - 1, 1), (AMOUNT, 0)])
def test_less_than_was_held_comes_back(moved: int, left: int) -> None:
    assert remaining(applied(state_of(HELD, budget=AMOUNT), Capture(moved)).session) == left


@pytest.mark.parametrize(
    "dead", [{"revoked_at": 1}, {"paused_at": 1}, {"policy": Policy(budget=0, expires_at=1)}]
)
def test_proof_counts_also_when_the_session_is_over(dead: dict[str, Any]) -> None:
    state = state_of(UNKNOWN)
    over = replace(state, session=replace(state.session, **dead))
    for command in (Capture(AMOUNT), Void(proven=True), Expire(END)):
        assert usage(applied(over, command))[0] == 0


@pytest.mark.parametrize("command", [Capture(AMOUNT), Void(proven=True), Expire(END)])
def test_usage_that_does_not_hold_the_hold_is_a_bug(command: Command) -> None:
    broken = replace(state_of(HELD), session=session(held=AMOUNT - 1))
    with pytest.raises(AssertionError):
        apply(broken, command, NOW)
