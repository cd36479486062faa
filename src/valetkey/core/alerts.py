"""Alerts: what an owner is told of a session without having asked. What each one means is said here, exactly.

An alert stops nothing: the gate knows no alerts. Each has an occasion, and is raised once for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from valetkey.core.session import Session, usage_of


class AlertKind(StrEnum):
    """What an alert is about."""

    BUDGET = "budget"
    """So many percent of a budget are spent or held; see `crossed`."""
    EXPIRY = "expiry"
    """The session ends soon; see `warns_at`."""
    PACE = "pace"
    """It spends much faster than it did; see `hasty`."""
    CLAIM = "claim_intercepted"
    """A second claimant opened the session's link; the session was stopped."""
    UNASKED = "unasked"
    """Its key moved money that the gate was not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert as it was raised; times are unix seconds. `facts` are texts by their names: amounts are decimal.

    `occasion` tells it from others of its kind and session. `acknowledged_by` names who did, as the audit log does.
    """

    id: str
    owner_id: str
    session_id: str
    kind: AlertKind
    occasion: str
    raised_at: int
    facts: Mapping[str, str] = field(default_factory=dict)
    acknowledged_at: int | None = None
    acknowledged_by: str | None = None


THRESHOLDS = (50, 80, 90, 100)
"""Percent of a budget."""

WARNING_SECONDS_MAX = 3_600
WARNING_PART = 10
"""A session's owner is warned when a tenth of its life is left, and no earlier than an hour before its end."""

BUCKET_SECONDS = 300
"""What a session spends is counted in buckets of so many seconds."""

HOUR_SECONDS, DAY_SECONDS = 3_600, 86_400
TIMES = 3
"""How many times its own mean a session's last hour may be."""

KNOWN_SECONDS_MIN = 3 * HOUR_SECONDS
BUSY_HOURS_MIN = 3
"""A session has a pace of its own when it is known for so long before the last hour, and spent in so many hours."""

_PER_HOUR, _PER_DAY = HOUR_SECONDS // BUCKET_SECONDS, DAY_SECONDS // BUCKET_SECONDS


def crossed(before: Session, after: Session, currency: str) -> tuple[int, ...]:
    """The thresholds, in percent, that a session's budget of a currency went through by a change.

    What counts is what is spent or may be: captured and held, with what waits for approval and what is unknown. A
    threshold is reached when it is met exactly. A budget that is unlimited, or nothing, has none.
    """
    limits = after.policy.limits(currency)
    if limits is None or not limits.budget:
        return ()
    usage = usage_of(after, currency)
    now = (usage.held + usage.captured) * 100
    if now < THRESHOLDS[0] * limits.budget:
        # Where most sessions are for most of their spends.
        return ()
    was = usage_of(before, currency).committed * 100
    return tuple([one for one in THRESHOLDS if was < one * limits.budget <= now])


def warns_at(session: Session) -> int:
    """From when on a session ends soon, unix seconds: the last tenth of its life, an hour at most."""
    begins, ends = max(session.created_at, session.policy.not_before), session.policy.expires_at
    return ends - min((ends - begins) // WARNING_PART, WARNING_SECONDS_MAX)


@dataclass(frozen=True, slots=True)
class Haste:
    """A pace that is told of: base units of the last hour, and of a mean hour of the day before it, rounded down."""

    hour: int
    mean: int


def oldest_bucket(now: int) -> int:
    """The first bucket that has a part in a session's pace at `now` (unix seconds)."""
    return _first_of_hour(now) - _PER_DAY


def hasty(spent: Iterable[tuple[int, int]], session: Session, now: int) -> Haste | None:
    """Whether a session's last hour is above three times its own mean hour; None when not, or when too little is known.

    `spent`: base units of one currency by the number of their bucket, each counted when it was granted, less what was
    given back. The last hour is every bucket that reaches into it, so 60 to 65 minutes. The mean is that of the 24
    hours before, or of as many as the session is old; it takes three of them, and spends in three.
    """
    first = _first_of_hour(now)
    began = max(session.created_at, session.policy.not_before) // BUCKET_SECONDS
    known = min(first - began, _PER_DAY)
    if known * BUCKET_SECONDS < KNOWN_SECONDS_MIN:
        return None
    hour = before = 0
    busy: set[int] = set()
    for bucket, units in spent:
        if bucket >= first:
            hour += units
        elif bucket >= first - known and units > 0:
            before += units
            busy.add((first - 1 - bucket) // _PER_HOUR)
    if len(busy) < BUSY_HOURS_MIN or hour * known <= TIMES * before * _PER_HOUR:
        return None
    return Haste(hour, before * _PER_HOUR // known)


def _first_of_hour(now: int) -> int:
    return (now - HOUR_SECONDS) // BUCKET_SECONDS
