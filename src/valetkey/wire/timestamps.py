"""Dates on the wire: ISO-8601 in UTC with milliseconds and Z, as JavaScript's toISOString writes them."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from valetkey.core.errors import InvalidInput

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECONDS_MAX = 253_402_300_799_999
"""The last millisecond of the year 9999."""

SECONDS_CACHED = 256
"""Answers of one moment tell of the same few seconds."""

_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|\+00:00)", re.ASCII)


@lru_cache(SECONDS_CACHED)
def iso_timestamp(unix_seconds: int) -> str:
    """`2026-03-01T00:00:00.000Z` of unix seconds. Raises InvalidInput outside the years 1970 to 9999."""
    return iso_timestamp_ms(unix_seconds * 1_000)


def iso_timestamp_ms(unix_milliseconds: int) -> str:
    """`2026-03-01T00:00:00.123Z` of unix milliseconds. Raises InvalidInput outside the years 1970 to 9999."""
    if not 0 <= unix_milliseconds <= MILLISECONDS_MAX:
        raise InvalidInput("a date on the wire is between the years 1970 and 9999")
    moment = _EPOCH + timedelta(milliseconds=unix_milliseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1_000:03d}Z"


def unix_seconds(iso: str) -> int:
    """Unix seconds of an ISO-8601 date in UTC, fractions cut off. Raises InvalidInput."""
    moment = None
    if _ISO.fullmatch(iso):
        try:
            moment = datetime.fromisoformat(iso[:19] + "+00:00")
        except ValueError:
            moment = None
    if moment is None:
        raise InvalidInput("a date on the wire is ISO-8601 in UTC, such as 2026-03-01T00:00:00.000Z")
    return (moment - _EPOCH) // timedelta(seconds=1)
