"""Statements, run to their end: no cursor stays open, so none crosses a thread or outlives its transaction."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

import apsw

from valetkey.stores.rows import Row, Value

ROWS_MAX = 16
"""Rows of one statement; measured: more of them are dearer again."""


def rows(db: apsw.Connection, sql: str, *values: Value) -> list[Row]:
    """Every row of a statement."""
    return db.execute(sql, values).fetchall()


def row(db: apsw.Connection, sql: str, *values: Value) -> Row | None:
    """The first row of a statement, None when there is none."""
    found = rows(db, sql, *values)
    return found[0] if found else None


def run(db: apsw.Connection, sql: str, *values: Value) -> None:
    """A statement that answers nothing."""
    db.execute(sql, values)


def insert(db: apsw.Connection, into: str, found: Sequence[tuple[Value, ...]], otherwise: str = "") -> None:
    """Insert rows of one shape; `otherwise` says what is done with one that is there already.

    Several by one statement, in powers of two so that few statements are kept ready: an audit entry costs half of what
    it costs alone.
    """
    done = 0
    while left := len(found) - done:
        count = 1 << min(left, ROWS_MAX).bit_length() - 1
        some = found[done : done + count]
        db.execute(_insert(into, len(some[0]), count, otherwise), tuple(chain.from_iterable(some)))
        done += count


@lru_cache(64)
def _insert(into: str, columns: int, count: int, otherwise: str) -> str:
    one = f"({', '.join('?' * columns)})"
    # Only constants of ours come here: values are bound.
    return f"INSERT INTO {into} VALUES {', '.join([one] * count)} {otherwise}"  # noqa: S608
