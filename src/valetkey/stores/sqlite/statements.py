"""Statements, run to their end: no cursor stays open, so none crosses a thread or outlives its transaction."""

import apsw

from valetkey.stores.rows import Row, Value


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
