"""Grants in the writer's transaction: the part of the book that every write goes through at once."""

import apsw

from valetkey.ports.grants import SignedGrant
from valetkey.stores.grant_rows import GRANT, NEW_GRANT, grant_of, grant_values
from valetkey.stores.sqlite.statements import row, run

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {GRANT} FROM grants WHERE chain_id = ? AND id = ?"  # noqa: S608
_LAST = f"SELECT {GRANT} FROM grants WHERE session_id = ? AND chain_id = ? ORDER BY seq DESC LIMIT 1"  # noqa: S608
_ADD = f"INSERT INTO grants ({NEW_GRANT}) VALUES ({', '.join('?' * 11)})"  # noqa: S608
_STOP = (
    "UPDATE grants SET stopped_at = (WITH RECURSIVE line (parent_id, revoked_at) AS ("
    " SELECT s.parent_id, s.revoked_at FROM sessions s WHERE s.id = grants.session_id UNION ALL"
    " SELECT s.parent_id, s.revoked_at FROM sessions s JOIN line ON s.id = line.parent_id)"
    " SELECT min(revoked_at) FROM line) WHERE tree_id = ? AND stopped_at IS NULL"
)

_LOOK = "UPDATE allotments SET look_at = 0 WHERE tree_id = ? AND ended_at IS NULL"


def find_grant(db: apsw.Connection, chain_id: int, grant_id: bytes) -> SignedGrant | None:
    """A grant by its id."""
    found = row(db, _ONE, chain_id, grant_id)
    return grant_of(found) if found else None


def last_grant(db: apsw.Connection, session_id: str, chain_id: int) -> SignedGrant | None:
    """The grant that a session was given last on a chain."""
    found = row(db, _LAST, session_id, chain_id)
    return grant_of(found) if found else None


class GrantBook:
    """See stores/book/facts.py, which documents every method."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def find_grant(self, chain_id: int, grant_id: bytes) -> SignedGrant | None:
        return find_grant(self._db, chain_id, grant_id)

    def last_grant(self, session_id: str, chain_id: int) -> SignedGrant | None:
        return last_grant(self._db, session_id, chain_id)

    def add_grant(self, grant: SignedGrant, tree_id: str) -> None:
        run(self._db, _ADD, *grant_values(grant, tree_id))
        run(self._db, "UPDATE sessions SET funding = 'grant' WHERE id = ?", grant.session_id)

    def write_grant(self, grant: SignedGrant) -> None:
        sql = "UPDATE grants SET known_at = ?, revoked_at = ? WHERE chain_id = ? AND id = ?"
        run(self._db, sql, grant.known_at, grant.revoked_at, grant.chain_id, grant.id)

    def stop_grants(self, tree_id: str) -> None:
        run(self._db, _STOP, tree_id)
        run(self._db, _LOOK, tree_id)
