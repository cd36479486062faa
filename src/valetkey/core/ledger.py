"""The ledger: hold -> capture, void, expire; and unknown. `apply` is the only place with spending rules.

A state is one session and, for every command but PlaceHold, the one hold that the command names.
A store locks both, calls `apply`, and writes what comes back: it decides nothing.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from valetkey.core.decide import Allowed, SpendRequest, decide
from valetkey.core.errors import Contradiction, InvalidAmount
from valetkey.core.refusal import Refused
from valetkey.core.session import Pace, Session, Usage, ring_of
from valetkey.core.windows import added, counted


class HoldState(StrEnum):
    """Where one spend stands. HELD and UNKNOWN keep its money off the budget."""

    HELD = "held"
    UNKNOWN = "unknown"
    CAPTURED = "captured"
    VOIDED = "voided"
    EXPIRED = "expired"


OPEN = frozenset({HoldState.HELD, HoldState.UNKNOWN})
CLOSED = frozenset({HoldState.CAPTURED, HoldState.VOIDED, HoldState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Hold:
    """One spend. `amount` was held and `captured` is what moved, base units of the session's currency.

    `expires_at` (unix seconds): after it, and after proof that nothing moved, the hold expires.
    """

    id: str
    session_id: str
    amount: int
    state: HoldState
    placed_at: int
    expires_at: int
    captured: int = 0
    settled_at: int | None = None


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Ask for money: the only command that a policy decides."""

    hold_id: str
    request: SpendRequest
    expires_at: int


@dataclass(frozen=True, slots=True)
class MarkUnknown:
    """A payment for this hold was signed: until proof, its money counts as gone."""


@dataclass(frozen=True, slots=True)
class Capture:
    """Proof that `amount` moved. It is debited in any case: also late, also beyond the hold or the budget."""

    amount: int


@dataclass(frozen=True, slots=True)
class Void:
    """Given up before anything was signed, or proven not to have moved."""

    proven: bool = False


@dataclass(frozen=True, slots=True)
class Expire:
    """Proof, by a final block at `block_time` without the payment, that nothing moved in time."""

    block_time: int


Command = PlaceHold | MarkUnknown | Capture | Void | Expire


@dataclass(frozen=True, slots=True)
class State:
    """The facts that one command reads and writes."""

    session: Session
    hold: Hold | None = None


def apply(state: State, command: Command, now: int) -> State | Refused:
    """The state after the command, or why it is refused. Raises Contradiction for an impossible step.

    A command that was applied before leaves the state as it is, so that retries are harmless.
    """
    if isinstance(command, PlaceHold):
        return _place(state, command, now)
    hold = state.hold
    if hold is None:
        raise Contradiction(f"{type(command).__name__} needs a hold")
    assert hold.session_id == state.session.id
    match command:
        case MarkUnknown():
            return _mark_unknown(state, hold)
        case Capture():
            return _capture(state, hold, command, now)
        case Void():
            return _void(state, hold, command, now)
        case Expire():
            return _expire(state, hold, command, now)
        case _:
            assert_never(command)


def _place(state: State, command: PlaceHold, now: int) -> State | Refused:
    if state.hold is not None:
        if state.hold.id == command.hold_id:
            return state
        raise Contradiction("a new hold is placed on a session, not on another hold")
    decision = decide(state.session, command.request, now)
    if isinstance(decision, Refused):
        return decision
    assert isinstance(decision, Allowed)
    hold = Hold(
        id=command.hold_id,
        session_id=state.session.id,
        amount=decision.amount,
        state=HoldState.HELD,
        placed_at=now,
        expires_at=command.expires_at,
    )
    after = _with_usage(state.session, held=decision.amount)
    after = _with_pace(after, spends=1, units=decision.amount, at=now, now=now)
    policy = after.policy
    assert policy.budget is None or after.usage.committed <= policy.budget, "NO_OVERSPEND"
    assert policy.spends_max is None or after.pace.spends <= policy.spends_max, "NO_OVERSPEND"
    assert all(
        counted(window, ring, now) <= window.limit
        for window, ring in zip(policy.windows, after.pace.rings, strict=True)
    ), "WINDOW_IS_SLIDING"
    return State(after, hold)


def _mark_unknown(state: State, hold: Hold) -> State:
    if hold.state is HoldState.UNKNOWN or hold.state is HoldState.CAPTURED:
        return state
    if hold.state in CLOSED:
        raise Contradiction(f"a hold that is {hold.state} cannot be paid from")
    return State(state.session, replace(hold, state=HoldState.UNKNOWN))


def _capture(state: State, hold: Hold, command: Capture, now: int) -> State:
    if command.amount < 0:
        raise InvalidAmount("a capture is not negative")
    if hold.state is HoldState.CAPTURED:
        if hold.captured == command.amount:
            return state
        raise Contradiction("a hold is captured once")
    # A closed hold gave its money back; what moved nevertheless is debited anew.
    is_open = hold.state in OPEN
    released = hold.amount if is_open else 0
    session = _with_usage(state.session, held=-released, captured=command.amount)
    # What was held counts from when it was decided, what moved beyond it from now on.
    beyond = command.amount - released
    session = _with_pace(
        session,
        spends=0 if is_open else 1,
        units=beyond,
        at=hold.placed_at if beyond < 0 else now,
        now=now,
    )
    return State(session, replace(hold, state=HoldState.CAPTURED, captured=command.amount, settled_at=now))


def _void(state: State, hold: Hold, command: Void, now: int) -> State:
    if hold.state is HoldState.VOIDED:
        return state
    if hold.state is HoldState.UNKNOWN and not command.proven:
        raise Contradiction(
            "UNKNOWN_STAYS_HELD: a hold whose payment was signed needs proof that nothing moved"
        )
    return _give_back(state, hold, HoldState.VOIDED, now)


def _expire(state: State, hold: Hold, command: Expire, now: int) -> State:
    if hold.state is HoldState.EXPIRED:
        return state
    if command.block_time < hold.expires_at:
        raise Contradiction("UNKNOWN_STAYS_HELD: the block is from before the hold's end and proves nothing")
    return _give_back(state, hold, HoldState.EXPIRED, now)


def _give_back(state: State, hold: Hold, closed: HoldState, now: int) -> State:
    if hold.state not in OPEN:
        raise Contradiction(f"a hold that is {hold.state} cannot become {closed}")
    session = _with_usage(state.session, held=-hold.amount)
    session = _with_pace(session, spends=-1, units=-hold.amount, at=hold.placed_at, now=now)
    return State(session, replace(hold, state=closed, settled_at=now))


def _with_usage(session: Session, *, held: int = 0, captured: int = 0) -> Session:
    usage = Usage(held=session.usage.held + held, captured=session.usage.captured + captured)
    assert usage.held >= 0
    assert usage.captured >= 0
    return replace(session, usage=usage)


def _with_pace(session: Session, *, spends: int, units: int, at: int, now: int) -> Session:
    """Count so many spends, and so many base units from a moment on in every window; below zero: count them no more."""
    rings = tuple(
        added(window, ring_of(session, index), units, at, now)
        for index, window in enumerate(session.policy.windows)
    )
    assert session.pace.spends + spends >= 0
    return replace(session, pace=Pace(session.pace.spends + spends, rings))
