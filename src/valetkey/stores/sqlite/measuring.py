"""What an operator wants to know of a database file."""

import apsw

from valetkey.ports.measuring import Load, Measured
from valetkey.stores.measures import RELAYS, UNKNOWNS, WEBHOOKS, living, queue_of
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.statements import row

_LIVING = living("warn_at", "?")


class SqliteMeasuring(Tables):
    """The measuring store on SQLite."""

    async def measure(self) -> Measured:
        """See ports/measuring.py."""
        now = self._database.clock.now()

        def look(db: apsw.Connection) -> Measured:
            found = [row(db, sql) for sql in (WEBHOOKS, RELAYS, UNKNOWNS)]
            count = row(db, _LIVING, now)
            assert count is not None
            webhooks, relays, unknowns = (queue_of((one[0], one[1])) for one in found if one is not None)
            return Measured(webhooks, relays, unknowns, count[0])

        return await self._database.read(look)

    def load(self) -> Load:
        """See ports/measuring.py. Its one writer counts as a connection, and is busy while something waits for it."""
        waiting, readers = self._database.writer.waiting, self._database.readers
        writing = int(waiting > 0)
        memory = apsw.memory_used()
        if readers is None:
            return Load(waiting, writing, 1, memory)
        return Load(waiting, writing + min(readers.reading, readers.size), 1 + readers.size, memory)
