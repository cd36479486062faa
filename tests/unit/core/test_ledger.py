"""The ledger: every command in every state of a hold, repeats, late proof, and money that stays where it is."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from tests.unit.core.build import HOLD, NOW, SESSION, session, spend
from valetkey.core.errors import Contradiction, InvalidAmount
from valetkey.core.ledger import (
    CLOSED,
    OPEN,
    Capture,
    Command,
    Expire,
    Hold,
    HoldState,
    MarkUnknown,
    PlaceHold,
    State,
    Void,
    apply,
)
from valetkey.core.policy import Policy
from valetkey.core.refusal import Code, Refused
from valetkey.core.session import Pace, Role, Session, Status, Usage, remaining, status

HELD, UNKNOWN, CAPTURED, VOIDED, EXPIRED = HoldState
GAVE_BACK = frozenset({VOIDED, EXPIRED})
AMOUNT = HOLD.amount
MOVED = AMOUNT
SETTLED = NOW + 5
LATER = NOW + 99
END = HOLD.expires_at
PLACE = PlaceHold(HOLD.id, spend(AMOUNT), END)


def state_of(hold_state: HoldState, budget: int | None = 50_000_000) -> State:
    """The session with one hold in this state, and the usage that belongs to it."""
    closed = hold_state in CLOSED
    hold = replace(
        HOLD,
        state=hold_state,
        captured=MOVED if hold_state is CAPTURED else 0,
        settled_at=SETTLED if closed else None,
    )
    return State(
        session(
            budget=budget,
            held=0 if closed else AMOUNT,
            captured=MOVED if hold_state is CAPTURED else 0,
            spends=0 if hold_state in GAVE_BACK else 1,
        ),
        hold,
    )


def applied(state: State, command: Command, now: int = LATER) -> State:
    after = apply(state, command, now)
    assert isinstance(after, State)
    assert after.hold is not None
    return after


def usage(state: State) -> tuple[int, int]:
    return state.session.usage.held, state.session.usage.captured


SAME = "same"
NO = "contradiction"

COMMANDS: dict[str, Command] = {
    "place again": PLACE,
    "place another": PlaceHold("hld_other", spend(1), END),
    "mark unknown": MarkUnknown(),
    "capture the hold": Capture(AMOUNT),
    "capture less": Capture(AMOUNT - 1),
    "capture more": Capture(AMOUNT + 1),
    "capture nothing": Capture(0),
    "void": Void(),
    "void, proven": Void(proven=True),
    "expire early": Expire(END - 1),
    "expire at the end": Expire(END),
    "expire later": Expire(END + 1),
}

# What becomes of a hold that is:   held      unknown   captured  voided    expired
TABLE: dict[str, list[HoldState | str]] = {
    "place again": [SAME, SAME, SAME, SAME, SAME],
    "place another": [NO, NO, NO, NO, NO],
    "mark unknown": [UNKNOWN, SAME, SAME, NO, NO],
    "capture the hold": [CAPTURED, CAPTURED, SAME, CAPTURED, CAPTURED],
    "capture less": [CAPTURED, CAPTURED, NO, CAPTURED, CAPTURED],
    "capture more": [CAPTURED, CAPTURED, NO, CAPTURED, CAPTURED],
    "capture nothing": [CAPTURED, CAPTURED, NO, CAPTURED, CAPTURED],
    "void": [VOIDED, NO, NO, SAME, NO],
    "void, proven": [VOIDED, VOIDED, NO, SAME, NO],
    "expire early": [NO, NO, NO, NO, SAME],
    "expire at the end": [EXPIRED, EXPIRED, NO, NO, SAME],
    "expire later": [EXPIRED, EXPIRED, NO, NO, SAME],
}
CASES = [
    pytest.param(before, name, TABLE[name][column], id=f"{before}: {name}")
    for name, (column, before) in product(TABLE, enumerate(HoldState))
]


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(COMMANDS)
    assert all(len(row) == len(HoldState) for row in TABLE.values())
    assert set(HoldState) == OPEN | CLOSED
    assert not OPEN & CLOSED


@pytest.mark.parametrize(("before", "name", "expected"), CASES)
def test_every_command_in_every_state(before: HoldState, name: str, expected: HoldState | str) -> None:
    state, command = state_of(before), COMMANDS[name]
    if expected == NO:
        with pytest.raises(Contradiction):
            apply(state, command, LATER)
        return
    after = applied(state, command)
    if expected == SAME:
        assert after is state
        return
    assert after.hold is not None
    moved = command.amount if isinstance(command, Capture) else 0
    assert after.hold == replace(
        HOLD,
        state=HoldState(expected),
        captured=moved,
        settled_at=LATER if expected in CLOSED else None,
    )
    assert usage(after) == (AMOUNT if expected in OPEN else 0, moved)
    assert after.session.pace.spends == (0 if expected in GAVE_BACK else 1)
    same = replace(state.session, usage=Usage(), pace=Pace())
    assert replace(after.session, usage=Usage(), pace=Pace()) == same


@pytest.mark.parametrize(("before", "name", "expected"), CASES)
def test_a_repeated_command_changes_nothing(before: HoldState, name: str, expected: HoldState | str) -> None:
    if expected == NO:
        return
    once = applied(state_of(before), COMMANDS[name])
    assert applied(once, COMMANDS[name], LATER + 1) is once


@pytest.mark.parametrize("command", [MarkUnknown(), Capture(1), Void(), Void(proven=True), Expire(END)])
def test_what_follows_a_hold_needs_one(command: Command) -> None:
    with pytest.raises(Contradiction) as caught:
        apply(State(SESSION), command, NOW)
    assert str(caught.value) == f"{type(command).__name__} needs a hold"
    assert caught.value.code == "contradiction"


def test_a_hold_of_another_session_is_a_bug_of_the_caller() -> None:
    stray = State(SESSION, replace(HOLD, session_id="ses_other"))
    for command in (MarkUnknown(), Capture(1), Void(), Expire(END)):
        with pytest.raises(AssertionError):
            apply(stray, command, NOW)


def test_placing_takes_the_amount_off_the_budget() -> None:
    after = applied(State(session(held=1, captured=2)), PLACE, NOW)
    assert after.hold == Hold(HOLD.id, SESSION.id, AMOUNT, HELD, NOW, END)
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
