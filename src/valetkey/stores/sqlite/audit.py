"""The audit log: its entries, where its chains end, anchors, and the feed of what happened."""

import apsw

from valetkey.core.audit import Entry, Head, Kind
from valetkey.core.errors import InvalidInput
from valetkey.core.refusal import Refused
from valetkey.ports.accounts import Answer
from valetkey.ports.auditing import HEADS_MAX, FeedEntry
from valetkey.ports.ledger import Idempotency
from valetkey.stores.book.placing import MISMATCH
from valetkey.stores.rows import Row
from valetkey.stores.sqlite.book import SqliteBook
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.statements import row, rows

_ENTRY = "chain_id, number, at, kind, session_id, body"
_AHEAD = (
    "SELECT owner_id, id, number, head FROM chains WHERE number > anchored AND id <> owner_id"
    " ORDER BY owner_id, id LIMIT ?"
)
CURSOR_MAX = 2**62


class SqliteAudit(Tables):
    """The part of the account store that remembers what was decided and what was answered."""

    async def answered(self, idempotency: Idempotency) -> Answer | Refused | None:
        """See ports/accounts.py."""
        sql = "SELECT fingerprint, status, answer FROM idempotency WHERE scope = ? AND key = ?"
        found = await self._database.read(lambda db: row(db, sql, idempotency.scope, idempotency.key))
        if found is None:
            return None
        fingerprint, status, body = found
        if fingerprint != idempotency.fingerprint or body is None:
            return MISMATCH
        return Answer(idempotency, status, body)

    async def remember(self, answer: Answer) -> None:
        """See ports/accounts.py."""
        key = answer.idempotency
        sql = (
            "INSERT INTO idempotency (scope, key, fingerprint, status, answer) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING"
        )
        values = (key.scope, key.key, key.fingerprint, answer.status, answer.body)
        await self._database.write(lambda db, _: db.execute(sql, values).fetchall())

    async def audit(self, owner_id: str, chain_id: str, after: int, limit: int) -> list[tuple[Entry, bytes]]:
        """See ports/auditing.py."""
        sql = (
            f"SELECT {_ENTRY}, hash FROM audit WHERE chain_id = ? AND number > ? AND owner_id = ?"  # noqa: S608
            " ORDER BY number LIMIT ?"
        )
        found = await self._database.read(lambda db: rows(db, sql, chain_id, after, owner_id, limit))
        return [(_entry(one), one[6]) for one in found]

    async def heads(
        self, owner_id: str, *, chain_id: str | None = None, after: str = "", limit: int = HEADS_MAX
    ) -> list[Head]:
        """See ports/auditing.py."""
        which, value = ("id > ?", after) if chain_id is None else ("id = ?", chain_id)
        which = f"owner_id = ? AND number > 0 AND {which}"
        sql = f"SELECT id, number, head FROM chains WHERE {which} ORDER BY id LIMIT ?"  # noqa: S608 - constants of ours
        found = await self._database.read(lambda db: rows(db, sql, owner_id, value, limit))
        return [Head(*one) for one in found]

    async def anchor(self, limit: int) -> int:
        """See ports/auditing.py."""
        if not await self._database.read(lambda db: rows(db, _AHEAD, 1)):
            return 0
        return await self._database.write(lambda db, now: _anchor(db, now, limit))

    async def feed(self, owner_id: str, cursor: str | None, limit: int) -> list[FeedEntry]:
        """See ports/auditing.py. Raises InvalidInput for a cursor that was never given."""
        columns = f"SELECT seq, {_ENTRY} FROM audit WHERE owner_id = ?"  # noqa: S608 - constants of ours
        if cursor is None:
            newest = f"{columns} ORDER BY seq DESC LIMIT 1"
            found = await self._database.read(lambda db: rows(db, newest, owner_id))
        else:
            if not (cursor.isascii() and cursor.isdecimal()) or len(cursor) > 19 or int(cursor) > CURSOR_MAX:
                raise InvalidInput("this is no cursor of the feed", field="cursor")
            after = f"{columns} AND seq > ? ORDER BY seq LIMIT ?"
            found = await self._database.read(lambda db: rows(db, after, owner_id, int(cursor), limit))
        return [FeedEntry(str(one[0]), _entry(one[1:])) for one in found]


def _entry(found: Row) -> Entry:
    chain_id, number, at, kind, session_id, body = found[:6]
    return Entry(chain_id, number, at, Kind(kind), session_id, body)


def _anchor(db: apsw.Connection, now: int, limit: int) -> int:
    book = SqliteBook(db, now)
    ahead = rows(db, _AHEAD, limit)
    for owner_id, chain_id, number, head in ahead:
        facts = {"tree": chain_id, "seq": number, "head": head.hex()}
        book.append(owner_id, owner_id, Kind.ANCHOR, None, facts)
        db.execute("UPDATE chains SET anchored = ? WHERE id = ?", (number, chain_id))
    book.flush()
    return len(ahead)
