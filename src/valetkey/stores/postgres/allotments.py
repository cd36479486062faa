"""Allotments of sessions on PostgreSQL. stores/book/allotting.py decides."""

from collections.abc import Callable
from typing import TypeVar

from valetkey.ports.allotments import Allotment, AllotmentEnd
from valetkey.stores.allotment_rows import ALLOTMENT, COLUMNS, allotment_of
from valetkey.stores.book import allotting
from valetkey.stores.postgres.book import PostgresBook
from valetkey.stores.postgres.database import Tables
from valetkey.stores.postgres.overlay import Wanted

T = TypeVar("T")

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {ALLOTMENT} FROM allotments WHERE session_id = $1"  # noqa: S608
_CLAIM = (
    "UPDATE allotments AS a SET look_at = $1 FROM (SELECT owner_id, session_id FROM allotments"  # noqa: S608
    " WHERE chain_id = $2 AND look_at <= $3 AND ended_at IS NULL ORDER BY look_at LIMIT $4"
    " FOR UPDATE SKIP LOCKED) AS due WHERE a.owner_id = due.owner_id AND a.session_id = due.session_id"
    f" RETURNING {', '.join(f'a.{one}' for one in COLUMNS)}"
)
_IDLE = "SELECT 1 FROM allotments WHERE chain_id = $1 AND look_at <= $2 AND ended_at IS NULL LIMIT 1"
_LOOKED = (
    "UPDATE allotments SET look_at = $1, seen = $2, is_dead = $3 WHERE owner_id = $4 AND session_id = $5"
    " AND look_at = $6 AND revocation = $7 AND ended_at IS NULL"
)


class PostgresAllotments(Tables):
    """The store of allotments on PostgreSQL."""

    async def give_allotment(self, allotment: Allotment, by: str) -> Allotment:
        """See ports/allotments.py."""
        return await self._decided(allotment.session_id, lambda book: allotting.give(book, allotment, by))

    async def allotment(self, session_id: str) -> Allotment | None:
        """The allotment of a session."""
        found = await self._database.row(_ONE, session_id)
        return allotment_of(found) if found else None

    async def allotments_due(self, chain_id: int, limit: int, lease_seconds: int) -> list[Allotment]:
        """See ports/allotments.py."""
        now = self._database.clock.now()
        # Looking every second at nothing must cost no write.
        if await self._database.row(_IDLE, chain_id, now) is None:
            return []
        claimed = await self._database.rows(_CLAIM, now + lease_seconds, chain_id, now, limit)
        return [allotment_of(one) for one in claimed]

    async def allotment_looked_at(
        self, looked: Allotment, *, look_at: int, seen: str | None, is_dead: bool
    ) -> None:
        """See ports/allotments.py."""
        told = (look_at, seen, int(is_dead))
        known = (looked.owner_id, looked.session_id, looked.look_at, looked.revocation)
        await self._database.rows(_LOOKED, *told, *known)

    async def end_allotment(self, ended: Allotment, end: AllotmentEnd, *, seen: str | None) -> bool:
        """See ports/allotments.py."""
        return await self._decided(ended.session_id, lambda book: allotting.end(book, ended, end, seen))

    async def _decided(self, session_id: str, work: Callable[[PostgresBook], T]) -> T:
        place = await self._database.session_place(session_id)
        wanted = Wanted(sessions={session_id}, allotments={session_id})
        return await self._database.batch(place.owner_id, frozenset({place.tree_id}), work, wanted)
