"""Days as a time zone has them."""

import math
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valetkey.core.errors import InvalidInput
from valetkey.sdk.days import day_at

ZONES = sorted(available_timezones())


def at(text: str, tz: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)).timestamp()


@pytest.mark.parametrize(
    ("text", "tz", "name", "hours"),
    [
        ("2026-11-27 12:00", "UTC", "2026-11-27", 24),
        ("2026-03-29 12:00", "Europe/Berlin", "2026-03-29", 23),
        ("2026-10-25 12:00", "Europe/Berlin", "2026-10-25", 25),
        ("2018-11-04 12:00", "America/Sao_Paulo", "2018-11-04", 23),  # midnight itself is skipped
        ("2026-11-27 00:00", "Asia/Kolkata", "2026-11-27", 24),
        ("2026-11-27 23:59:59", "Asia/Kathmandu", "2026-11-27", 24),
    ],
)
def test_a_day_has_the_hours_that_it_has(text, tz, name, hours):
    day = day_at(at(text, tz), tz)
    assert (day.name, (day.ends - day.begins) / 3_600) == (name, hours)


@given(st.integers(2 * 86_400, 4_102_444_800), st.sampled_from(ZONES))
@settings(max_examples=500)
def test_days_leave_no_gap_and_never_overlap(now, tz):
    check(now, tz)


@pytest.mark.parametrize(
    "tz", ["America/St_Johns", "Pacific/Apia", "America/Havana", "America/Sao_Paulo", "Africa/Cairo"]
)
def test_every_hour_around_every_change_of_clocks(tz):
    begin = 1_100_000_000
    zone = ZoneInfo(tz)
    before = datetime.fromtimestamp(begin, zone).utcoffset()
    for now in range(begin, begin + 9 * 365 * 86_400, 1_800):
        after = datetime.fromtimestamp(now, zone).utcoffset()
        if after != before:
            for moment in range(now - 7_200, now + 7_200, 60):
                check(moment, tz)
        before = after


def check(now: int, tz: str) -> None:
    day = day_at(now, tz)
    assert day.begins <= now < day.ends
    assert day_at(day.begins, tz) == day
    assert day_at(day.ends - 1, tz) == day
    assert day_at(day.ends, tz).begins == day.ends


@pytest.mark.parametrize("tz", ["", "Moon/Base", "../etc/passwd", "UTC\x00", "+25:00"])
def test_a_time_zone_that_nobody_knows_is_refused(tz):
    with pytest.raises(InvalidInput) as refused:
        day_at(0, tz)
    assert refused.value.code == "unknown_time_zone"


@pytest.mark.parametrize("now", [math.nan, math.inf, -1e11, 1.8e12, 10**400, True, None, "1800000000"])
def test_a_moment_that_is_no_unix_seconds_is_refused(now):
    with pytest.raises(InvalidInput) as refused:
        day_at(now)
    assert (refused.value.code, refused.value.field) == ("ambiguous_time", "at")
