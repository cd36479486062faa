"""The store of several hosts: PostgreSQL, a transaction for each batch of one owner's decisions."""

from valetkey.stores.clock import StoreClock, SystemTime
from valetkey.stores.postgres.audit import PostgresAudit
from valetkey.stores.postgres.database import CONNECTIONS, connect
from valetkey.stores.postgres.keys import PostgresKeys
from valetkey.stores.postgres.ledger import PostgresLedger
from valetkey.stores.postgres.lifecycle import PostgresLifecycle
from valetkey.stores.postgres.sessions import PostgresSessions


class PostgresStore(PostgresLedger, PostgresLifecycle, PostgresSessions, PostgresKeys, PostgresAudit):
    """The stores' ports on one database, which any number of processes share. Its methods are of one event loop."""

    @property
    def clock(self) -> StoreClock:
        """The clock of every decision: the database's."""
        return self._database.clock

    async def close(self) -> None:
        """Finish what was asked for, then close the connections."""
        await self._database.close()


async def open_postgres(
    url: str, *, system_time: SystemTime | None = None, connections: int = CONNECTIONS
) -> PostgresStore:
    """Open a migrated database by its URL (`postgresql://user:password@host/name`).

    Raises StoreUnreadable for tables of another version, StoreFailed when it cannot be reached now.
    """
    return PostgresStore(await connect(url, system_time=system_time, connections=connections))
