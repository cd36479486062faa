"""What lists tell of a session's health: minutes that refusals are counted in, and the slots that keep them."""

from collections.abc import Iterable
from dataclasses import replace

from valetkey.ports.overview import REFUSED_SECONDS, Health
from valetkey.stores.rows import Row

MINUTE_SECONDS = 60
SLOTS = 64
"""More than the minutes that reach into an hour, so that none of them is overwritten while it counts."""


def minute_of(at: int) -> int:
    """The minute of a moment (unix seconds)."""
    return at // MINUTE_SECONDS


def first_minute(now: int) -> int:
    """The first minute that reaches into the last hour."""
    return minute_of(now - REFUSED_SECONDS)


def healths(refused: Iterable[Row], unknown: Iterable[Row]) -> dict[str, Health]:
    """Out of rows of sessions: with how often each was refused; with how many are unknown, and since when."""
    found = {session_id: Health(refused=count) for session_id, count in refused}
    for session_id, count, since in unknown:
        before = found.get(session_id, Health())
        found[session_id] = replace(before, unknown=count, unknown_since=since)
    return found
