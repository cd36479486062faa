"""One database file: its writer, its readers and its clock, for the classes that know the tables."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import apsw

from valetkey.stores.clock import StoreClock
from valetkey.stores.sqlite.copies import check_not_copied
from valetkey.stores.sqlite.files import MEMORY, connect, create_file, migrate
from valetkey.stores.sqlite.readers import READERS, Read, Readers
from valetkey.stores.sqlite.statements import row
from valetkey.stores.sqlite.writer import Write, Writer
from valetkey.stores.tellings import Tellings

if TYPE_CHECKING:
    # The book knows tables, and the classes that know tables know this one.
    from valetkey.stores.sqlite.book import SqliteBook

T = TypeVar("T")


class Database:
    """Reads and writes of one file. Whoever writes is told when it is durable; whoever reads sees no less."""

    def __init__(
        self,
        path: Path,
        clock: StoreClock,
        open_book: "Callable[[apsw.Connection, int, Tellings], SqliteBook]",
        *,
        restored: bool = False,
    ) -> None:
        """Open the file, make or migrate its tables; MEMORY is none. `restored`: also one that came out of a backup.

        Raises StoreFailed, StoreUnreadable, StoreRestored.
        """
        if path != MEMORY:
            create_file(path)
        db = connect(path, writing=True)
        try:
            if not restored:
                check_not_copied(db)
            migrate(db)
            latest = row(db, "SELECT latest FROM state")
            assert latest is not None
            # A restart under a clock that was set back must not bring expired sessions to life again.
            clock.at_least(latest[0])
            # Memory is one connection's: its writer reads too.
            self.readers = (
                None if path == MEMORY else Readers([connect(path, writing=False) for _ in range(READERS)])
            )
        except BaseException:
            db.close()
            raise
        self.clock = clock
        self.tellings = Tellings()
        self.writer = Writer(db, clock, lambda db, now: open_book(db, now, self.tellings))

    async def read(self, look: Read[T]) -> T:
        """A consistent look at what is committed. Raises StoreFull, StoreFailed, and what the look raises."""
        if self.readers is None:
            return await self.writer.write(lambda db, _: look(db))
        return await self.readers.read(look)

    async def glance(self, look: Read[T]) -> T:
        """As `read`, for a few rows by their keys."""
        if self.readers is None:
            return await self.writer.write(lambda db, _: look(db))
        return await self.readers.glance(look)

    async def write(self, work: Write[T]) -> T:
        """A transaction, durable when it returns. Raises StoreFull, StoreFailed, and what the work raises."""
        return await self.writer.write(work)

    async def keep(self, work: "Callable[[SqliteBook], T]") -> T:
        """As `write`, through the book, which the jobs of one commit share."""
        return await self.writer.keep(work)

    async def close(self) -> None:
        """Finish what was asked for, then close. Closing twice is closing once."""
        await asyncio.to_thread(self.writer.close)
        if self.readers is not None:
            await asyncio.to_thread(self.readers.close)


class Tables:
    """What every class that knows some tables is made with."""

    def __init__(self, database: Database) -> None:
        self._database = database
