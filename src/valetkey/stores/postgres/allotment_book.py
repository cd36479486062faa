"""Allotments in a batch: read and written by statements of their own, because few batches are about them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from valetkey.ports.accounts import Funding, SessionRecord
from valetkey.ports.allotments import Allotment
from valetkey.stores.allotment_rows import ALLOTMENT, COLUMNS, NEW_ALLOTMENT, allotment_of, allotment_values
from valetkey.stores.postgres.overlay import Missing, Rows, Wanted
from valetkey.stores.postgres.schema import Connection

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {ALLOTMENT} FROM allotments WHERE owner_id = $1 AND session_id = $2"  # noqa: S608
_WRITE = (
    f"INSERT INTO allotments ({NEW_ALLOTMENT}) VALUES ({', '.join(f'${n}' for n in range(1, 18))})"  # noqa: S608
    " ON CONFLICT (owner_id, session_id) DO UPDATE SET "
    + ", ".join(f"{one} = excluded.{one}" for one in COLUMNS[2:])
)
_FUND = "UPDATE sessions SET funding = 'allotment' WHERE owner_id = $1 AND id = $2"


class AllotmentBook:
    """See stores/book/facts.py, which documents every method."""

    owner_id: str
    records: Rows[str, SessionRecord]

    def __init__(self, rows: Callable[[], Rows[Any, Any]]) -> None:
        self.allotments: Rows[str, Allotment | None] = rows()
        self.trees_of_allotments: Rows[str, str] = rows()

    def find_allotment(self, session_id: str) -> Allotment | None:
        if session_id not in self.allotments:
            raise Missing(Wanted(allotments={session_id}))
        return self.allotments[session_id]

    def write_allotment(self, allotment: Allotment, tree_id: str) -> None:
        name = allotment.session_id
        self.allotments.put(name, allotment)
        self.trees_of_allotments.put(name, tree_id)
        self.records.put(name, replace(self.records[name], funding=Funding.ALLOTMENT))


async def read_allotments(connection: Connection, book: AllotmentBook, wanted: Wanted) -> None:
    """Fill the book with the allotments that are wanted, as they are under its locks."""
    for session_id in wanted.allotments:
        row = await connection.fetchrow(_ONE, book.owner_id, session_id)
        book.allotments.load(session_id, None if row is None else allotment_of(tuple(row)))


async def write_allotments(connection: Connection, book: AllotmentBook) -> None:
    """Write what the batch changed of allotments, after its sessions."""
    for session_id, allotment in book.allotments.items():
        assert allotment is not None
        values = allotment_values(allotment, book.trees_of_allotments[session_id])
        await connection.execute(_WRITE, *values)
        await connection.execute(_FUND, book.owner_id, session_id)
