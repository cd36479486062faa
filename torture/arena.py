"""What the clients and the disturbances of one run share: the ports, the journal, the world, and how to insist."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from torture.connection import Connection, Lost
from torture.journal import Journal
from torture.plan import Plan
from torture.world import World

ANSWER_SECONDS = 20.0
"""How long one attempt may take."""

INSIST_SECONDS = 90.0
"""How long a client goes on asking; a platform that has not answered by then is a violation."""

AGAIN_SECONDS = 0.05


class Ended(Exception):
    """The platforms answer no more: the run cannot go on."""


@dataclass(slots=True)
class Arena:
    """One run. `counts` is what the table tells at the end."""

    plan: Plan
    ports: list[int]
    journal: Journal
    world: World
    began: float = field(default_factory=time.monotonic)
    counts: Counter[str] = field(default_factory=Counter)

    def now(self) -> float:
        """Seconds of the run, of a clock that does not jump."""
        return time.monotonic() - self.began

    @property
    def is_over(self) -> bool:
        return self.now() >= self.plan.seconds

    def saw(self, text: str) -> None:
        """A violation that shows in an answer."""
        self.journal.write("saw", text)


class Caller:
    """Connections of one client, one to each platform; each attempt goes to any of them."""

    def __init__(self, ports: list[int], route: random.Random) -> None:
        self._ports = ports
        self._route = route
        self._connections: dict[int, Connection] = {}
        self.lost = 0

    async def connection(self) -> Connection:
        """An open one, to a platform that chance chooses. Raises Lost."""
        port = self._route.choice(self._ports)
        known = self._connections.get(port)
        if known is None or not known.is_open:
            known = self._connections[port] = await Connection.open(port)
        return known

    async def insist(self, asked: bytes) -> tuple[int, bytes]:
        """Ask until there is an answer; `lost` counts the attempts that had none. Raises Ended."""
        deadline = time.monotonic() + INSIST_SECONDS
        while time.monotonic() < deadline:
            try:
                status, body = await (await self.connection()).ask(asked, ANSWER_SECONDS)
            except Lost:
                self.lost += 1
            else:
                if status not in (502, 503):
                    return status, body
                # It says that nothing was done; when its database went away in the middle it cannot know.
                self.lost += 1
            await asyncio.sleep(AGAIN_SECONDS * (0.5 + self._route.random()))
        raise Ended(f"no answer in {INSIST_SECONDS:g} s to {asked[:60]!r}")

    async def drop(self, asked: bytes, seconds: float) -> None:
        """Ask, and hang up before the answer is read."""
        try:
            connection = await self.connection()
        except Lost:
            return
        connection.send(asked)
        await asyncio.sleep(seconds)
        connection.drop()
        self.lost += 1

    def close(self) -> None:
        for one in self._connections.values():
            one.drop()
