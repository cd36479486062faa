"""The audit log: its entries, where its chains end, anchors, and the feed of what happened.

An entry is in the feed when no transaction with a lower id than its own is under way: none appears behind a cursor.
"""

from itertools import groupby

from valetkey.core.audit import Entry, Head, Kind
from valetkey.core.errors import InvalidInput
from valetkey.ports.auditing import FEED_BEGINNING, HEADS_MAX, FeedEntry
from valetkey.stores.postgres.book import PostgresBook
from valetkey.stores.postgres.database import Tables
from valetkey.stores.rows import Row

CURSOR_MAX = 2**62

_ENTRY = "chain_id, number, at, kind, session_id, body"
_AHEAD = "SELECT owner_id, id FROM chains WHERE ahead ORDER BY owner_id, id LIMIT $1"

# S608: the parts of these statements are constants of ours.
_ENTRIES = (
    f"SELECT {_ENTRY}, hash FROM audit WHERE owner_id = $1 AND chain_id = $2 AND number > $3"  # noqa: S608
    " ORDER BY number LIMIT $4"
)
_HEADS = "SELECT id, number, head FROM chains WHERE owner_id = $1 AND number > 0"
_FEED = (
    f"SELECT xid::text, seq, {_ENTRY} FROM audit"  # noqa: S608
    " WHERE owner_id = $1 AND xid < pg_snapshot_xmin(pg_current_snapshot())"
)
_NEWEST = f"{_FEED} ORDER BY xid DESC, seq DESC LIMIT 1"
_AFTER = f"{_FEED} AND (xid, seq) > ($2::text::xid8, $3) ORDER BY xid, seq LIMIT $4"


class PostgresAudit(Tables):
    """The part of the account store that tells what was decided."""

    async def audit(self, owner_id: str, chain_id: str, after: int, limit: int) -> list[tuple[Entry, bytes]]:
        """See ports/auditing.py."""
        found = await self._database.rows(_ENTRIES, owner_id, chain_id, after, limit)
        return [(_entry(one), one[6]) for one in found]

    async def heads(
        self, owner_id: str, *, chain_id: str | None = None, after: str = "", limit: int = HEADS_MAX
    ) -> list[Head]:
        """See ports/auditing.py."""
        which, value = ("id > $2", after) if chain_id is None else ("id = $2", chain_id)
        sql = f"{_HEADS} AND {which} ORDER BY id LIMIT $3"
        return [Head(*one) for one in await self._database.rows(sql, owner_id, value, limit)]

    async def anchor(self, limit: int) -> int:
        """See ports/auditing.py."""
        ahead = await self._database.rows(_AHEAD, limit)
        count = 0
        for owner_id, found in groupby(ahead, key=lambda one: one[0]):
            trees = [tree_id for _, tree_id in found]
            count += await self._anchor(owner_id, trees)
        return count

    async def _anchor(self, owner_id: str, trees: list[str]) -> int:
        def work(book: PostgresBook) -> int:
            return sum(book.anchor(tree_id) for tree_id in trees)

        return await self._database.batch(owner_id, frozenset({owner_id, *trees}), work)

    async def feed(self, owner_id: str, cursor: str | None, limit: int) -> list[FeedEntry]:
        """See ports/auditing.py. Raises InvalidInput for a cursor that was never given."""
        if cursor is None:
            found = await self._database.rows(_NEWEST, owner_id)
        else:
            found = await self._database.rows(_AFTER, owner_id, *_place(cursor), limit)
        return [FeedEntry(f"{one[0]}-{one[1]}", _entry(one[2:])) for one in found]


def _place(cursor: str) -> tuple[str, int]:
    """The transaction and the number of an entry."""
    if cursor == FEED_BEGINNING:
        return "0", 0
    xid, mark, seq = cursor.partition("-")
    for part in (xid, seq):
        if not mark or not (part.isascii() and part.isdecimal()) or len(part) > 19 or int(part) > CURSOR_MAX:
            raise InvalidInput("this is no cursor of the feed", field="cursor")
    return xid, int(seq)


def _entry(found: Row) -> Entry:
    chain_id, number, at, kind, session_id, body = found[:6]
    return Entry(chain_id, number, at, Kind(kind), session_id, body)
