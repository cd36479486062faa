"""Waiting for a chain, with somebody's steps in between."""

import asyncio
from collections.abc import Awaitable, Callable

from valetkey.core.errors import EnvironmentFailure

PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.02, 1.0


async def until(
    there: Callable[[], Awaitable[bool]], step: Callable[[], Awaitable[object]], seconds: float
) -> bool:
    """Step until it is there; False when that took too long. Raises what a node that stays away raised last."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    pause, failure = PAUSE_SECONDS, None
    while not await there():
        if clock() >= deadline:
            if failure is not None:
                raise failure
            return False
        try:
            await step()
            failure = None
        except EnvironmentFailure as error:
            failure = error
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, PAUSE_SECONDS_MAX)
    return True
