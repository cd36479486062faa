"""Rate limits per key: a token bucket for each key and kind of request. Memory is bounded."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from enum import StrEnum

from valetkey.platform.refusing import RateLimited

KEYS_MAX = 20_000
"""So many buckets are remembered; the one that was used longest ago is forgotten first."""


class Limit(StrEnum):
    """What is counted, each on its own: PUBLIC, GUESS, ENROLL, CLAIM and SIGN_IN by address, the others by credential.

    GUESS counts credentials that nobody has: it must not use up what an address may look up in public.
    """

    GENERAL = "general"
    PUBLIC = "public"
    GUESS = "guess"
    SEARCH = "search"
    CHECKOUT = "checkout"
    FUND = "fund"
    DELIVER = "deliver"
    CONFIRM = "confirm"
    ENROLL = "enroll"
    CLAIM = "claim"
    SIGN_IN = "sign_in"


PER_MINUTE: Mapping[Limit, int] = {
    Limit.GENERAL: 100,
    Limit.PUBLIC: 600,
    Limit.GUESS: 100,
    Limit.SEARCH: 10,
    Limit.CHECKOUT: 20,
    Limit.FUND: 20,
    Limit.DELIVER: 20,
    Limit.CONFIRM: 20,
    Limit.ENROLL: 10,
    Limit.CLAIM: 30,
    Limit.SIGN_IN: 30,
}


class RateLimiter:
    """Counts requests. A bucket holds one minute's worth and refills steadily. `refused` is told of refusals."""

    def __init__(
        self,
        enabled: bool,
        clock: Callable[[], float] = time.monotonic,
        *,
        per_minute: Mapping[Limit, int] = PER_MINUTE,
        refused: Callable[[Limit], None] = lambda _: None,
    ) -> None:
        self._enabled = enabled
        self._refused = refused
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[tuple[bytes, Limit], tuple[float, float]] = OrderedDict()

    def take(self, key: bytes, limit: Limit) -> None:
        """Count one request. Raises RateLimited when the bucket is empty."""
        if not self._enabled:
            return
        now = self._clock()
        size = float(self._per_minute[limit])
        left, since = self._buckets.pop((key, limit), (size, now))
        left = min(size, left + (now - since) * size / 60)
        if left < 1:
            self._buckets[key, limit] = (left, now)
            self._refused(limit)
            raise RateLimited(max(1, math.ceil((1 - left) * 60 / size)))
        self._buckets[key, limit] = (left - 1, now)
        while len(self._buckets) > KEYS_MAX:
            self._buckets.popitem(last=False)

    def give_back(self, key: bytes, limit: Limit) -> None:
        """Count one request less: what was taken for it is taken only where it comes to something else."""
        if (key, limit) in self._buckets:
            left, since = self._buckets[key, limit]
            self._buckets[key, limit] = (min(float(self._per_minute[limit]), left + 1), since)
