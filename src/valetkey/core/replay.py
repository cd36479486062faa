"""Replaying what was spent under another policy: what would have been refused. No rules are here, only `apply`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from valetkey.core.commands import Capture, Command, Observe, PlaceHold, Void
from valetkey.core.ledger import State, apply
from valetkey.core.policy import Policy
from valetkey.core.refusal import Refusal, Refused
from valetkey.core.session import Role, Session, Usage
from valetkey.core.spend import Hold, HoldState

FOREVER = 2**62
"""Unix seconds after everything: in a replay nothing lapses by itself."""


@dataclass(frozen=True, slots=True)
class Overruled:
    """A spend that the other policy refuses, at the unix second it was made, and every reason."""

    hold: Hold
    reasons: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """What another policy makes of what was spent.

    refused: in the order they were made. waiting: ids of spends that would have waited for the owner's approval, which
    they are taken to have got. passed: how many would have been granted, those included.
    refused_units, passed_units: what was held for them, base units of each currency.
    """

    refused: tuple[Overruled, ...]
    waiting: tuple[str, ...]
    passed: int
    refused_units: Mapping[str, int]
    passed_units: Mapping[str, int]


@dataclass(slots=True)
class _Run:
    session: Session
    holds: dict[str, Hold] = field(default_factory=dict)
    refused: list[Overruled] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    refused_units: Counter[str] = field(default_factory=Counter)
    passed_units: Counter[str] = field(default_factory=Counter)


def replay(policy: Policy, history: Sequence[Hold]) -> Replay:
    """What a fresh session with this policy would have said to these holds of one session, oldest first.

    A hold that is refused moves nothing: neither its capture nor its end is replayed. What moved without having been
    asked for was no policy's to refuse: it is debited, and neither refused nor passed. Times are whole seconds: what
    was given back in the second of another spend is taken to have been given back before it, so that a history under
    its own policy passes. When a refund came is not kept with a hold, so nothing that came back is spent again here.
    """
    run = _Run(Session("replay", "replay", Role.BUYER, policy, Usage(), 0))
    moments = sorted(
        (at, phase, index, is_end)
        for index, hold in enumerate(history)
        for at, phase, is_end in _moments(hold)
    )
    for at, _, index, is_end in moments:
        if not history[index].was_asked:
            _observe(run, history[index], at)
        elif is_end:
            _end(run, history[index], at)
        else:
            _place(run, history[index], at)
    return Replay(
        tuple(run.refused),
        tuple(run.waiting),
        len(run.holds),
        dict(run.refused_units),
        dict(run.passed_units),
    )


def _moments(hold: Hold) -> list[tuple[int, int, bool]]:
    """When a hold was placed and when it ended, each with its place among what happened in the same second."""
    began = (hold.placed_at, 1, False)
    if hold.settled_at is None or not hold.was_asked:
        return [began]
    if hold.captured > hold.amount:
        return [began, (hold.settled_at, 2, True)]
    return [began, (hold.settled_at, 1 if hold.settled_at == hold.placed_at else 0, True)]


def _place(run: _Run, hold: Hold, at: int) -> None:
    command = PlaceHold(hold.id, hold.request, FOREVER, FOREVER)
    after = apply(State(run.session), command, at)
    if isinstance(after, Refused):
        run.refused.append(Overruled(hold, after.reasons))
        run.refused_units[hold.currency] += hold.amount
        return
    assert after.hold is not None
    if after.hold.state is HoldState.PENDING:
        run.waiting.append(hold.id)
    run.passed_units[hold.currency] += hold.amount
    run.session, run.holds[hold.id] = after.session, after.hold


def _observe(run: _Run, hold: Hold, at: int) -> None:
    after = apply(State(run.session), Observe(hold.id, hold.request), at)
    assert isinstance(after, State), "what moved is never refused"
    run.session = after.session


def _end(run: _Run, hold: Hold, at: int) -> None:
    known = run.holds.get(hold.id)
    if known is None:
        return
    captured = hold.state is HoldState.CAPTURED
    command: Command = Capture(hold.captured) if captured else Void(proven=True)
    after = apply(State(run.session, known), command, at)
    assert isinstance(after, State), "proof is never refused"
    assert after.hold is not None
    run.session, run.holds[hold.id] = after.session, after.hold
