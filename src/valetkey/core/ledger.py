"""The ledger: hold -> capture, void, expire; and unknown. `apply` is the only place with spending rules.

A state is one session with its ancestors and, for every command but PlaceHold, the one hold that the command names.
A store locks them, calls `apply`, and writes what comes back: it decides nothing.
"""

from dataclasses import dataclass, replace
from typing import assert_never

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
from valetkey.core.debits import concerned, debited, every
from valetkey.core.decide import Allowed, decide
from valetkey.core.errors import Contradiction, InvalidAmount
from valetkey.core.money import CURRENCY_DECIMALS, rescale
from valetkey.core.policy import PURCHASE
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import Lineage, Session
from valetkey.core.spend import CLOSED, OPEN, UNDECIDED, Hold, HoldState
from valetkey.core.value import value


@value
@dataclass(frozen=True, slots=True)
class State:
    """The facts that one command reads and writes. `ancestors`: the session's parent, and so on up to the root."""

    session: Session
    hold: Hold | None = None
    ancestors: Lineage = ()

    @property
    def lineage(self) -> Lineage:
        return (self.session, *self.ancestors)


def apply(state: State, command: Command, now: int) -> State | Refused:
    """The state after the command, or why it is refused. Raises Contradiction for an impossible step.

    A command that was applied before leaves the state as it is, so that retries are harmless.
    """
    if isinstance(command, PlaceHold):
        return _place(state, command, now)
    if isinstance(command, Observe):
        return _observe(state, command, now)
    hold = state.hold
    if hold is None:
        raise Contradiction(f"{type(command).__name__} needs a hold")
    assert hold.session_id == state.session.id
    match command:
        case Approve():
            return _approve(state, hold, command, now)
        case Execute():
            return _execute(state, hold, command, now)
        case MarkUnknown():
            return _mark_unknown(state, hold, now)
        case Capture():
            return _capture(state, hold, command, now)
        case Refund():
            return _refund(state, hold, command, now)
        case Reject():
            return _reject(state, hold, now)
        case Void():
            return _void(state, hold, command, now)
        case Lapse():
            return _lapse(state, hold, now)
        case Expire():
            return _expire(state, hold, command, now)
        case _:
            assert_never(command)


def _place(state: State, command: PlaceHold, now: int) -> State | Refused:
    if state.hold is not None:
        if state.hold.id == command.hold_id:
            return state
        raise Contradiction("a new hold is placed on a session, not on another hold")
    decision = decide(state.session, command.request, now, state.ancestors)
    if isinstance(decision, Refused):
        return decision
    state_of_hold, expires_at = HoldState.HELD, command.expires_at
    if decision.approval is not None:
        if command.approval_ends_at is None:
            return Refused((decision.approval,))
        state_of_hold, expires_at = HoldState.PENDING, command.approval_ends_at
    lineage = state.lineage
    hold = Hold(
        id=command.hold_id,
        session_id=state.session.id,
        request=command.request,
        amount=decision.amount,
        state=state_of_hold,
        placed_at=now,
        expires_at=expires_at,
        debits=tuple([one.id for one in lineage]) if state.ancestors else (),
        terms=_terms(lineage),
    )
    return _placed(lineage, hold, decision, now)


def _placed(lineage: Lineage, hold: Hold, decision: Allowed, now: int) -> State:
    currency, amount = hold.currency, decision.amount
    after = [debited(one, currency, held=amount, spends=1, units=amount, at=now, now=now) for one in lineage]
    return _state(tuple(after), hold)


def _observe(state: State, command: Observe, now: int) -> State:
    if state.hold is not None:
        if state.hold.id == command.hold_id:
            return state
        raise Contradiction("what is observed is a hold of its own")
    asked = command.request.amount
    if asked.units < 0:
        raise InvalidAmount("what moved is not negative")
    lineage = state.lineage
    amount = rescale(asked.units, asked.asset.decimals, CURRENCY_DECIMALS[asked.asset.currency], up=True)
    hold = Hold(
        id=command.hold_id,
        session_id=state.session.id,
        request=command.request,
        amount=amount,
        state=HoldState.CAPTURED,
        placed_at=now,
        expires_at=now,
        captured=amount,
        settled_at=now,
        debits=tuple([one.id for one in lineage]) if state.ancestors else (),
        terms=_terms(lineage),
    )
    currency = hold.currency
    after = [
        debited(one, currency, captured=amount, spends=1, units=amount, at=now, now=now) for one in lineage
    ]
    return _state(tuple(after), hold)


def _approve(state: State, hold: Hold, command: Approve, now: int) -> State | Refused:
    if hold.state is not HoldState.PENDING:
        if hold.state in (HoldState.VOIDED, HoldState.EXPIRED):
            raise Contradiction(f"a hold that is {hold.state} cannot be approved")
        return state
    stale = _stale(state, hold, now)
    if stale is not None:
        return stale
    return replace(state, hold=replace(hold, state=HoldState.APPROVED, expires_at=command.expires_at))


