"""How often one owner's pages ask the platform: at once while that is seldom, and steadily when much happens.

The platform counts requests per key, and an owner's own programs may use the same one.
"""

import asyncio
import time
from collections.abc import Callable

BURST = 25
PER_SECOND = 1.2


class Pace:
    """A bucket of turns, refilled steadily."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left, self._since = float(BURST), clock()

    def wait_seconds(self, requests: int = 1) -> float:
        """Take a turn of so many requests: how long to wait for it."""
        now = self._clock()
        self._left = min(BURST, self._left + (now - self._since) * PER_SECOND)
        self._since = now
        self._left -= requests
        return max(0.0, -self._left / PER_SECOND)

    async def turn(self, requests: int = 1) -> None:
        """Wait until it is time to ask."""
        if seconds := self.wait_seconds(requests):
            await asyncio.sleep(seconds)
