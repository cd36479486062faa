"""The store of several hosts: PostgreSQL, a transaction for each batch of one owner's decisions."""

from valetkey.stores.clock import StoreClock, SystemTime
from valetkey.stores.postgres.accounts import PostgresAccounts
from valetkey.stores.postgres.alerts import PostgresAlerts
from valetkey.stores.postgres.allotments import PostgresAllotments
from valetkey.stores.postgres.audit import PostgresAudit
from valetkey.stores.postgres.claims import PostgresClaims
from valetkey.stores.postgres.database import CONNECTIONS, connect, migrating
from valetkey.stores.postgres.enrollments import PostgresEnrollments
from valetkey.stores.postgres.grants import PostgresGrants
from valetkey.stores.postgres.ledger import PostgresLedger
from valetkey.stores.postgres.lifecycle import PostgresLifecycle
from valetkey.stores.postgres.lineage import lift
from valetkey.stores.postgres.listing import PostgresListing
from valetkey.stores.postgres.market import PostgresMarket
from valetkey.stores.postgres.measuring import PostgresMeasuring
from valetkey.stores.postgres.outbox import PostgresOutbox
from valetkey.stores.postgres.overview import PostgresOverview
from valetkey.stores.postgres.queue import PostgresQueue
from valetkey.stores.postgres.relays import PostgresRelays
from valetkey.stores.postgres.schema import MIGRATIONS, migrate, version_of
from valetkey.stores.postgres.sessions import PostgresSessions
from valetkey.stores.waiting import LATE_WATCH_SECONDS


class PostgresStore(
    PostgresLedger,
    PostgresListing,
    PostgresQueue,
    PostgresAccounts,
    PostgresLifecycle,
    PostgresSessions,
    PostgresAudit,
    PostgresMarket,
    PostgresOutbox,
    PostgresGrants,
    PostgresRelays,
    PostgresAllotments,
    PostgresEnrollments,
    PostgresClaims,
    PostgresAlerts,
    PostgresOverview,
    PostgresMeasuring,
):
    """The stores' ports on one database, which any number of processes share. Its methods are of one event loop."""

    @property
    def clock(self) -> StoreClock:
        """The clock of every decision: the database's."""
        return self._database.clock

    async def release(self) -> None:
        """From now on this is the database that goes on, and no copy of it. Raises StoreFailed."""
        async with self._database.pool.acquire() as connection:
            await lift(connection)

    async def close(self) -> None:
        """Finish what was asked for, then close the connections."""
        await self._database.close()


async def open_postgres(
    url: str,
    *,
    late_watch_seconds: int = LATE_WATCH_SECONDS,
    system_time: SystemTime | None = None,
    connections: int = CONNECTIONS,
    promotions_trusted: bool = False,
    restored: bool = False,
) -> PostgresStore:
    """Open a migrated database by its URL (`postgresql://user:password@host/name`).

    promotions_trusted: a replica that took over has lost nothing. restored: open it also when it was restored from a
    copy, to release it. Raises StoreUnreadable for tables of another version, StoreRestored for a database that was
    restored, StoreFailed when it cannot be reached now.
    """
    database = await connect(
        url,
        system_time=system_time,
        connections=connections,
        promotions_trusted=promotions_trusted,
        restored=restored,
    )
    return PostgresStore(database, late_watch_seconds=late_watch_seconds)


async def migrate_database(url: str) -> tuple[int, int]:
    """Bring a database to this software's version: from which, to which.

    Raises StoreUnreadable for one that a newer software used, StoreFailed when it cannot be reached now.
    """
    async with migrating(url) as connection:
        return await migrate(connection)


async def database_time(url: str) -> float:
    """What time it is for the database, unix seconds. Raises as `migrate_database`."""
    async with migrating(url) as connection:
        return float(await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8"))


async def peek_database(url: str) -> tuple[int, int]:
    """A database's version and that of this software; nothing in it is changed. Raises as `migrate_database`."""
    async with migrating(url) as connection:
        return await version_of(connection), len(MIGRATIONS)


async def is_unused(url: str) -> bool:
    """Whether nobody has registered in a database of this version. Raises as `migrate_database`."""
    async with migrating(url) as connection:
        return not await connection.fetchval("SELECT EXISTS (SELECT 1 FROM agents)")
