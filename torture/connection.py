"""One keep-alive HTTP connection that costs a client next to nothing, and that can be dropped in the middle."""

import asyncio
from typing import cast


class Lost(Exception):
    """The connection ended before its answer; nobody knows what became of the request."""


class Connection(asyncio.Protocol):
    """Sends prepared requests, one at a time, and reads each answer whole."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._read = b""
        self._missing = -1

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect to a platform on loopback. Raises Lost."""
        try:
            _, made = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        except OSError as error:
            raise Lost from error
        return made

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send; the future gets status and body, or Lost."""
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            self._answer.set_exception(Lost())
        else:
            self._transport.write(request)
        return self._answer

    async def ask(self, request: bytes, seconds: float) -> tuple[int, bytes]:
        """Status and body. Raises Lost, also when nothing comes in time."""
        answer = self.send(request)
        try:
            return await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            self.drop()
            raise Lost from None

    def drop(self) -> None:
        """End the connection without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Lost())
            # Whoever dropped it on purpose looks at it no more.
            self._answer.exception()

    def data_received(self, data: bytes) -> None:
        self._read += data
        if self._missing < 0:
            end = self._read.find(b"\r\n\r\n")
            if end < 0:
                return
            self._missing = end + 4 + _length(self._read[: end + 2])
        if len(self._read) < self._missing or self._answer is None:
            return
        whole, self._read, self._missing = self._read[: self._missing], b"", -1
        if not self._answer.done():
            self._answer.set_result((int(whole[9:12]), whole[whole.index(b"\r\n\r\n") + 4 :]))


def _length(head: bytes) -> int:
    head = head.lower()
    at = head.index(b"content-length:") + 15
    return int(head[at : head.index(b"\r", at)])


def request(
    method: str, path: str, credential: str | None, body: bytes = b"", key: str | None = None
) -> bytes:
    """A request's bytes. `key` is its Idempotency-Key."""
    head = f"{method} /api/v1/{path} HTTP/1.1\r\nhost: torture\r\ncontent-length: {len(body)}\r\n"
    if credential is not None:
        head += f"x-api-key: {credential}\r\n"
    if body:
        head += "content-type: application/json\r\n"
    if key is not None:
        head += f"idempotency-key: {key}\r\n"
    return f"{head}\r\n".encode() + body
