"""Pages of an owner's sessions: by label, status, delegate, parent, tree, chain, currency, key and words, sorted.

A page is found in an index that holds all that it is filtered by, and only its own rows are read.
"""

import json

import apsw

from valetkey.ports.accounts import ATTENTION_SECONDS, FOUND_BY_CHARS_MIN, SessionQuery, SessionRecord
from valetkey.stores.healths import first_minute
from valetkey.stores.rows import RECORD, SESSIONS, Row, Value, in_lower_case, record_of
from valetkey.stores.sqlite.book import lineage_of
from valetkey.stores.sqlite.session_words import guess
from valetkey.stores.sqlite.statements import row, rows

# S608: the parts of these statements are constants of ours; values are bound.
_RECORD = f"SELECT {RECORD} FROM {SESSIONS} WHERE s.seq = ?"  # noqa: S608

_SORTS = {
    "newest": "s.created_at DESC, s.seq DESC",
    "oldest": "s.created_at, s.seq",
    "expiry": "s.expires_at, s.seq",
    "label": "s.label IS NULL, s.label, s.seq",
    "remaining": "s.rest IS NULL, s.rest, s.seq",
}
_IN_ORDER = {
    "newest": "sessions_newest",
    "oldest": "sessions_newest",
    "expiry": "sessions_by_end",
    "label": "sessions_by_label",
    "remaining": "sessions_by_rest",
}
BY_NUMBER = "NOT INDEXED"
LOOKED_AT_MAX = 2_000
"""Rows that may be looked at for a page, about, before everything is looked at in an index and sorted."""

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
_LINES = (
    "WITH RECURSIVE line (seq, id, rank, is_child) AS ("  # noqa: S608
    f" SELECT r.seq, r.id, {_OWN.format('r')}, 0 FROM (SELECT DISTINCT parent_id AS id FROM sessions"
    " WHERE owner_id = :owner AND parent_id IS NOT NULL) o CROSS JOIN sessions r ON r.id = o.id"
    " WHERE r.parent_id IS NULL"
    f" UNION ALL SELECT c.seq, c.id, min(line.rank, {_OWN.format('c')}), 1 FROM line CROSS JOIN sessions c"
    " INDEXED BY sessions_children ON c.owner_id = :owner AND c.parent_id = line.id{})"
)
_CHILDREN = (
    _LINES.format(" AND line.rank >= :rank")  # noqa: S608
    + " SELECT json_group_array(seq) FROM line WHERE rank = :rank AND is_child"
)


def _only(status: str) -> str:
    """Of a session that is not revoked, whether that is what it is itself."""
    facts = [_FACTS[one].format("s") for one in _ORDER[1 : _ORDER.index(status)]]
    own = [_FACTS[status].format("s")] if status in _FACTS else []
    return " AND ".join([*(f"NOT {one}" for one in facts), *own])


_REVOKED_COUNTED = (
    "SELECT count(*) FROM sessions INDEXED BY sessions_revoked"
    " WHERE owner_id = ? AND parent_id IS NULL AND revoked_at IS NOT NULL"
)
_OTHERS_COUNTED = (
    "SELECT "  # noqa: S608
    + ", ".join(f"count(*) FILTER (WHERE {_only(one)})" for one in _ORDER[1:])
    + " FROM sessions s INDEXED BY sessions_roots WHERE s.owner_id = :owner AND s.parent_id IS NULL"
    " AND s.revoked_at IS NULL"
)
_CHILDREN_COUNTED = _LINES.format("") + " SELECT rank, count(*) FROM line WHERE is_child GROUP BY 1"  # noqa: S608

_ATTENTION = (
    "SELECT s.seq FROM (SELECT session_id AS id FROM spent INDEXED BY spent_near WHERE owner = :owner AND near = 1"
    " AND ends > :now"
    " UNION SELECT session_id FROM refused_minutes INDEXED BY refused_lately WHERE owner_id = :owner"
    " AND minute >= :minute"
    " UNION SELECT session_id FROM holds INDEXED BY holds_unknown_of WHERE owner_id = :owner AND state = 'unknown'"
    " UNION SELECT id FROM sessions INDEXED BY sessions_ending WHERE owner_id = :owner AND revoked_at IS NULL"
    " AND successor_id IS NULL AND expires_at > :now AND expires_at <= :soon AND warn_at <= :now) AS w"
    " CROSS JOIN sessions s ON s.id = w.id"
)

_NAMED_MAX = 1_000
_NAMED = (
    "SELECT seq FROM (SELECT seq FROM sessions"  # noqa: S608
    " WHERE +owner_id = :owner AND id >= :text AND id < :text || '{'"
    " UNION SELECT seq FROM sessions INDEXED BY sessions_wallet WHERE owner_id = :owner"
    " AND wallet_address COLLATE NOCASE >= :text AND wallet_address COLLATE NOCASE < :text || '{'"
    f" AND wallet_address IS NOT NULL LIMIT {_NAMED_MAX})"
)


