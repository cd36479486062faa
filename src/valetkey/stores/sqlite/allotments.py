"""Allotments of sessions on SQLite. stores/book/allotting.py decides."""

from dataclasses import replace

import apsw

from valetkey.ports.allotments import Allotment, AllotmentEnd
from valetkey.stores.allotment_rows import ALLOTMENT, allotment_of
from valetkey.stores.book import allotting
from valetkey.stores.rows import Row
from valetkey.stores.sqlite.allotment_book import find_allotment
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.statements import rows, run

# S608: the parts of these statements are constants of ours.
_DUE = (
    f"SELECT {ALLOTMENT} FROM allotments WHERE chain_id = ? AND look_at <= ? AND ended_at IS NULL"  # noqa: S608
    " ORDER BY look_at LIMIT ?"
)
_LOOKED = (
    "UPDATE allotments SET look_at = ?, seen = ?, is_dead = ? WHERE session_id = ? AND look_at = ?"
    " AND revocation = ? AND ended_at IS NULL"
)


class SqliteAllotments(Tables):
    """The store of allotments on SQLite."""

    async def give_allotment(self, allotment: Allotment, by: str) -> Allotment:
        """See ports/allotments.py."""
        return await self._database.keep(lambda book: allotting.give(book, allotment, by))

    async def allotment(self, session_id: str) -> Allotment | None:
        """The allotment of a session."""
        return await self._database.read(lambda db: find_allotment(db, session_id))

    async def allotments_due(self, chain_id: int, limit: int, lease_seconds: int) -> list[Allotment]:
        """See ports/allotments.py."""
        now = self._database.clock.now()
        if not await self._database.read(lambda db: rows(db, _DUE, chain_id, now, 1)):
            # Looking every second at nothing must cost no write.
            return []

        def work(db: apsw.Connection, now: int) -> list[Allotment]:
            due = [replace(allotment_of(one), look_at=now + lease_seconds) for one in _due(db, now)]
            for one in due:
                run(db, "UPDATE allotments SET look_at = ? WHERE session_id = ?", one.look_at, one.session_id)
            return due

        def _due(db: apsw.Connection, now: int) -> list[Row]:
            return rows(db, _DUE, chain_id, now, limit)

        return await self._database.write(work)

    async def allotment_looked_at(
        self, looked: Allotment, *, look_at: int, seen: str | None, is_dead: bool
    ) -> None:
        """See ports/allotments.py."""
        values = (look_at, seen, int(is_dead), looked.session_id, looked.look_at, looked.revocation)
        await self._database.write(lambda db, _: run(db, _LOOKED, *values))

    async def end_allotment(self, ended: Allotment, end: AllotmentEnd, *, seen: str | None) -> bool:
        """See ports/allotments.py."""
        return await self._database.keep(lambda book: allotting.end(book, ended, end, seen))
