"""Days as a time zone has them: where one begins and ends, also when clocks change."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from valetkey.core.errors import InvalidInput

MOMENT_MIN, MOMENT_MAX = -10_000_000_000, 253_000_000_000
"""Unix seconds of the years 1653 and 9987: calendars end a little later. Milliseconds of today are beyond it."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a time zone in unix seconds, begins <= now < ends. It has 23 hours, or 25, where clocks change."""

    name: str
    begins: int
    ends: int


def day_at(now: float, tz: str = "UTC") -> Day:
    """The day that a moment (unix seconds) is in. Raises InvalidInput for no such moment, and for no such time zone."""
    zone = _zone(tz)
    if isinstance(now, bool) or not isinstance(now, (int, float)) or not MOMENT_MIN <= now <= MOMENT_MAX:
        raise InvalidInput("a moment is unix seconds, not milliseconds", code="ambiguous_time", field="at")
    today = datetime.fromtimestamp(now, zone).date()
    # Clocks that are put back over midnight bring yesterday's date back for a while: the new day has begun anyway.
    while now >= (ends := _midnight(today + timedelta(days=1), zone)):
        today += timedelta(days=1)
    return Day(today.isoformat(), _midnight(today, zone), ends)


def _midnight(day: date, zone: ZoneInfo) -> int:
    """When a day begins: the first time that its midnight comes; where clocks skip it, the moment after the gap."""
    # A time that does not exist counts with the offset of before the gap, which is the moment at its end.
    return int(datetime.combine(day, time(), zone).timestamp())


def _zone(tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        pass
    raise InvalidInput(
        "a time zone is a name such as UTC or Europe/Berlin", code="unknown_time_zone", field="tz"
    )