def _execute(state: State, hold: Hold, command: Execute, now: int) -> State | Refused:
    if command.request != hold.request:
        raise Contradiction("what is executed is what was approved: payee, amount, asset and all")
    if hold.state is HoldState.PENDING:
        return refuse(
            Code.APPROVAL_REQUIRED,
            "approval_above",
            "the spend waits for the owner's approval",
            hint="repeat the request when the owner has approved it",
            approval=hold.id,
        )
    if hold.state is not HoldState.APPROVED:
        if hold.state in (HoldState.VOIDED, HoldState.EXPIRED):
            raise Contradiction(f"a hold that is {hold.state} cannot be executed")
        return state
    stale = _stale(state, hold, now)
    if stale is not None:
        return stale
    # Decided again as if it had not been placed: an approval is no way around a limit, a pause or an end.
    before = _gave_back(state, hold, now)
    decision = decide(before[0], hold.request, now, before[1:])
    if isinstance(decision, Refused):
        return decision
    held = replace(hold, state=HoldState.HELD, placed_at=now, expires_at=command.expires_at)
    return _placed(before, held, decision, now)


def _stale(state: State, hold: Hold, now: int) -> Refused | None:
    if now >= hold.expires_at:
        return refuse(
            Code.APPROVAL_STALE, "expires_at", "the approval is over", hint="ask for the spend again"
        )
    if hold.terms != _terms(state.lineage):
        return refuse(
            Code.APPROVAL_STALE,
            "policy_version",
            "the policy changed since the spend was asked for",
            hint="reject it and ask for the spend again",
        )
    return None


def _terms(lineage: Lineage) -> int:
    terms = 0
    for one in lineage:
        terms += one.policy_version
    return terms


def _mark_unknown(state: State, hold: Hold, now: int) -> State | Refused:
    if hold.state is HoldState.UNKNOWN or hold.state is HoldState.CAPTURED:
        return state
    if hold.state is not HoldState.HELD:
        raise Contradiction(f"a hold that is {hold.state} cannot be paid from")
    if hold.request.operation != PURCHASE and now >= hold.expires_at:
        # It may lapse without proof from here on, so no payment may begin. An escrow proves itself.
        return refuse(Code.HOLD_ENDED, "expires_at", "the hold is over", hint="ask for the spend again")
    return replace(state, hold=replace(hold, state=HoldState.UNKNOWN))


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
    # What was held counts from when it was decided, what moved beyond it from now on.
    beyond = command.amount - released
    lineage = every(
        state.lineage,
        concerned(hold, state.lineage),
        hold.currency,
        held=-released,
        captured=command.amount,
        spends=0 if is_open else 1,
        units=beyond,
        at=hold.placed_at if beyond < 0 else now,
        now=now,
    )
    return _state(lineage, replace(hold, state=HoldState.CAPTURED, captured=command.amount, settled_at=now))


def _refund(state: State, hold: Hold, command: Refund, now: int) -> State:
    if hold.state is not HoldState.CAPTURED:
        raise Contradiction(f"nothing of a hold that is {hold.state} can be refunded")
    back = command.total - hold.refunded
    if back == 0:
        return state
    if back < 0 or command.total > hold.captured:
        raise Contradiction("refunds add up to no more than what moved, and are not taken back")
    # The budget only, and only where the policy says so: what was spent was spent at its time.
    which = tuple(
        concerns and one.policy.refunds_restore
        for one, concerns in zip(state.lineage, concerned(hold, state.lineage), strict=True)
    )
    lineage = every(state.lineage, which, hold.currency, captured=-back, restored=back, at=now, now=now)
    return _state(lineage, replace(hold, refunded=command.total))


def _reject(state: State, hold: Hold, now: int) -> State:
    if hold.state is HoldState.VOIDED:
        return state
    if hold.state not in UNDECIDED:
        raise Contradiction(f"a hold that is {hold.state} waits for no approval")
    return _close(state, hold, HoldState.VOIDED, now)


def _void(state: State, hold: Hold, command: Void, now: int) -> State:
    if hold.state is HoldState.VOIDED:
        return state
    if hold.state is HoldState.UNKNOWN and not command.proven:
        raise Contradiction(
            "UNKNOWN_STAYS_HELD: a hold whose payment was signed needs proof that nothing moved"
        )
    return _close(state, hold, HoldState.VOIDED, now)


def _lapse(state: State, hold: Hold, now: int) -> State:
    if hold.state is HoldState.EXPIRED:
        return state
    if hold.state not in UNDECIDED and (
        hold.state is not HoldState.HELD or hold.request.operation == PURCHASE
    ):
        raise Contradiction("UNKNOWN_STAYS_HELD: a hold that may have been paid from does not lapse")
    if now < hold.expires_at:
        raise Contradiction("a hold lapses at its end, not before")
    return _close(state, hold, HoldState.EXPIRED, now)


def _expire(state: State, hold: Hold, command: Expire, now: int) -> State:
    if hold.state is HoldState.EXPIRED:
        return state
    if command.block_time < hold.expires_at:
        raise Contradiction("UNKNOWN_STAYS_HELD: the block is from before the hold's end and proves nothing")
    return _close(state, hold, HoldState.EXPIRED, now)


def _close(state: State, hold: Hold, closed: HoldState, now: int) -> State:
    if hold.state in CLOSED:
        raise Contradiction(f"a hold that is {hold.state} cannot become {closed}")
    return _state(_gave_back(state, hold, now), replace(hold, state=closed, settled_at=now))


def _gave_back(state: State, hold: Hold, now: int) -> Lineage:
    return every(
        state.lineage,
        concerned(hold, state.lineage),
        hold.currency,
        held=-hold.amount,
        spends=-1,
        units=-hold.amount,
        at=hold.placed_at,
        now=now,
    )


def _state(lineage: Lineage, hold: Hold) -> State:
    return State(lineage[0], hold, lineage[1:])
