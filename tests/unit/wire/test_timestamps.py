"""Dates on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.core.errors import InvalidInput
from valetkey.wire.timestamps import MILLISECONDS_MAX, iso_timestamp, iso_timestamp_ms, unix_seconds


@given(st.integers(min_value=0, max_value=MILLISECONDS_MAX))
def test_dates_round_trip_to_the_second(milliseconds: int) -> None:
    text = iso_timestamp_ms(milliseconds)
    assert unix_seconds(text) == milliseconds // 1_000
    assert len(text) == 24
    assert text.endswith(f"{milliseconds % 1_000:03d}Z")


def test_dates_look_as_javascript_writes_them() -> None:
    assert iso_timestamp(1_772_323_200) == "2026-03-01T00:00:00.000Z"
    assert iso_timestamp_ms(1_772_323_201_123) == "2026-03-01T00:00:01.123Z"
    assert unix_seconds("2026-03-01T00:00:00+00:00") == 1_772_323_200


@pytest.mark.parametrize("seconds", [-1, 253_402_300_800])
def test_dates_outside_the_calendar_are_refused(seconds: int) -> None:
    with pytest.raises(InvalidInput):
        iso_timestamp(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-03-01",
        "2026-13-01T00:00:00.000Z",
        "2026-03-01T00:00:00.000",
        "2026-03-01T00:00:00+01:00",
        "x",
    ],
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(InvalidInput):
        unix_seconds(text)
