"""Pages of an owner's sessions: by label, status, delegate, parent, tree and chain, sorted."""

import apsw

from valetkey.ports.accounts import SessionQuery, SessionRecord
from valetkey.stores.rows import RECORD, SESSIONS, Value, record_of
from valetkey.stores.sqlite.book import lineage_of

_SORTS = {
    "newest": "s.created_at DESC, s.seq DESC",
    "oldest": "s.created_at, s.seq",
    "expiry": "s.expires_at, s.seq",
    "label": "s.label IS NULL, s.label, s.seq",
}

# The first of core's order that fits is the status. A session has a fact when itself or an ancestor has it.
_FROZEN = "(SELECT frozen_at FROM agents WHERE id = :owner) IS NOT NULL"
_FACTS = {
    "revoked": "{0}.revoked_at IS NOT NULL",
    "expired": "{0}.expires_at <= :now",
    "paused": f"({_FROZEN} OR {{0}}.paused_at IS NOT NULL)",
    "exhausted": "{0}.id IN (SELECT session_id FROM spent WHERE exhausted = 1)",
    "pending": "{0}.not_before > :now",
}
_ORDER = ("revoked", "expired", "paused", "exhausted", "pending", "active")
_LINE = (
    "EXISTS (WITH RECURSIVE line (id, parent_id, revoked_at, expires_at, paused_at, not_before) AS ("
    " SELECT s.id, s.parent_id, s.revoked_at, s.expires_at, s.paused_at, s.not_before UNION ALL"
    " SELECT p.id, p.parent_id, p.revoked_at, p.expires_at, p.paused_at, p.not_before FROM sessions p"
    " JOIN line ON p.id = line.parent_id)"
    " SELECT 1 FROM line WHERE {0})"
)
_CHAIN = (
    "CASE WHEN s.chain_id IS NULL THEN :chain IN (SELECT value FROM json_each(s.policy, '$.allowed_chains'))"
    " ELSE s.chain_id IN (0, :chain) END"
)


def _status(name: str) -> str:
    """Whether a session has a status. Most have no ancestor, and are looked at in an index alone."""
    before = _ORDER[: _ORDER.index(name)]
    own = [f"NOT {_FACTS[one].format('s')}" for one in before]
    line = [f"NOT {_LINE.format(_FACTS[one].format('line'))}" for one in before]
    if name in _FACTS:
        own.append(_FACTS[name].format("s"))
        line.append(_LINE.format(_FACTS[name].format("line")))
    return f"CASE WHEN s.parent_id IS NULL THEN {' AND '.join(own)} ELSE {' AND '.join(line)} END"


_STATUSES = {name: _status(name) for name in _ORDER}


def list_sessions(db: apsw.Connection, query: SessionQuery, now: int) -> tuple[list[SessionRecord], int]:
    """One page and the total count, if it is asked for, at `now` (unix seconds)."""
    where = ["s.owner_id = :owner"]
    values: dict[str, Value] = {"owner": query.owner_id}
    for name in ("label", "role", "delegate", "parent_id", "tree_id"):
        value = getattr(query, name)
        if value is not None:
            where.append(f"s.{name} = :{name}")
            values[name] = value
    if query.key_hash is not None:
        where.append("s.key_hash = :key_hash")
        values["key_hash"] = query.key_hash
    if query.chain_id is not None:
        where.append(_CHAIN)
        values["chain"] = query.chain_id
    if query.status is not None:
        where.append(_STATUSES[query.status])
        if ":now" in where[-1]:
            values["now"] = now
    condition, order = " AND ".join(where), _SORTS[query.sort]
    total = 0
    if query.counted:
        ((count,),) = db.execute(f"SELECT count(*) FROM sessions s WHERE {condition}", values).fetchall()  # noqa: S608
        assert isinstance(count, int)
        total = count
        if query.offset >= total:
            return [], total
    # Which rows those are is read out of an index; only then are they read themselves.
    picked = f"SELECT s.seq FROM sessions s WHERE {condition} ORDER BY {order} LIMIT :limit OFFSET :offset"  # noqa: S608
    found = db.execute(
        f"SELECT {RECORD} FROM {SESSIONS} WHERE s.seq IN ({picked}) ORDER BY {order}",  # noqa: S608 - constants of ours
        {**values, "limit": query.limit, "offset": query.offset},
    ).fetchall()
    records = []
    for one in found:
        record = record_of(one)
        parent = record.session.parent_id
        records.append(record_of(one, lineage_of(db, parent)) if parent is not None else record)
    return records, total
