"""What an operator wants to know of a database: what waits in it, for how long, and how busy it is."""

from dataclasses import dataclass
from typing import Protocol

COUNTED_MAX = 10_000
"""So many rows of a queue are counted at most: looking at a long one must not be what makes it longer."""


@dataclass(frozen=True, slots=True)
class Queue:
    """How many wait, COUNTED_MAX at most, and since when the oldest of them does (unix seconds); None when none."""

    length: int
    oldest: int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """Webhooks to send, transactions of relayers that are open, payments whose outcome is not proven; and how many
    sessions are neither revoked nor near their end, COUNTED_MAX at most."""

    webhooks: Queue
    relays: Queue
    unknowns: Queue
    sessions_living: int


@dataclass(frozen=True, slots=True)
class Load:
    """Of this process: jobs that wait to be written, and connections that are in use, of how many.

    `memory` is what the engine itself keeps in this process, bytes: pages of the file that it read or wrote, mostly.
    """

    waiting: int
    busy: int
    connections: int
    memory: int = 0


class MeasuringStore(Protocol):
    async def measure(self) -> Measured:
        """Read from indexes, each with a bound."""
        ...

    def load(self) -> Load:
        """Asks nobody."""
        ...
