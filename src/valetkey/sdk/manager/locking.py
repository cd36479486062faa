"""Who is on turn among the processes that share a manager's file. The kernel gives a turn back, whatever ends them."""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from valetkey.ports.keystore import KeystoreUnusable
from valetkey.ports.wallet import StillPending

PAUSE_SECONDS = 0.02


class Turn:
    """A lock file beside the database. Nothing is read from it, and it may be deleted when nobody runs."""

    def __init__(self, path: Path, wait_seconds: float) -> None:
        """`wait_seconds`: for how long others are waited for, who may have been stopped in their turn."""
        self._path = path
        self._wait_seconds = wait_seconds

    @contextmanager
    def tried(self) -> Iterator[bool]:
        """Whether it is ours alone now; it stays so until the end of the block."""
        descriptor = self._open()
        try:
            yield _taken(descriptor, fcntl.LOCK_EX)
        finally:
            os.close(descriptor)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Wait until it is ours alone. Raises StillPending when others have it for too long."""
        async with self._held(fcntl.LOCK_EX):
            yield

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Wait until nobody has it alone; others may be here with us. Raises StillPending as `alone` does."""
        async with self._held(fcntl.LOCK_SH):
            yield

    @asynccontextmanager
    async def _held(self, kind: int) -> AsyncIterator[None]:
        descriptor, deadline = self._open(), time.monotonic() + self._wait_seconds
        try:
            # The kernel tells nobody when a lock is free, but who waits in a thread of its own.
            while not _taken(descriptor, kind):
                if time.monotonic() >= deadline:
                    raise StillPending(
                        "another process of this file has been at it for a long time, or was stopped in it: do the"
                        " same again, or let that one go on or end"
                    )
                await asyncio.sleep(PAUSE_SECONDS)
            yield
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        problem = ""
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            problem = error.strerror or "unknown"
        raise KeystoreUnusable(f"the lock file beside the database cannot be opened: {problem}")


def _taken(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
