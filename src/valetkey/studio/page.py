"""One page that somebody has open: whose it is, what it may ask, and what ends with it.

A closed page leaves nothing behind: its listener, its tasks and its elements go when NiceGUI forgets the client.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, tzinfo
from typing import Any, TypeVar
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nicegui import Client, ui
from starlette.requests import Request

from valetkey.core.api_key import Scope
from valetkey.core.errors import ValetkeyError
from valetkey.sdk.errors import Unauthenticated
from valetkey.studio.gate import sitting_of
from valetkey.studio.owners import Owner
from valetkey.studio.sittings import Sitting
from valetkey.wire.audit import Event

log = logging.getLogger(__name__)
T = TypeVar("T")

ZONE = "valetkey_zone"
SETTLE_SECONDS = 0.05
"""Events come in bunches: one look answers all of them."""


class Page:
    """What a page works with."""

    def __init__(
        self, request: Request, client: Client, ended: Callable[[Sitting, str], Awaitable[None]]
    ) -> None:
        self.sitting: Sitting = sitting_of(request.scope)
        self.request = request
        self.client = client
        self.zone = zone_of(request.cookies.get(ZONE))
        self._ended = ended
        self._closing: list[Callable[[], object]] = []
        self.sitting.clients.add(client)
        client.on_delete(self.close)

    @property
    def owner(self) -> Owner:
        """Who is signed in."""
        return self.sitting.owner

    @property
    def agent(self) -> Any:
        """The owner's agent, to ask the platform with."""
        return self.sitting.owner.agent

    @property
    def may_change(self) -> bool:
        """Whether the key that somebody signed in with changes sessions."""
        return Scope.SESSIONS_WRITE in self.owner.standing.told.scopes

    def close(self) -> None:
        """End what belongs to the page."""
        closing, self._closing = self._closing, []
        for one in closing:
            one()

    def listen(self, listener: Callable[[Event | None], None]) -> None:
        """Tell what happens to the owner's sessions, as long as the page is open."""
        self._closing.append(self.owner.feed.listen(listener))

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside, until the page is closed."""
        task = asyncio.create_task(work)
        self._closing.append(task.cancel)

    def follow(
        self,
        load: Callable[[], Awaitable[None]],
        concerns: Callable[[Event], bool] | None = None,
        *,
        asks: int = 1,
        settle: float = SETTLE_SECONDS,
    ) -> "Follower":
        """Call `load` again whenever something happened, never twice at once; `concerns` says to which events.

        `asks`: how many requests one load is. `settle`: how long what follows the first news is waited for.
        """
        follower = Follower(self, load, asks, settle)
        self.listen(
            lambda event: follower.ask() if event is None or concerns is None or concerns(event) else None
        )
        self.begin(follower.run())
        return follower

    async def doing(self, work: Awaitable[T]) -> T | None:
        """Wait for something that the platform does. What it refuses is told on the page, and None is the answer."""
        try:
            return await work
        except Unauthenticated:
            await self._ended(self.sitting, "key")
        except ValetkeyError as error:
            self.tell(str(error), bad=True)
        return None

    def tell(self, text: str, *, bad: bool = False) -> None:
        """A notice at the foot of the page, which readers of screens read out."""
        if self.client.is_deleted:
            return
        with self.client:
            ui.notify(
                text,
                position="bottom",
                classes="told-bad" if bad else "told",
                timeout=8_000 if bad else 4_000,
            )


class Follower:
    """Loads again what changed: soon after the first news, and no more often than the owner's pace allows."""

    def __init__(self, page: Page, load: Callable[[], Awaitable[None]], asks: int, settle: float) -> None:
        self._page, self._load, self._asks, self._settle = page, load, asks, settle
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Something happened."""
        self._asked.set()

    async def run(self) -> None:
        """Until it is cancelled. An outage of the platform is waited out: the next news loads again."""
        while True:
            await self._asked.wait()
            await asyncio.sleep(self._settle)
            await self._page.owner.pace.turn(self._asks)
            self._asked.clear()
            try:
                await self._load()
            except ValetkeyError as error:
                log.info("a page could not be loaded again: %s", error)


def zone_of(told: str | None) -> tzinfo:
    """The viewer's time zone, as the browser told it; UTC when it is none."""
    name = unquote(told or "")
    try:
        return ZoneInfo(name) if name and len(name) < 64 else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
