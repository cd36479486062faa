"""What an operator wants to know of a database of PostgreSQL."""

from valetkey.ports.measuring import Load, Measured
from valetkey.stores.measures import RELAYS, UNKNOWNS, WEBHOOKS, living, queue_of
from valetkey.stores.postgres.database import Tables
from valetkey.stores.postgres.schema_of_alerts import WARN_AT

_LIVING = living(WARN_AT, "$1")


class PostgresMeasuring(Tables):
    """The measuring store on PostgreSQL."""

    async def measure(self) -> Measured:
        """See ports/measuring.py."""
        database = self._database
        found = [await database.row(sql) for sql in (WEBHOOKS, RELAYS, UNKNOWNS)]
        count = await database.row(_LIVING, database.clock.now())
        assert count is not None
        webhooks, relays, unknowns = (queue_of((one[0], one[1])) for one in found if one is not None)
        return Measured(webhooks, relays, unknowns, count[0])

    def load(self) -> Load:
        """See ports/measuring.py."""
        pool = self._database.pool
        return Load(
            self._database.batcher.waiting, pool.get_size() - pool.get_idle_size(), pool.get_max_size()
        )
