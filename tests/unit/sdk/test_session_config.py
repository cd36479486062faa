"""What a session shall be: labels and times as people and JavaScript write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from valetkey.core.errors import InvalidInput
from valetkey.sdk.config_checks import check_page
from valetkey.sdk.session_config import SessionConfig, config_of, unix_seconds_of

NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (NOW + 60, NOW + 60),
        (NOW + 60.9, NOW + 60),
        ((NOW + 60) * 1_000, NOW + 60),
        ((NOW + 60) * 1_000 + 999, NOW + 60),
        ((NOW + 60) * 1_000.0, NOW + 60),
        (timedelta(minutes=1), NOW + 60),
        (datetime.fromtimestamp(NOW + 60, UTC), NOW + 60),
        (datetime.fromtimestamp(NOW + 60, timezone(timedelta(hours=5, minutes=30))), NOW + 60),
        (datetime(1990, 1, 1, tzinfo=UTC), 631_152_000),
    ],
)
def test_a_time_is_read_as_what_it_means(moment, seconds):
    assert unix_seconds_of(moment, NOW) == seconds


@pytest.mark.parametrize(
    "moment",
    [
        0,
        -1,
        60,
        3_600,
        86_400_000,
        NOW * 10**6,
        10**30,
        float("nan"),
        float("inf"),
        True,
        "1800000000",
        None,
        datetime(2027, 1, 1),  # noqa: DTZ001 - that is what is refused
    ],
)
def test_a_time_that_can_mean_two_things_is_refused(moment):
    with pytest.raises(InvalidInput) as refused:
        unix_seconds_of(moment, NOW)
    assert refused.value.field == "valid_until"


@pytest.mark.parametrize("label", ["treasury-ops", "日次予算 🗝", "a" * 200, "<img src=x onerror=alert(1)>"])
def test_a_label_is_what_people_can_read(label):
    assert SessionConfig(label=label, spending_limit=1, valid_until=NOW).label == label


@pytest.mark.parametrize("label", ["", " ", "a" * 201, "a\nb", "a\x00", " a", "a\u202eb", "\ud800", 5, None])
def test_a_label_that_nobody_can_read_is_refused(label):
    with pytest.raises(InvalidInput) as refused:
        SessionConfig(label=label, spending_limit=1, valid_until=NOW)
    assert refused.value.field == "label"


def test_keywords_make_a_config():
    made = config_of(None, {"label": "a", "spending_limit": "5", "valid_until": NOW, "chain_id": 8453})
    assert made == SessionConfig(label="a", spending_limit="5", valid_until=NOW, chain=8453)
    assert config_of(made, {}) is made


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"label": "a", "spending_limit": 1}, "valid_until"),
        ({"spending_limit": 1, "valid_until": NOW}, "label"),
        ({"label": "a", "valid_until": NOW}, "spending_limit"),
        ({"label": "a", "spending_limit": 1, "valid_until": NOW, "spendingLimit": 1}, "spendingLimit"),
        ({"label": "a", "spending_limit": 1, "valid_until": NOW, "chain": 1, "chain_id": 1}, "chain_id"),
    ],
)
def test_keywords_that_make_none_are_named(given, field):
    with pytest.raises(InvalidInput) as refused:
        config_of(None, given)
    assert refused.value.field == field


def test_a_config_and_keywords_are_not_mixed():
    with pytest.raises(InvalidInput):
        config_of(SessionConfig(label="a", spending_limit=1, valid_until=NOW), {"label": "b"})


@pytest.mark.parametrize(
    ("limit", "offset", "field"),
    [
        (0, 0, "limit"),
        (101, 0, "limit"),
        (-1, 0, "limit"),
        (True, 0, "limit"),
        (10.0, 0, "limit"),
        ("10", 0, "limit"),
        (None, 0, "limit"),
        (10, -1, "offset"),
        (10, "0", "offset"),
        (10, None, "offset"),
        (10, 1.5, "offset"),
    ],
)
def test_a_page_that_is_none_is_told_by_its_field(limit, offset, field):
    with pytest.raises(InvalidInput) as refused:
        check_page(limit, offset, 100)
    assert refused.value.field == field
    check_page(100, 0, 100)
