"""Rows of what sessions spent, with what is kept beside it."""

from collections.abc import Iterable

import apsw

from valetkey.core.session import Session, exhausted, remaining_rank
from valetkey.stores.records import spent_text
from valetkey.stores.risks import Kept, kept_of
from valetkey.stores.rows import Value
from valetkey.stores.sqlite.statements import insert

BILLION = 10**9
"""How many base units at risk `high` counts by one."""

_SPENT = "spent (session_id, figures, exhausted, rest)"
_SPENT_MORE = (
    "ON CONFLICT (session_id) DO UPDATE SET figures = excluded.figures, exhausted = excluded.exhausted,"
    " rest = excluded.rest"
)
_KEPT = ("owner", "ends", "near", "currency", "high", "low", "odd")
_SPENT_AND_KEPT = f"spent (session_id, figures, exhausted, rest, {', '.join(_KEPT)})"
_KEPT_ANEW = f"{_SPENT_MORE}, {', '.join(f'{one} = excluded.{one}' for one in _KEPT)}"


def write_spent(db: apsw.Connection, sessions: Iterable[Session], known: dict[str, Kept]) -> None:
    """Write these. `known` is what was kept of each last, and is brought up to date.

    SQLite writes an index anew for every column that is named, changed or not: few spends change what is kept.
    """
    plain: list[tuple[Value, ...]] = []
    changed: list[tuple[Value, ...]] = []
    for session in sessions:
        kept = kept_of(session)
        if known.get(session.id) == kept:
            plain.append(_spent_row(session))
        else:
            known[session.id] = kept
            changed.append((*_spent_row(session), *_kept_row(session, kept)))
    insert(db, _SPENT, plain, _SPENT_MORE)
    insert(db, _SPENT_AND_KEPT, changed, _KEPT_ANEW)


def _spent_row(session: Session) -> tuple[Value, ...]:
    return session.id, spent_text(session), int(exhausted(session)), remaining_rank(session)


def _kept_row(session: Session, kept: Kept) -> tuple[Value, ...]:
    high, low = (None, None) if kept.units is None else divmod(kept.units, BILLION)
    return (session.owner_id, kept.ends, int(kept.near), kept.currency, high, low, kept.odd)
