"""Grants in a batch: the part of its book that few batches need, read and written by statements of its own."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from valetkey.ports.accounts import Funding, SessionRecord
from valetkey.ports.grants import SignedGrant
from valetkey.stores.grant_rows import GRANT, NEW_GRANT, grant_of, grant_values
from valetkey.stores.postgres.overlay import Missing, Rows, Wanted
from valetkey.stores.postgres.schema import Connection

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {GRANT} FROM grants WHERE owner_id = $1 AND chain_id = $2 AND id = $3"  # noqa: S608
_LAST = (
    f"SELECT {GRANT} FROM grants WHERE owner_id = $1 AND session_id = $2 AND chain_id = $3"  # noqa: S608
    " ORDER BY seq DESC LIMIT 1"
)
_ADD = f"INSERT INTO grants ({NEW_GRANT}) VALUES ({', '.join(f'${n}' for n in range(1, 12))})"  # noqa: S608
_FUND = "UPDATE sessions SET funding = 'grant' WHERE owner_id = $1 AND id = $2"
_SHOW = "UPDATE grants SET known_at = $4, revoked_at = $5 WHERE owner_id = $1 AND chain_id = $2 AND id = $3"
_STOP = (
    "UPDATE grants AS g SET stopped_at = (WITH RECURSIVE line (parent_id, revoked_at) AS ("
    " SELECT s.parent_id, s.revoked_at FROM sessions s WHERE s.owner_id = $1 AND s.id = g.session_id UNION ALL"
    " SELECT s.parent_id, s.revoked_at FROM sessions s JOIN line ON s.owner_id = $1 AND s.id = line.parent_id)"
    " SELECT min(revoked_at) FROM line)"
    " WHERE g.owner_id = $1 AND g.tree_id = ANY($2::text[]) AND g.stopped_at IS NULL"
)
_LOOK = (
    "UPDATE allotments SET look_at = 0 WHERE owner_id = $1 AND tree_id = ANY($2::text[]) AND ended_at IS NULL"
)

Key = tuple[int, bytes]


class GrantBook:
    """See stores/book/facts.py, which documents every method."""

    owner_id: str
    records: Rows[str, SessionRecord]

    def __init__(self, rows: Callable[[], Rows[Any, Any]]) -> None:
        self.grants: Rows[Key, SignedGrant | None] = rows()
        self.new_grants: Rows[Key, str] = rows()
        self.last_grants: Rows[tuple[str, int], Key | None] = rows()
        self.stopping: Rows[str, None] = rows()

    def find_grant(self, chain_id: int, grant_id: bytes) -> SignedGrant | None:
        if (chain_id, grant_id) not in self.grants:
            raise Missing(Wanted(grants={(chain_id, grant_id)}))
        return self.grants[chain_id, grant_id]

    def last_grant(self, session_id: str, chain_id: int) -> SignedGrant | None:
        if (session_id, chain_id) not in self.last_grants:
            raise Missing(Wanted(last_grants={(session_id, chain_id)}))
        last = self.last_grants[session_id, chain_id]
        return None if last is None else self.find_grant(*last)

    def add_grant(self, grant: SignedGrant, tree_id: str) -> None:
        key = grant.chain_id, grant.id
        self.grants.put(key, grant)
        self.new_grants.put(key, tree_id)
        self.last_grants.put((grant.session_id, grant.chain_id), key)
        self.records.put(grant.session_id, replace(self.records[grant.session_id], funding=Funding.GRANT))

    def write_grant(self, grant: SignedGrant) -> None:
        self.grants.put((grant.chain_id, grant.id), grant)

    def stop_grants(self, tree_id: str) -> None:
        self.stopping.mark(tree_id, None)


async def read_grants(connection: Connection, book: GrantBook, wanted: Wanted) -> None:
    """Fill the book with the grants that are wanted, as they are under its locks."""
    for session_id, chain_id in wanted.last_grants:
        row = await connection.fetchrow(_LAST, book.owner_id, session_id, chain_id)
        found = None if row is None else grant_of(tuple(row))
        if found is not None:
            book.grants.load((found.chain_id, found.id), found)
        last = None if found is None else (found.chain_id, found.id)
        book.last_grants.load((session_id, chain_id), last)
    for key in wanted.grants:
        row = await connection.fetchrow(_ONE, book.owner_id, *key)
        book.grants.load(key, None if row is None else grant_of(tuple(row)))


async def write_grants(connection: Connection, book: GrantBook) -> None:
    """Write what the batch changed of grants, after its sessions: what was revoked with them stops."""
    for key, signed in book.grants.items():
        assert signed is not None
        if key in book.new_grants:
            await connection.execute(_ADD, *grant_values(signed, book.new_grants[key]))
            await connection.execute(_FUND, book.owner_id, signed.session_id)
        if (signed.known_at, signed.revoked_at) != (None, None):
            await connection.execute(_SHOW, book.owner_id, *key, signed.known_at, signed.revoked_at)
    if book.stopping.changed:
        await connection.execute(_STOP, book.owner_id, [*book.stopping.changed])
        await connection.execute(_LOOK, book.owner_id, [*book.stopping.changed])
