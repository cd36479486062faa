"""The ledger's table: every command in every state of a hold, and every command that is repeated."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from tests.unit.core.build import (
    AMOUNT,
    END,
    GAVE_BACK,
    HOLD,
    LATER,
    applied,
    spend,
    state_of,
    usage,
)
from valetkey.core.commands import (
    Approve,
    Capture,
    Command,
    Execute,
    Expire,
    Lapse,
    MarkUnknown,
    Observe,
    PlaceHold,
    Refund,
    Reject,
    Void,
)
from valetkey.core.errors import Contradiction
from valetkey.core.ledger import apply
from valetkey.core.refusal import Code, Refused
from valetkey.core.session import Pace, Usage
from valetkey.core.spend import CLOSED, OPEN, UNDECIDED, HoldState

PENDING, APPROVED, HELD, UNKNOWN, CAPTURED, VOIDED, EXPIRED = HoldState
ASK, OVER = Code.APPROVAL_REQUIRED, Code.APPROVAL_STALE
SAME = "same"
NO = "contradiction"
Outcome = HoldState | Code | str

NEW_END = END + 1_000

# Each command with its moment.
COMMANDS: dict[str, tuple[Command, int]] = {
    "place again": (PlaceHold(HOLD.id, spend(AMOUNT), END), LATER),
    "place another": (PlaceHold("hld_other", spend(1), END), LATER),
    "observe again": (Observe(HOLD.id, spend(AMOUNT)), LATER),
    "observe another": (Observe("hld_other", spend(1)), LATER),
    "approve": (Approve(NEW_END), LATER),
    "approve in the last second": (Approve(NEW_END), END - 1),
    "approve late": (Approve(NEW_END), END),
    "reject": (Reject(), LATER),
    "reject late": (Reject(), END),
    "execute": (Execute(spend(AMOUNT), NEW_END), LATER),
    "execute late": (Execute(spend(AMOUNT), NEW_END), END),
    "execute another amount": (Execute(spend(AMOUNT - 1), NEW_END), LATER),
    "execute another service": (Execute(spend(AMOUNT, service_id="svc_2"), NEW_END), LATER),
    "mark unknown": (MarkUnknown(), LATER),
    "mark unknown late": (MarkUnknown(), END),
    "capture the hold": (Capture(AMOUNT), LATER),
    "capture less": (Capture(AMOUNT - 1), LATER),
    "capture more": (Capture(AMOUNT + 1), LATER),
    "capture nothing": (Capture(0), LATER),
    "refund nothing": (Refund(0), LATER),
    "refund a part": (Refund(1), LATER),
    "refund all": (Refund(AMOUNT), LATER),
    "refund more": (Refund(AMOUNT + 1), LATER),
    "void": (Void(), LATER),
    "void, proven": (Void(proven=True), LATER),
    "lapse early": (Lapse(), END - 1),
    "lapse at the end": (Lapse(), END),
    "expire early": (Expire(END - 1), LATER),
    "expire at the end": (Expire(END), LATER),
    "expire later": (Expire(END + 1), LATER),
}

# What becomes of a hold that is:
#                            pending   approved  held      unknown   captured  voided    expired
TABLE: dict[str, list[Outcome]] = {
    "place again":          [SAME,     SAME,     SAME,     SAME,     SAME,     SAME,     SAME],
    "place another":        [NO,       NO,       NO,       NO,       NO,       NO,       NO],
    "observe again":        [SAME,     SAME,     SAME,     SAME,     SAME,     SAME,     SAME],
    "observe another":      [NO,       NO,       NO,       NO,       NO,       NO,       NO],
    "approve":              [APPROVED, SAME,     SAME,     SAME,     SAME,     NO,       NO],
    "approve in the last second": [APPROVED, SAME, SAME,   SAME,     SAME,     NO,       NO],
    "approve late":         [OVER,     SAME,     SAME,     SAME,     SAME,     NO,       NO],
    "reject":               [VOIDED,   VOIDED,   NO,       NO,       NO,       SAME,     NO],
    "reject late":          [VOIDED,   VOIDED,   NO,       NO,       NO,       SAME,     NO],
    "execute":              [ASK,      HELD,     SAME,     SAME,     SAME,     NO,       NO],
    "execute late":         [ASK,      OVER,     SAME,     SAME,     SAME,     NO,       NO],
    "execute another amount":  [NO,    NO,       NO,       NO,       NO,       NO,       NO],
    "execute another service": [NO,    NO,       NO,       NO,       NO,       NO,       NO],
    "mark unknown":         [NO,       NO,       UNKNOWN,  SAME,     SAME,     NO,       NO],
    "mark unknown late":    [NO,       NO,       UNKNOWN,  SAME,     SAME,     NO,       NO],
    "capture the hold":     [CAPTURED, CAPTURED, CAPTURED, CAPTURED, SAME,     CAPTURED, CAPTURED],
    "capture less":         [CAPTURED, CAPTURED, CAPTURED, CAPTURED, NO,       CAPTURED, CAPTURED],
    "capture more":         [CAPTURED, CAPTURED, CAPTURED, CAPTURED, NO,       CAPTURED, CAPTURED],
    "capture nothing":      [CAPTURED, CAPTURED, CAPTURED, CAPTURED, NO,       CAPTURED, CAPTURED],
    "refund nothing":       [NO,       NO,       NO,       NO,       SAME,     NO,       NO],
    "refund a part":        [NO,       NO,       NO,       NO,       CAPTURED, NO,       NO],
    "refund all":           [NO,       NO,       NO,       NO,       CAPTURED, NO,       NO],
    "refund more":          [NO,       NO,       NO,       NO,       NO,       NO,       NO],
    "void":                 [VOIDED,   VOIDED,   VOIDED,   NO,       NO,       SAME,     NO],
    "void, proven":         [VOIDED,   VOIDED,   VOIDED,   VOIDED,   NO,       SAME,     NO],
    "lapse early":          [NO,       NO,       NO,       NO,       NO,       NO,       SAME],
    "lapse at the end":     [EXPIRED,  EXPIRED,  NO,       NO,       NO,       NO,       SAME],
    "expire early":         [NO,       NO,       NO,       NO,       NO,       NO,       SAME],
    "expire at the end":    [EXPIRED,  EXPIRED,  EXPIRED,  EXPIRED,  NO,       NO,       SAME],
    "expire later":         [EXPIRED,  EXPIRED,  EXPIRED,  EXPIRED,  NO,       NO,       SAME],
}  # fmt: skip

CASES = [
    pytest.param(before, name, TABLE[name][column], id=f"{before}: {name}")
    for name, (column, before) in product(TABLE, enumerate(HoldState))
]
CHANGES = [case for case in CASES if isinstance(case.values[2], HoldState) or case.values[2] == SAME]


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(COMMANDS)
    assert {type(command) for command, _ in COMMANDS.values()} == set(Command.__args__)
    assert all(len(row) == len(HoldState) for row in TABLE.values())
    assert set(HoldState) == OPEN | CLOSED
    assert not OPEN & CLOSED
    assert UNDECIDED < OPEN


def facts_after(command: Command, expected: HoldState, now: int) -> dict[str, Any]:
    """What the command changes in the hold."""
    match command:
        case Approve(expires_at):
            return {"expires_at": expires_at}
        case Execute(_, expires_at):
            return {"expires_at": expires_at, "placed_at": now}
        case Refund(total):
            return {"refunded": total}
        case Capture(amount):
            return {"captured": amount, "settled_at": now}
    return {"settled_at": now} if expected in CLOSED else {}


@pytest.mark.parametrize(("before", "name", "expected"), CASES)
def test_every_command_in_every_state(before: HoldState, name: str, expected: Outcome) -> None:
    state, (command, now) = state_of(before), COMMANDS[name]
    if expected == NO:
        with pytest.raises(Contradiction):
            apply(state, command, now)
        return
    after = apply(state, command, now)
    if isinstance(expected, Code):
        assert isinstance(after, Refused)
        assert [reason.code for reason in after.reasons] == [expected]
        return
    assert not isinstance(after, Refused)
    if expected == SAME:
        assert after is state
        return
    assert state.hold is not None
    assert isinstance(expected, HoldState)
    changes = facts_after(command, expected, now)
    assert after.hold == replace(state.hold, state=expected, **changes)
    assert usage(after) == (AMOUNT if expected in OPEN else 0, after.hold.captured)
    assert after.session.pace.spends == (0 if expected in GAVE_BACK else 1)
    same = replace(state.session, usage=Usage(), pace=Pace())
    assert replace(after.session, usage=Usage(), pace=Pace()) == same


@pytest.mark.parametrize(("before", "name", "expected"), CHANGES)
def test_IDEMPOTENT_a_repeated_command_changes_nothing(
    before: HoldState, name: str, expected: Outcome
) -> None:
    command, now = COMMANDS[name]
    once = applied(state_of(before), command, now)
    assert applied(once, command, now) is once
    assert applied(once, command, now + 1) is once
    if not isinstance(command, Execute):
        assert applied(once, command, now + 10**6) is once


@pytest.mark.parametrize("operation", ["payment", "transfer"])
@pytest.mark.parametrize(
    ("before", "command", "now", "expected"),
    [
        (HELD, MarkUnknown(), END - 1, UNKNOWN),
        (HELD, MarkUnknown(), END, Code.HOLD_ENDED),
        (UNKNOWN, MarkUnknown(), END, SAME),
        (HELD, Lapse(), END - 1, NO),
        (HELD, Lapse(), END, EXPIRED),
        (PENDING, Lapse(), END, EXPIRED),
        (APPROVED, Lapse(), END, EXPIRED),
        (UNKNOWN, Lapse(), END, NO),
        (CAPTURED, Lapse(), END, NO),
        (VOIDED, Lapse(), END, NO),
        (EXPIRED, Lapse(), END, SAME),
    ],
)
def test_what_is_no_purchase_lapses_without_proof_and_is_not_signed_after_its_end(
    operation: str, before: HoldState, command: Command, now: int, expected: Outcome
) -> None:
    state = state_of(before, request=replace(HOLD.request, operation=operation))
    if expected == NO:
        with pytest.raises(Contradiction):
            apply(state, command, now)
        return
    after = apply(state, command, now)
    if isinstance(expected, Code):
        assert isinstance(after, Refused)
        assert after.first.code is expected
        return
    assert not isinstance(after, Refused)
    assert after.hold is not None
    assert after.hold.state is (before if expected == SAME else expected)
    assert (after is state) is (expected == SAME)
    assert after.session.usage.held == (AMOUNT if after.hold.state in OPEN else 0)


@pytest.mark.parametrize(
    "command",
    [
        MarkUnknown(),
        Capture(1),
        Void(),
        Void(proven=True),
        Expire(END),
        Approve(END),
        Reject(),
        Execute(spend(1), END),
        Refund(1),
        Lapse(),
    ],
)
def test_what_follows_a_hold_needs_one(command: Command) -> None:
    stray = state_of(HELD)
    with pytest.raises(Contradiction) as caught:
        apply(replace(stray, hold=None), command, LATER)
    assert str(caught.value) == f"{type(command).__name__} needs a hold"
    assert caught.value.code == "contradiction"
    with pytest.raises(AssertionError):
        apply(replace(stray, hold=replace(HOLD, session_id="ses_other")), command, LATER)
