"""Looking for words, and pages of what was found. What people type is never parsed as a query language."""

from collections.abc import Mapping, Sequence

import apsw

from valetkey.stores.rows import Row, Value

TERMS_MAX = 16

NOTHING = '""'
"""A query that matches no row."""


def match(text: str) -> str | None:
    """The FTS5 query for every word of a text, the last one as a beginning; None when there is nothing to look for.

    Each word is quoted, so that no operator of FTS5 is ever meant. Marks alone match nothing.
    """
    if not text.strip():
        return None
    words = [word.replace("\0", "").replace('"', '""') for word in text.split()]
    quoted = [f'"{word}"' for word in words if any(sign.isalnum() for sign in word)][:TERMS_MAX]
    return " ".join(quoted) + "*" if quoted else NOTHING


def page(
    db: apsw.Connection,
    select: str,
    table: str,
    where: Sequence[str],
    values: Mapping[str, Value],
    order: str,
    limit: int,
    offset: int,
) -> tuple[list[Row], int]:
    """One page of the rows that meet every condition, and how many there are in all."""
    condition = " AND ".join(where)
    # Conditions are constants of the callers; values are bound.
    ((total,),) = db.execute(f"SELECT count(*) FROM {table} WHERE {condition}", values).fetchall()  # noqa: S608
    assert isinstance(total, int)
    found = db.execute(
        f"{select}WHERE {condition} ORDER BY {order} LIMIT :limit OFFSET :offset",
        {**values, "limit": limit, "offset": offset},
    ).fetchall()
    return found, total
