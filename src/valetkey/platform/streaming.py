"""Answers that are sent piece by piece: how many there may be at once, and how slowly they may be read."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from valetkey.core.errors import ValetkeyError
from valetkey.platform.refusing import OverCapacity, RateLimited

SEND_SECONDS_MAX = 30.0
"""How long one piece may wait for a reader that does not take it; then the connection is closed."""

RETRY_SECONDS = 10


class Streams:
    """Counts open answers of one kind, for each owner and in all."""

    def __init__(self, *, owner_max: int, total_max: int) -> None:
        self._owner_max = owner_max
        self._total_max = total_max
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    def enter(self, owner_id: str) -> None:
        """Count one more. Raises RateLimited when the owner has too many, OverCapacity when all have."""
        if self._open[owner_id] >= self._owner_max:
            raise RateLimited(RETRY_SECONDS)
        if len(self) >= self._total_max:
            # Not this owner's doing.
            raise OverCapacity("as many long answers are under way as there may be", RETRY_SECONDS)
        self._open[owner_id] += 1

    def leave(self, owner_id: str) -> None:
        """Count one less."""
        self._open[owner_id] -= 1
        if not self._open[owner_id]:
            del self._open[owner_id]


class Streamed(Response):
    """An answer whose pieces are made while they are sent, one at a time: a slow reader costs no memory.

    It has its place in `streams` from when it is sent until it ended, whichever way: its pieces are over, the
    reader went away or is too slow, or the platform stops. What ends early breaks the connection off, so that nobody
    takes what came for the whole.
    """

    def __init__(
        self, pieces: AsyncGenerator[bytes], headers: dict[str, str], streams: Streams, owner_id: str
    ) -> None:
        """Counted already: whoever makes it has called `streams.enter`."""
        self.status_code = 200
        self.background = None
        self._pieces = pieces
        self._streams = streams
        self._owner_id = owner_id
        self.init_headers({**headers, "Cache-Control": "no-store"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the shape of ASGI
        try:
            sending = asyncio.create_task(self._send(send))
            leaving = asyncio.create_task(_left(receive))
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
                if not sending.done():
                    sending.cancel()
                await asyncio.gather(sending, leaving, return_exceptions=True)
            if not sending.cancelled():
                sending.result()
        finally:
            self._streams.leave(self._owner_id)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async with aclosing(self._pieces):
                async for piece in self._pieces:
                    async with asyncio.timeout(SEND_SECONDS_MAX):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
        except (TimeoutError, ValetkeyError):
            # The server closes a connection whose answer was not ended.
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    """Return when the reader is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
