"""The receiver of webhooks: it checks each signature, counts each event, and is a bad receiver now and then."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from valetkey.crypto.secret import Secret
from valetkey.wire.webhooks import WebhookError, verify_header

Event = tuple[str, str]
"""What it is called, and the transaction, the spend or the alert that it tells of: the outbox has one of each."""

SUBJECTS = ("transactionId", "approvalId", "alertId")
HANG_SECONDS = 20


class Receiver:
    """Listens on loopback. `loses` makes it forget one event that it said it got: a run that must
    fail. Without `hangs` it answers at once, for a run that is shorter than a sender's patience."""

    def __init__(
        self, secret: Secret, told: Callable[[Any], None], *, loses: bool = False, hangs: bool = True
    ) -> None:
        self.got: Counter[Event] = Counter()
        self.unsigned = 0
        self.answers: Counter[str] = Counter()
        self.behaves = False
        self._secret = secret
        self._told = told
        self._loses, self._hangs = loses, hangs
        self._tasks: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen; the URL."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"

    async def stop(self) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[1:]
            headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in head)}
            body = await reader.readexactly(int(headers["content-length"]))
            status = await self._receive(headers, body)
            writer.write(f"HTTP/1.1 {status} Told\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            self.answers["went away"] += 1
        except asyncio.CancelledError:
            # The run is over. Raised on, it would be told as a bug of a server whose task was cancelled.
            self.answers["cut off"] += 1
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _receive(self, headers: dict[str, str], body: bytes) -> int:
        chance = 1.0 if self.behaves else random.random()
        if self._hangs and chance < 0.005:
            self.answers["hung"] += 1
            await asyncio.sleep(HANG_SECONDS)
            return 500
        if chance < 0.04:
            self.answers["500"] += 1
            return 500
        try:
            verify_header(self._secret, headers.get("x-abbababa-signature"), body, int(time.time()))
        except WebhookError:
            self.unsigned += 1
            return 401
        told = json.loads(body)
        subject = next(told[name] for name in SUBJECTS if name in told)
        self.answers["200"] += 1
        if self._loses:
            self._loses = False
            return 200
        event = (told["event"], subject)
        self.got[event] += 1
        if self.got[event] == 1:
            self._told(told)
        return 200
