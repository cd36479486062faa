"""Answers that are sent piece by piece, without a network: every way in which they end gives their place back."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from valetkey.core.errors import ChainUnavailable
from valetkey.platform import streaming
from valetkey.platform.refusing import OverCapacity, RateLimited
from valetkey.platform.streaming import Streamed, Streams


class Connection:
    """What a server gives an application: a reader that takes so many pieces, and leaves when it is told to."""

    def __init__(self, takes: int = 100) -> None:
        self.takes = takes
        self.sent: list[Any] = []
        self.leaves = asyncio.Event()
        self.closed = False

    async def send(self, message: Any) -> None:
        if len(self.sent) > self.takes:
            await asyncio.Event().wait()
        self.sent.append(message)

    async def receive(self) -> Any:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def pieces(self, count: int, error: Exception | None = None) -> AsyncGenerator[bytes]:
        try:
            for number in range(count):
                yield str(number).encode()
            if error is not None:
                raise error
        finally:
            self.closed = True

    @property
    def ended(self) -> bool:
        return bool(self.sent) and self.sent[-1].get("more_body") is False


async def run(connection: Connection, pieces: AsyncGenerator[bytes], streams: Streams) -> None:
    streams.enter("agt_1")
    answer = Streamed(pieces, {"Content-Type": "text/plain"}, streams, "agt_1")
    async with asyncio.timeout(10):
        await answer({"type": "http"}, connection.receive, connection.send)


def streams() -> Streams:
    return Streams(owner_max=2, total_max=3)


def test_a_whole_answer() -> None:
    async def check() -> None:
        connection, counted = Connection(), streams()
        await run(connection, connection.pieces(3), counted)
        assert [one.get("body") for one in connection.sent] == [None, b"0", b"1", b"2", b""]
        assert (connection.ended, connection.closed, len(counted)) == (True, True, 0)

    asyncio.run(check())


def test_a_reader_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SEND_SECONDS_MAX", 0.05)

    async def check() -> None:
        connection, counted = Connection(takes=2), streams()
        await run(connection, connection.pieces(10**9), counted)
        # Nothing was made ahead of the reader, and nothing says that this was the whole.
        assert [one.get("body") for one in connection.sent] == [None, b"0", b"1"]
        assert (connection.ended, connection.closed, len(counted)) == (False, True, 0)

    asyncio.run(check())


def test_a_reader_that_leaves_while_nothing_happens() -> None:
    async def check() -> None:
        connection, counted = Connection(takes=2), streams()
        running = asyncio.create_task(run(connection, connection.pieces(10**9), counted))
        await asyncio.sleep(0.05)
        assert len(counted) == 1
        connection.leaves.set()
        await running
        assert (connection.ended, connection.closed, len(counted)) == (False, True, 0)

    asyncio.run(check())


def test_a_server_that_stops() -> None:
    async def check() -> None:
        connection, counted = Connection(takes=2), streams()
        running = asyncio.create_task(run(connection, connection.pieces(10**9), counted))
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (connection.ended, connection.closed, len(counted)) == (False, True, 0)

    asyncio.run(check())


def test_what_fails_meanwhile_is_no_shorter_answer() -> None:
    async def check() -> None:
        connection, counted = Connection(), streams()
        await run(connection, connection.pieces(2, ChainUnavailable("gone")), counted)
        assert (connection.ended, len(counted)) == (False, 0)
        # A bug is told to whoever logs bugs.
        connection = Connection()
        with pytest.raises(ZeroDivisionError):
            await run(connection, connection.pieces(2, ZeroDivisionError()), counted)
        assert (connection.ended, len(counted)) == (False, 0)

    asyncio.run(check())


def test_places_are_counted_for_each_owner_and_in_all() -> None:
    counted = streams()
    counted.enter("a")
    counted.enter("a")
    with pytest.raises(RateLimited):
        counted.enter("a")
    counted.enter("b")
    # Not the doing of whoever asks now.
    with pytest.raises(OverCapacity):
        counted.enter("c")
    counted.leave("a")
    counted.enter("c")
    for owner in "abc":
        counted.leave(owner)
    assert len(counted) == 0
