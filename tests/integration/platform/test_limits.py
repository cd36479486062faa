"""Rate limits: so many a minute and key, an honest time to wait, and bounded memory."""

import pytest

from valetkey.platform import limits
from valetkey.platform.limits import PER_MINUTE, Limit, RateLimiter
from valetkey.platform.refusing import RateLimited


class Hands:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


@pytest.mark.parametrize("limit", list(Limit))
def test_a_minute_holds_its_number_and_the_wait_is_true(limit: Limit) -> None:
    clock = Hands()
    limiter = RateLimiter(True, clock)
    for _ in range(PER_MINUTE[limit]):
        limiter.take(b"key", limit)
    with pytest.raises(RateLimited) as refused:
        limiter.take(b"key", limit)
    assert refused.value.retry_after >= 1
    clock.at += refused.value.retry_after
    limiter.take(b"key", limit)


def test_keys_and_kinds_do_not_share() -> None:
    limiter = RateLimiter(True, Hands())
    for _ in range(PER_MINUTE[Limit.SEARCH]):
        limiter.take(b"one", Limit.SEARCH)
    limiter.take(b"two", Limit.SEARCH)
    limiter.take(b"one", Limit.GENERAL)
    with pytest.raises(RateLimited):
        limiter.take(b"one", Limit.SEARCH)


def test_it_can_be_off() -> None:
    limiter = RateLimiter(False, Hands())
    for _ in range(1_000):
        limiter.take(b"key", Limit.SEARCH)


def test_a_stranger_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "KEYS_MAX", 100)
    limiter = RateLimiter(True, Hands())
    for number in range(1_000):
        limiter.take(str(number).encode(), Limit.GENERAL)
    assert len(limiter._buckets) == 100


def test_what_is_given_back_may_be_taken_again_and_no_more() -> None:
    clock = Hands()
    limiter = RateLimiter(True, clock)
    limiter.give_back(b"one", Limit.SEARCH)
    for _ in range(PER_MINUTE[Limit.SEARCH] * 3):
        limiter.take(b"one", Limit.SEARCH)
        limiter.give_back(b"one", Limit.SEARCH)
    limiter.give_back(b"one", Limit.SEARCH)
    for _ in range(PER_MINUTE[Limit.SEARCH]):
        limiter.take(b"one", Limit.SEARCH)
    with pytest.raises(RateLimited):
        limiter.take(b"one", Limit.SEARCH)
