"""The embedded store: one SQLite file, one writer thread with group commit, a few readers."""

from pathlib import Path

from valetkey.stores.clock import StoreClock, SystemTime, system_time
from valetkey.stores.sqlite.accounts import SqliteAccounts
from valetkey.stores.sqlite.alerts import SqliteAlerts
from valetkey.stores.sqlite.allotments import SqliteAllotments
from valetkey.stores.sqlite.audit import SqliteAudit
from valetkey.stores.sqlite.book import SqliteBook
from valetkey.stores.sqlite.claims import SqliteClaims
from valetkey.stores.sqlite.copies import back_up_file as back_up_file
from valetkey.stores.sqlite.copies import lift
from valetkey.stores.sqlite.copies import restore_file as restore_file
from valetkey.stores.sqlite.database import Database
from valetkey.stores.sqlite.enrollments import SqliteEnrollments
from valetkey.stores.sqlite.files import MEMORY as MEMORY
from valetkey.stores.sqlite.files import connect, create_file, migrate, peek
from valetkey.stores.sqlite.grants import SqliteGrants
from valetkey.stores.sqlite.ledger import SqliteLedger
from valetkey.stores.sqlite.lifecycle import SqliteLifecycle
from valetkey.stores.sqlite.market import SqliteMarket
from valetkey.stores.sqlite.measuring import SqliteMeasuring
from valetkey.stores.sqlite.outbox import SqliteOutbox
from valetkey.stores.sqlite.overview import SqliteOverview
from valetkey.stores.sqlite.queue import SqliteQueue
from valetkey.stores.sqlite.relays import SqliteRelays
from valetkey.stores.waiting import LATE_WATCH_SECONDS


class SqliteStore(
    SqliteLedger,
    SqliteQueue,
    SqliteAccounts,
    SqliteLifecycle,
    SqliteAudit,
    SqliteMarket,
    SqliteOutbox,
    SqliteGrants,
    SqliteRelays,
    SqliteAllotments,
    SqliteEnrollments,
    SqliteClaims,
    SqliteAlerts,
    SqliteOverview,
    SqliteMeasuring,
):
    """Every store's port on one file. Its methods may be called from any event loop, until it is closed."""

    @property
    def clock(self) -> StoreClock:
        """The clock of every decision; it does not run backwards, not even across restarts."""
        return self._database.clock

    async def release(self) -> None:
        """From now on this is the database that goes on, and no copy of it. Raises StoreFailed."""
        await self._database.write(lambda db, _: lift(db))

    async def close(self) -> None:
        """Finish what was asked for, then close the file."""
        await self._database.close()


def open_memory_store(*, system_time: SystemTime = system_time) -> SqliteStore:
    """A store without a file, for trying things out and for tests: everything in it ends with the process."""
    return SqliteStore(Database(MEMORY, StoreClock(system_time), SqliteBook))


def migrate_file(path: Path) -> tuple[int, int]:
    """Bring a database file to this software's version: from which, to which. Raises as `open_store` does."""
    create_file(path)
    db = connect(path, writing=True)
    try:
        return migrate(db)
    finally:
        db.close()


def peek_file(path: Path) -> tuple[int, int, str]:
    """A database file's version, that of this software, and the journal mode; nothing in it is changed.

    Raises StoreUnreadable, also for the database of another program, and StoreFailed.
    """
    return peek(path)


def open_store(
    path: Path,
    *,
    late_watch_seconds: int = LATE_WATCH_SECONDS,
    system_time: SystemTime = system_time,
    restored: bool = False,
) -> SqliteStore:
    """Open a database file, making it (mode 0600) or migrating it as needed. Blocks for milliseconds.

    Several processes may open one file. Checkouts that ended unpaid are looked up for `late_watch_seconds`
    more. `restored`: open it also when it came out of a backup, to release it. Raises StoreUnreadable for a file of a
    newer version or of another program, StoreRestored for one that came out of a backup, StoreFailed when the database
    cannot be opened now.
    """
    database = Database(path, StoreClock(system_time), SqliteBook, restored=restored)
    return SqliteStore(database, late_watch_seconds=late_watch_seconds)
