"""Tables as a batch writes them: a statement each, and a column of it as one array.

`{}` of a statement stands for its arrays as `unnest` takes them. $1 is the owner.

An array that is shorter than the others counts as NULL beyond its end: a column that is NULL in every row comes as an
empty array. Where a statement has `{same}`, a column that is never NULL may come as its first value alone, when that is
every row's. Packing each value of an array costs the driver more than deciding about it did.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

Row = Sequence[Any]


class Table(NamedTuple):
    """A statement and the columns of its arrays, each with its type; `same`: those that may come as one value."""

    sql: str
    columns: dict[str, str]
    same: frozenset[str] = frozenset()

    def statement(self, first: int) -> str:
        """The statement, when its arrays are the parameters from this number on."""
        places = [f"${first + n}::{kind}[]" for n, kind in enumerate(self.columns.values())]
        return self.sql.format(", ".join(places), same=dict(zip(self.columns, places, strict=True)))

    def arrays(self, rows: Sequence[Row]) -> list[Sequence[Any]]:
        """Its parameters for these rows, at least one."""
        columns = zip(self.columns, zip(*rows, strict=True), strict=True)
        return [_packed(column, same=name in self.same) for name, column in columns]


def insert(table: str, columns: dict[str, str], owner: str = "owner_id", more: str = "") -> Table:
    names = ", ".join(columns)
    sql = f"INSERT INTO {table} ({owner}, {names}) SELECT $1, w.* FROM unnest({{}}) AS w{more}"  # noqa: S608 - ours
    return Table(sql, columns)


def insert_many(table: str, columns: dict[str, str], same: frozenset[str]) -> Table:
    """As insert, for the tables that get a row of every hold."""
    names = ", ".join(columns)
    given = ", ".join(
        f"coalesce(w.{name}, ({{same[{name}]}})[1])" if name in same else f"w.{name}" for name in columns
    )
    sql = f"INSERT INTO {table} (owner_id, {names}) SELECT $1, {given} FROM unnest({{}}) AS w ({names})"  # noqa: S608
    return Table(sql, columns, same)


def update(table: str, columns: dict[str, str], owner: str = "owner_id") -> Table:
    key, *others = columns
    setting = ", ".join(f"{name} = w.{name}" for name in others)
    return Table(
        f"UPDATE {table} AS t SET {setting} FROM unnest({{}}) AS w ({', '.join(columns)})"  # noqa: S608 - ours
        f" WHERE t.{owner} = $1 AND t.{key} = w.{key}",
        columns,
    )


def _packed(column: tuple[Any, ...], *, same: bool) -> Sequence[Any]:
    """A column as it is sent: no more of it than is needed."""
    first = column[0]
    if (first is None or same) and column.count(first) == len(column):
        return () if first is None else (first,)
    assert not same or None not in column, "the first value would stand for what is missing"
    return column


def named(columns: dict[str, str], values: dict[str, Any]) -> Row:
    return [values[name] for name in columns]


Changes = Sequence[tuple[Table, Sequence[Row]]]
