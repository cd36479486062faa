"""A store without `await`: one event loop, run for each call, so that tests read from top to bottom."""

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Any


class Blocking:
    """Every coroutine method of `store` as a plain one. `run` awaits anything else on the same loop.

    `store` may be a coroutine that opens one: it belongs to the loop then.
    """

    def __init__(self, store: Any) -> None:
        self._runner = asyncio.Runner()
        self._closed = False
        self.store = self.run(store) if inspect.isawaitable(store) else store

    def run(self, awaitable: Awaitable[Any]) -> Any:
        async def wait() -> Any:
            return await awaitable

        return self._runner.run(wait())

    def together(self, *awaitables: Awaitable[Any]) -> list[Any]:
        """What each answered or raised, all of them under way at once."""

        async def gather() -> list[Any]:
            return await asyncio.gather(*awaitables, return_exceptions=True)

        return self._runner.run(gather())

    def close(self) -> None:
        """Close the store and the loop; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self.run(self.store.close())
        self._runner.close()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.store, name)
        if not inspect.iscoroutinefunction(found):
            return found
        return lambda *args, **kwargs: self.run(found(*args, **kwargs))