def list_sessions(db: apsw.Connection, query: SessionQuery, now: int) -> tuple[list[SessionRecord], int]:
    """One page and the total count, where it is asked for, at `now` (unix seconds)."""
    where, values = _conditions(query)
    narrow = [name for name in _NARROW if getattr(query, name) is not None]
    index: str | None = _NARROW[narrow[0]] if narrow else "sessions_newest"
    named: list[int] = []
    if query.text is not None:
        named = _named(db, query)
        where.append(
            "(s.label LIKE :text ESCAPE '!' OR s.delegate LIKE :text ESCAPE '!'"
            " OR s.seq IN (SELECT value FROM json_each(:named)))"
        )
        values |= {"text": _somewhere(query.text), "named": json.dumps(named)}
    if not narrow and (found := guess(db, query.part_of_label, query.text)) is not None:
        where.append("s.seq IN (SELECT value FROM json_each(:guess))")
        values["guess"] = json.dumps(found + named)
        narrow, index = ["guess"], BY_NUMBER
    if query.attention:
        where.append("s.seq IN (SELECT value FROM json_each(:attention))")
        looked = {
            "owner": query.owner_id,
            "now": now,
            "minute": first_minute(now),
            "soon": now + ATTENTION_SECONDS,
        }
        needing: list[Row] = db.execute(_ATTENTION, looked).fetchall()
        values["attention"] = json.dumps([one for (one,) in needing])
        if not narrow:
            narrow, index = ["attention"], BY_NUMBER
    if query.status is not None:
        asked, more = _of_status(db, query, now, is_narrow=bool(narrow))
        where.append(asked)
        values |= more
    condition = " AND ".join(where)
    counted = None if narrow or not query.counted else _counted(db, query, now)
    if counted is None and query.counted:
        total: list[Row] = db.execute(
            _from(f"SELECT count(*) {{}} WHERE {condition}", index), values
        ).fetchall()
        counted = int(total[0][0])
    if counted is not None and query.offset >= counted:
        return [], counted
    if index == "sessions_newest" and _is_dense(db, query, counted):
        index = _IN_ORDER[query.sort]
    sql = f"SELECT s.seq {{}} WHERE {condition} ORDER BY {_SORTS[query.sort]} LIMIT :limit OFFSET :offset"
    asked_for = values | {"limit": query.limit, "offset": query.offset}
    page: list[Row] = db.execute(_from(sql, index), asked_for).fetchall()
    return [_record(db, seq) for (seq,) in page], counted or 0


def _from(sql: str, index: str | None) -> str:
    # The planner does not know that rows are long.
    how = "" if not index else index if index == BY_NUMBER else f"INDEXED BY {index}"
    return sql.format(f"FROM sessions s {how}")


def _counted(db: apsw.Connection, query: SessionQuery, now: int) -> int | None:
    """How many there are, where narrow indexes tell it: all of an owner, or those of a status; None otherwise."""
    if _is_filtered(query):
        return None
    if query.status is not None:
        return count_sessions(db, query.owner_id, now)[query.status]
    return _all(db, query.owner_id)


def _is_filtered(query: SessionQuery) -> bool:
    others = (query.chain_id, query.currency, query.part_of_label, query.text)
    return any(one is not None for one in (*others, *(getattr(query, name) for name in _SAME)))


def _all(db: apsw.Connection, owner_id: str) -> int:
    ((count,),) = rows(
        db, "SELECT count(*) FROM sessions INDEXED BY sessions_by_end WHERE owner_id = ?", owner_id
    )
    assert isinstance(count, int)
    return count


def _is_dense(db: apsw.Connection, query: SessionQuery, counted: int | None) -> bool:
    """Whether to read in the order of an index, until a page is full: of what is filtered by, it has the status alone.

    Everything else is in the session's row, and looked at there. Few that fit are sorted sooner than found so.
    """
    if not _is_filtered(query) or query.sort in ("newest", "oldest"):
        return True
    if counted is None:
        return False
    return (query.offset + query.limit) * _all(db, query.owner_id) <= LOOKED_AT_MAX * counted


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
    if query.currency is not None:
        where.append("instr(s.currencies, :currency)")
        values["currency"] = f",{query.currency},"
    if query.part_of_label is not None:
        where.append("s.label LIKE :part ESCAPE '!'")
        values["part"] = _somewhere(query.part_of_label)
    return where, values


def _somewhere(text: str) -> str:
    """The pattern of what has this text in it. LIKE takes ASCII letters in any case, and writes no copy of each row."""
    return "%" + text.replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%"


def _named(db: apsw.Connection, query: SessionQuery) -> list[int]:
    """Numbers of sessions whose id or wallet begins with what is looked for."""
    text = in_lower_case(query.text or "")
    if len(text) < FOUND_BY_CHARS_MIN:
        return []
    found: list[Row] = db.execute(_NAMED, {"owner": query.owner_id, "text": text}).fetchall()
    return [one for (one,) in found]


def count_sessions(db: apsw.Connection, owner_id: str, now: int) -> dict[str, int]:
    """How many sessions of an owner have each status at `now` (unix seconds)."""
    frozen = row(db, "SELECT frozen_at IS NOT NULL FROM agents WHERE id = ?", owner_id)
    values: dict[str, Value] = {"owner": owner_id, "now": now, "frozen": frozen[0] if frozen else 0}
    ((revoked,),) = rows(db, _REVOKED_COUNTED, owner_id)
    others: list[Row] = db.execute(_OTHERS_COUNTED, values).fetchall()
    counts = dict(zip(_ORDER, (revoked, *others[0]), strict=True))
    found: list[Row] = db.execute(_CHILDREN_COUNTED, values).fetchall()
    for rank, count in found:
        counts[_ORDER[rank]] += count
    return counts


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
