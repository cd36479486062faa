"""Moments and lengths of time in words, in the viewer's zone."""

from datetime import UTC, datetime, tzinfo

UNITS = (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60))
SOON_DAYS = 6
"""So far a weekday says which day is meant."""


def span(seconds: int) -> str:
    """A length of time in the largest unit that it is a multiple of: a day, 36 hours, 90 seconds."""
    for unit, size in UNITS:
        if seconds % size == 0 and seconds:
            count = seconds // size
            return unit if count == 1 else f"{count} {unit}s"
    return "second" if seconds == 1 else f"{seconds} seconds"


def about(seconds: int) -> str:
    """How long that is, roughly: 2 days, 3 hours, 5 minutes."""
    for unit, size in UNITS[1:]:
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def moment(at: int, now: int, zone: tzinfo) -> str:
    """A moment (unix seconds) as people say it: today 18:00, Friday 18:00, 3 March 18:00, 3 March 2031 18:00."""
    then, today = (
        datetime.fromtimestamp(at, UTC).astimezone(zone),
        datetime.fromtimestamp(now, UTC).astimezone(zone),
    )
    days = (then.date() - today.date()).days
    if days == 0:
        day = "today"
    elif days == 1:
        day = "tomorrow"
    elif days == -1:
        day = "yesterday"
    elif 0 < days <= SOON_DAYS:
        day = f"{then:%A}"
    else:
        day = f"{then.day} {then:%B}" + ("" if then.year == today.year else f" {then.year}")
    return f"{day} {then:%H:%M}"


def exact(at: int, zone: tzinfo) -> str:
    """A moment (unix seconds) to the second, with its zone."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def seconds_of(iso: str) -> int:
    """Unix seconds of an ISO-8601 date as the platform writes it."""
    return int(datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp())
