"""How an owner stands: what the key that it signed in with may do, and since when all of its sessions are frozen."""

import asyncio
import logging
from collections.abc import Callable

from valetkey.core.audit import Kind
from valetkey.core.errors import ValetkeyError
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.wire.agents import OwnerView
from valetkey.wire.audit import Event

log = logging.getLogger(__name__)

TELLS = (Kind.FROZEN, Kind.THAWED)


class Standing:
    """Asked for again when something happened that changes it, wherever it was done."""

    def __init__(self, agent: AsyncBuyerAgent, told: OwnerView) -> None:
        self.told = told
        self._agent = agent
        self._listeners: dict[int, Callable[[], None]] = {}
        self._next = 0
        self._asking: asyncio.Task[None] | None = None
        self._is_old = False

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Tell whenever it is another one; what is returned ends it."""
        number, self._next = self._next, self._next + 1
        self._listeners[number] = listener
        return lambda: self._listeners.pop(number, None) and None

    def hear(self, event: Event | None) -> None:
        """Something happened, or may have."""
        if event is None or event.kind in TELLS:
            self.look()

    def look(self) -> None:
        """Ask again, once for everything that happened meanwhile."""
        self._is_old = True
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._look())

    def stop(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()

    async def _look(self) -> None:
        while self._is_old:
            self._is_old = False
            try:
                told = await self._agent.itself()
            except ValetkeyError as error:
                # The next look asks again; what is shown meanwhile is what was true last.
                log.info("how the owner stands could not be asked: %s", error)
                return
            if told != self.told:
                self.told = told
                for listener in tuple(self._listeners.values()):
                    listener()
