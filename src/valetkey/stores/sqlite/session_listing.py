"""Pages of an owner's sessions: by label, status, delegate, parent, tree, chain and key, sorted.

A page is found in an index that holds all that it is filtered by, and only its own rows are read.
"""

import apsw

from valetkey.ports.accounts import SessionQuery, SessionRecord
from valetkey.stores.rows import RECORD, SESSIONS, Row, Value, record_of
from valetkey.stores.sqlite.book import lineage_of
from valetkey.stores.sqlite.statements import row

# S608: the parts of these statements are constants of ours; values are bound.
_RECORD = f"SELECT {RECORD} FROM {SESSIONS} WHERE s.seq = ?"  # noqa: S608

_SORTS = {
    "newest": "s.created_at DESC, s.seq DESC",
    "oldest": "s.created_at, s.seq",
    "expiry": "s.expires_at, s.seq",
    "label": "s.label IS NULL, s.label, s.seq",
}
_SAME = ("label", "role", "delegate", "parent_id", "tree_id", "key_hash")
_NARROW = {"label": "sessions_named", "parent_id": "", "tree_id": "", "key_hash": ""}
"""Filters that leave few sessions, and by which index: of each of those the ancestors are looked at. Otherwise whatever
has a parent is looked at once, from above."""

_ORDER = ("revoked", "expired", "paused", "exhausted", "pending", "active")
"""As in core. The status of a session is the first in this order of what its lineage's own are."""

_FACTS = {
    "revoked": "{0}.revoked_at IS NOT NULL",
    "expired": "{0}.expires_at <= :now",
    "paused": "(:frozen OR {0}.paused_at IS NOT NULL)",
    "exhausted": "{0}.exhausted = 1",
    "pending": "{0}.not_before > :now",
}
_CASES = " ".join(f"WHEN {fact} THEN {_ORDER.index(name)}" for name, fact in _FACTS.items())
_OWN = f"CASE {_CASES} ELSE {_ORDER.index('active')} END"
_BY_WALKING = (
    f"(WITH RECURSIVE line (parent_id, rank) AS (SELECT s.parent_id, {_OWN.format('s')}"  # noqa: S608
    f" UNION ALL SELECT p.parent_id, {_OWN.format('p')} FROM sessions p JOIN line ON p.id = line.parent_id)"
    " SELECT min(rank) FROM line)"
)
# What an ancestor is makes it no more than that, so that no more is looked at where that is too little.
_CHILDREN = (
    "WITH RECURSIVE line (seq, id, rank, is_child) AS ("  # noqa: S608
    f" SELECT r.seq, r.id, {_OWN.format('r')}, 0 FROM (SELECT DISTINCT parent_id AS id FROM sessions"
    " WHERE owner_id = :owner AND parent_id IS NOT NULL) o CROSS JOIN sessions r ON r.id = o.id"
    " WHERE r.parent_id IS NULL"
    f" UNION ALL SELECT c.seq, c.id, min(line.rank, {_OWN.format('c')}), 1 FROM line CROSS JOIN sessions c"
    " INDEXED BY sessions_children ON c.owner_id = :owner AND c.parent_id = line.id AND line.rank >= :rank)"
    " SELECT json_group_array(seq) FROM line WHERE rank = :rank AND is_child"
)


def list_sessions(db: apsw.Connection, query: SessionQuery, now: int) -> tuple[list[SessionRecord], int]:
    """One page and the total count, at `now` (unix seconds)."""
    where, values = _conditions(query)
    narrow = [name for name in _NARROW if getattr(query, name) is not None]
    if query.status is not None:
        asked, more = _of_status(db, query, now, is_narrow=bool(narrow))
        where.append(asked)
        values |= more
    index = _NARROW[narrow[0]] if narrow else "sessions_newest"
    # The planner does not know that rows are long.
    found = f"FROM sessions s {f'INDEXED BY {index}' if index else ''} WHERE {' AND '.join(where)}"
    ((total,),) = db.execute(f"SELECT count(*) {found}", values).fetchall()
    assert isinstance(total, int)
    if query.offset >= total:
        return [], total
    sql = f"SELECT s.seq {found} ORDER BY {_SORTS[query.sort]} LIMIT :limit OFFSET :offset"
    page: list[Row] = db.execute(sql, values | {"limit": query.limit, "offset": query.offset}).fetchall()
    return [_record(db, seq) for (seq,) in page], total


def _conditions(query: SessionQuery) -> tuple[list[str], dict[str, Value]]:
    where = ["s.owner_id = :owner"]
    values: dict[str, Value] = {"owner": query.owner_id}
    for name in _SAME:
        value = getattr(query, name)
        if value is not None:
            where.append(f"s.{name} = :{name}")
            values[name] = value
    if query.chain_id is not None:
        where.append("(s.chains IS NULL OR instr(s.chains, :chain))")
        values["chain"] = f",{query.chain_id},"
    return where, values


def _of_status(
    db: apsw.Connection, query: SessionQuery, now: int, *, is_narrow: bool
) -> tuple[str, dict[str, Value]]:
    assert query.status is not None
    rank = _ORDER.index(query.status)
    own = [f"NOT {_FACTS[name]}" for name in _ORDER[:rank]] + [*filter(None, [_FACTS.get(query.status)])]
    is_root = " AND ".join(["s.parent_id IS NULL", *(one.format("s") for one in own)])
    frozen = row(db, "SELECT frozen_at IS NOT NULL FROM agents WHERE id = ?", query.owner_id)
    # No parameter is bound that its statement does not have.
    facts: dict[str, Value] = {"now": now, "frozen": frozen[0] if frozen else 0}
    if is_narrow:
        return f"({is_root} OR s.parent_id IS NOT NULL AND {_BY_WALKING} = :rank)", facts | {"rank": rank}
    asked = facts | {"rank": rank, "owner": query.owner_id}
    ((children,),) = db.execute(_CHILDREN, asked).fetchall()
    assert isinstance(children, str)
    used = {name: value for name, value in facts.items() if f":{name}" in is_root}
    if children == "[]":
        return f"({is_root})", used
    is_child = "s.parent_id IS NOT NULL AND s.seq IN (SELECT value FROM json_each(:children))"
    return f"({is_root} OR {is_child})", used | {"children": children}


def _record(db: apsw.Connection, seq: int) -> SessionRecord:
    found = row(db, _RECORD, seq)
    assert found is not None
    record = record_of(found)
    parent = record.session.parent_id
    return record_of(found, lineage_of(db, parent)) if parent is not None else record
