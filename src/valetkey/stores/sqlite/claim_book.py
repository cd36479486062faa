"""Claims in the writer's transaction."""

import apsw

from valetkey.core.claim import Claim
from valetkey.stores.claim_rows import CLAIM, COLUMNS, NEW_CLAIM, claim_of, claim_values
from valetkey.stores.sqlite.statements import row, rows, run

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {CLAIM} FROM claims WHERE id = ?"  # noqa: S608
_UNCLAIMED = f"SELECT {CLAIM} FROM claims WHERE session_id = ? AND state = 'unclaimed'"  # noqa: S608
_WRITE = (
    f"INSERT INTO claims ({NEW_CLAIM}) VALUES ({', '.join('?' * 18)}) ON CONFLICT (id) DO UPDATE SET "  # noqa: S608
    + ", ".join(f"{one} = excluded.{one}" for one in (*COLUMNS[5:], "look_at"))
)
# SQLite writes what is as long in its place, and would leave what is shorter beside it.
_ERASE = "UPDATE claims SET sealed = zeroblob(length(sealed)) WHERE id = ? AND sealed IS NOT NULL"


class ClaimBook:
    """See stores/book/facts.py, which documents every method."""

    _db: apsw.Connection

    def find_claim(self, claim_id: str) -> Claim | None:
        return find_claim(self._db, claim_id)

    def unclaimed(self, session_id: str) -> list[Claim]:
        return [claim_of(one) for one in rows(self._db, _UNCLAIMED, session_id)]

    def write_claim(self, claim: Claim, tree_id: str) -> None:
        run(self._db, _ERASE, claim.id)
        run(self._db, _WRITE, *claim_values(claim, tree_id))


def find_claim(db: apsw.Connection, claim_id: str) -> Claim | None:
    """A claim by its id."""
    found = row(db, _ONE, claim_id)
    return claim_of(found) if found else None
