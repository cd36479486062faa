"""Sliding windows: no interval of a window's length ever holds more than its limit, wherever it begins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.core.errors import InvalidInput
from valetkey.core.windows import BUCKETS, EMPTY, WINDOW_SECONDS_MAX, Ring, Window, added, counted, free_at

HOUR = Window(3_600, 100)


@pytest.mark.parametrize(
    ("seconds", "bucket_seconds"), [(1, 1), (59, 1), (60, 1), (61, 2), (3_600, 60), (86_400, 1_440)]
)
def test_a_window_is_cut_into_whole_seconds(seconds: int, bucket_seconds: int) -> None:
    window = Window(seconds, 1)
    assert window.bucket_seconds == bucket_seconds
    assert window.bucket_seconds * BUCKETS >= seconds


@pytest.mark.parametrize(
    ("seconds", "limit"),
    [
        (0, 1),
        (-1, 1),
        (WINDOW_SECONDS_MAX + 1, 1),
        (True, 1),
        (1.5, 1),
        (1, -1),
        (1, True),
        (1, 10**30),
        (1, 1.0),
    ],
)
def test_what_is_no_window_is_refused(seconds: int, limit: int) -> None:
    with pytest.raises(InvalidInput):
        Window(seconds, limit)


def test_a_spend_counts_until_a_full_window_after_its_bucket() -> None:
    ring = added(HOUR, EMPTY, 70, at=59, now=59)
    assert counted(HOUR, ring, 59) == 70
    assert counted(HOUR, ring, 60 + 3_600 - 1) == 70
    assert counted(HOUR, ring, 60 + 3_600) == 0
    assert free_at(HOUR, ring, 30, 59) == 59
    assert free_at(HOUR, ring, 31, 59) == 60 + 3_600
    assert free_at(HOUR, ring, 101, 59) is None


def test_the_edge_of_a_fixed_window_lets_nothing_through() -> None:
    """A fixed window would take 100 just before its edge and 100 just after it."""
    ring = added(HOUR, EMPTY, 100, at=3_599, now=3_599)
    assert counted(HOUR, ring, 3_600) == 100


def test_what_did_not_move_leaves_the_bucket_it_was_put_into() -> None:
    ring = added(HOUR, EMPTY, 40, at=0, now=0)
    ring = added(HOUR, ring, 50, at=600, now=600)
    ring = added(HOUR, ring, -40, at=0, now=700)
    assert ring == ((10, 50),)
    # Too late: the bucket has left the window by itself.
    assert added(HOUR, ring, -50, at=600, now=660 + 3_600) == EMPTY


def test_a_ring_stays_small() -> None:
    ring: Ring = EMPTY
    for second in range(0, 3 * 3_600, 7):
        ring = added(HOUR, ring, 1, at=second, now=second)
        assert len(ring) <= BUCKETS + 1


SPENDS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 60)), max_size=40)


@given(window=st.builds(Window, st.integers(1, 300), st.integers(0, 200)), spends=SPENDS)
def test_WINDOW_IS_SLIDING_no_interval_holds_more_than_the_limit(
    window: Window, spends: list[tuple[int, int]]
) -> None:
    now, ring, passed = 0, EMPTY, []
    for pause, units in spends:
        now += pause
        if counted(window, ring, now) + units <= window.limit:
            ring = added(window, ring, units, now, now)
            passed.append((now, units))
    for begin, _ in passed:
        within = [units for at, units in passed if begin <= at < begin + window.seconds]
        assert sum(within) <= window.limit


@given(
    window=st.builds(Window, st.integers(1, 300), st.integers(0, 200)),
    spends=SPENDS,
    asked=st.integers(0, 250),
)
def test_it_fits_at_the_moment_that_is_told_and_not_a_second_before(
    window: Window, spends: list[tuple[int, int]], asked: int
) -> None:
    now, ring = 0, EMPTY
    for pause, units in spends:
        now += pause
        if counted(window, ring, now) + units <= window.limit:
            ring = added(window, ring, units, now, now)
    at = free_at(window, ring, asked, now)
    if asked > window.limit:
        assert at is None
        return
    assert at is not None
    assert counted(window, ring, at) + asked <= window.limit
    assert at == now or counted(window, ring, at - 1) + asked > window.limit


@given(
    seconds=st.integers(1, 10_000),
    bucket=st.integers(-5, 2_000),
    now=st.integers(0, 20_000),
)
def test_the_oldest_bucket_is_the_first_that_counts(seconds: int, bucket: int, now: int) -> None:
    window = Window(seconds, 1)
    assert (bucket >= window.oldest(now)) is (now < window.counts_until(bucket))
