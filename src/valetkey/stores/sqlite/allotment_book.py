"""Allotments in the writer's transaction."""

import apsw

from valetkey.ports.allotments import Allotment
from valetkey.stores.allotment_rows import ALLOTMENT, NEW_ALLOTMENT, allotment_of, allotment_values
from valetkey.stores.sqlite.statements import row, run

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {ALLOTMENT} FROM allotments WHERE session_id = ?"  # noqa: S608
_WRITE = f"INSERT OR REPLACE INTO allotments ({NEW_ALLOTMENT}) VALUES ({', '.join('?' * 17)})"  # noqa: S608


class AllotmentBook:
    """See stores/book/facts.py, which documents every method."""

    _db: apsw.Connection

    def find_allotment(self, session_id: str) -> Allotment | None:
        return find_allotment(self._db, session_id)

    def write_allotment(self, allotment: Allotment, tree_id: str) -> None:
        run(self._db, _WRITE, *allotment_values(allotment, tree_id))
        run(self._db, "UPDATE sessions SET funding = 'allotment' WHERE id = ?", allotment.session_id)


def find_allotment(db: apsw.Connection, session_id: str) -> Allotment | None:
    """The allotment of a session."""
    found = row(db, _ONE, session_id)
    return allotment_of(found) if found else None
