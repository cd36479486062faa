"""Reading: a few connections, each used by one thread at a time, that see only what was committed."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, LifoQueue
from typing import TypeVar

import apsw

from valetkey.stores.failures import StoreClosed, StoreFull
from valetkey.stores.sqlite.failures import translated

READERS = 3
READS_MAX = 4_096
"""Reads that may run or wait; more are refused at once."""

T = TypeVar("T")
Read = Callable[[apsw.Connection], T]
"""A look at the database; everything in it sees one moment."""


class Readers:
    """A pool of reading connections. A read that begins after a write has returned sees that write."""

    def __init__(self, connections: list[apsw.Connection]) -> None:
        self._idle: LifoQueue[apsw.Connection] = LifoQueue()
        for connection in connections:
            self._idle.put(connection)
        self._size = len(connections)
        self._threads = ThreadPoolExecutor(self._size, thread_name_prefix="valetkey-reader")
        self._lock = threading.Lock()
        self._reading = 0
        self._closing = False

    @property
    def size(self) -> int:
        """How many connections there are."""
        return self._size

    @property
    def reading(self) -> int:
        """How many reads run or wait in threads."""
        return self._reading

    async def read(self, look: Read[T]) -> T:
        """Look at the database, in a thread. Raises StoreFull, StoreFailed, and what the look raises."""
        with self._lock:
            if self._closing:
                raise StoreClosed("the store is closed")
            if self._reading >= READS_MAX:
                raise StoreFull("too many reads are waiting for the database; try again in a moment")
            self._reading += 1
            waiting = self._threads.submit(self._look, look)
        # Counted until the thread is done with it, also when the caller does not wait so long.
        waiting.add_done_callback(self._done)
        return await asyncio.wrap_future(waiting)

    async def glance(self, look: Read[T]) -> T:
        """A look at a few rows by their keys, in the caller's thread: waking another one takes longer than the look.

        Readers wait for no writer, so the caller's loop waits for a page of the file at most.
        """
        try:
            db = self._idle.get_nowait()
        except Empty:
            return await self.read(look)
        try:
            return self._looked(db, look)
        finally:
            self._idle.put(db)

    def close(self) -> None:
        """Finish what was asked, then close the connections; blocks until then."""
        with self._lock:
            self._closing = True
        self._threads.shutdown(wait=True)
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def _done(self, _: object) -> None:
        with self._lock:
            self._reading -= 1

    def _look(self, look: Read[T]) -> T:
        db = self._idle.get()
        try:
            return self._looked(db, look)
        finally:
            self._idle.put(db)

    @staticmethod
    def _looked(db: apsw.Connection, look: Read[T]) -> T:
        try:
            db.execute("BEGIN")
            try:
                return look(db)
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
        except apsw.Error as error:
            raise translated(error) from error
