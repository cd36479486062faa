"""Patience with a chain: our node may be a block behind the caller's, and a payment wants confirmations.

Clients of the wire contract do not ask twice, so the platform looks again for a while before it says no.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_SECONDS = 0.5


async def patiently(look: Callable[[], Awaitable[T]], is_there: Callable[[T], bool], seconds: float) -> T:
    """Look until it is there, at most for so many seconds; what was seen last. Looks once in any case."""
    deadline = time.monotonic() + seconds
    while True:
        seen = await look()
        left = deadline - time.monotonic()
        if is_there(seen) or left <= 0:
            return seen
        await asyncio.sleep(min(LOOK_SECONDS, left))
