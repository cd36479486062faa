"""Asking the platforms: kept connections, one platform after the other, each answer timed by its kind."""

import asyncio
import itertools
import json
import random
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

TIMEOUT_SECONDS = 30.0
TRIES = 4
IDLE_MAX = 16
"""Connections to one platform that are kept while nobody uses them."""

LOST = (0, None)
"""Instead of an answer: nobody knows what became of the request."""


@dataclass
class Meter:
    """How long answers took and which codes they had, by kind; `window` is emptied by whoever samples."""

    window: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    codes: Counter[str] = field(default_factory=Counter)

    def count(self, kind: str, seconds: float, status: int, code: str) -> None:
        """One answer. A code is counted where it is no success."""
        self.window[kind].append(seconds * 1e3)
        if not 200 <= status < 300:
            self.codes[f"{kind}: {status or 'no answer'} {code}".strip()] += 1

    def taken(self) -> tuple[dict[str, list[float]], dict[str, int]]:
        """What was counted since the last time."""
        found = dict(self.window), dict(self.codes)
        self.window, self.codes = defaultdict(list), Counter()
        return found


class Asker:
    """Asks the platforms in turn, as whatever stands before several of them does."""

    def __init__(self, ports: list[int], meter: Meter) -> None:
        self.meter = meter
        self._ports = itertools.cycle(ports)
        self._idle: dict[int, deque[Any]] = {port: deque() for port in ports}

    async def ask(
        self,
        kind: str,
        method: str,
        path: str,
        credential: str,
        body: Any = None,
        *,
        key: str = "",
        since: float | None = None,
    ) -> tuple[int, Any]:
        """Status and `data`, or the whole error; LOST when no answer came.

        A 503 with a key, and of a read, is asked again after what it says, with some chance. The time counts from
        `since`, when the request was due, and is that of each answer, not of all tries.
        """
        for attempt in range(1, TRIES + 1):
            began = since if since is not None and attempt == 1 else time.perf_counter()
            status, pause, answer = await self._once(method, path, credential, body, key)
            code = "" if answer is None else str(answer.get("code", ""))
            self.meter.count(kind, time.perf_counter() - began, status, code)
            if status != 503 or attempt == TRIES or not (key or method == "GET"):
                break
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        if status == 0 or answer is None:
            return LOST
        return status, answer["data"] if 200 <= status < 300 else answer

    async def _once(
        self, method: str, path: str, credential: str, body: Any, key: str
    ) -> tuple[int, int, Any]:
        port = next(self._ports)
        sent = b"" if body is None else json.dumps(body).encode()
        head = f"{method} /api/v1{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {credential}\r\n"
        head += f"Idempotency-Key: {key}\r\n" if key else ""
        head += f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
        line = None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                line = await self._line(port)
                reader, writer = line
                writer.write(head.encode() + sent)
                first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in rest)}
                answer = json.loads(await reader.readexactly(int(headers["content-length"])))
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            if line is not None:
                line[1].close()
            return 0, 1, None
        except asyncio.CancelledError:
            if line is not None:
                line[1].close()
            raise
        self._idle[port].append(line)
        if len(self._idle[port]) > IDLE_MAX:
            self._idle[port].popleft()[1].close()
        return int(first.split()[1]), int(headers.get("retry-after", "1")), answer

    async def _line(self, port: int) -> Any:
        idle = self._idle[port]
        while idle:
            line = idle.pop()
            if not line[0].at_eof() and not line[1].is_closing():
                return line
            line[1].close()
        return await asyncio.open_connection("127.0.0.1", port)

    def close(self) -> None:
        """Close what is idle."""
        for idle in self._idle.values():
            while idle:
                idle.pop()[1].close()
