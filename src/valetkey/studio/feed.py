"""What happens to an owner's sessions, told to every open page of its: one stream of events for all of them."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing, suppress
from enum import StrEnum

from valetkey.core.errors import ValetkeyError
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.sdk.errors import Forbidden, Refused, TryLater, Unauthenticated
from valetkey.wire.audit import Event

log = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
"""Statuses follow the clock as well, and nobody tells that time has passed."""

POLL_SECONDS = 5.0
"""How often to look where the key may not read events."""

AGAIN_SECONDS = 2.0


class Liveness(StrEnum):
    """How news arrives."""

    LIVE = "live"
    POLLING = "polling"
    AWAY = "away"


Listener = Callable[[Event | None], None]
"""Called with an event, or with None: something may have happened."""


class Feed:
    """One owner's events. Listeners are called in the studio's loop and must not wait."""

    def __init__(self, agent: AsyncBuyerAgent) -> None:
        self.liveness = Liveness.LIVE
        self._agent = agent
        self._listeners: dict[int, Listener] = {}
        self._next = 0
        self._tasks: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._listeners)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell a listener from now on; what is returned ends it, and may be called twice."""
        number, self._next = self._next, self._next + 1
        self._listeners[number] = listener
        return lambda: self._listeners.pop(number, None) and None

    def start(self, gone: Callable[[], None]) -> None:
        """Begin. `gone` is called when the key opens nothing any more."""
        self._tasks = [asyncio.create_task(self._follow(gone)), asyncio.create_task(self._look())]

    async def stop(self) -> None:
        """End, also when it is called out of its own stream."""
        own = asyncio.current_task()
        for task in self._tasks:
            if task is not own:
                task.cancel()
        await asyncio.gather(*(one for one in self._tasks if one is not own), return_exceptions=True)
        self._listeners.clear()

    async def _follow(self, gone: Callable[[], None]) -> None:
        cursor: str | None = None

        def reached(now: str) -> None:
            nonlocal cursor
            began, cursor = cursor is None, now
            self._set(Liveness.LIVE)
            if began:
                # Pages that were loaded before the stream began may have missed something.
                self._tell(None)

        while True:
            try:
                async with aclosing(self._agent.events(cursor=cursor, reached=reached)) as events:
                    async for event in events:
                        self._tell(event)
            except Unauthenticated:
                gone()
                return
            except (Forbidden, Refused):
                # A key without audit:read sees sessions all the same.
                self._set(Liveness.POLLING)
                return
            except TryLater:
                self._set(Liveness.AWAY)
            except ValetkeyError as error:
                log.warning("the feed of events stopped: %s", error)
                self._set(Liveness.AWAY)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS if self.liveness is not Liveness.LIVE else LOOK_SECONDS)
            if self.liveness is Liveness.AWAY:
                with suppress(ValetkeyError):
                    await self._agent.list_sessions(limit=1)
                    self._set(Liveness.LIVE)
            self._tell(None)

    def _set(self, liveness: Liveness) -> None:
        if self.liveness is not liveness:
            self.liveness = liveness
            self._tell(None)

    def _tell(self, event: Event | None) -> None:
        for listener in tuple(self._listeners.values()):
            listener(event)
