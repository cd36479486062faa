"""Pages of an owner's sessions: by label, status, delegate, parent, tree and chain, sorted."""

import apsw

from valetkey.ports.accounts import SessionQuery, SessionRecord
from valetkey.stores.rows import RECORD, SESSIONS, Value, record_of
from valetkey.stores.sqlite.book import lineage_of
from valetkey.stores.sqlite.text import page

_RECORDS = f"SELECT {RECORD} FROM {SESSIONS} "  # noqa: S608 - constants of ours

_SORTS = {
    "newest": "s.created_at DESC, s.seq DESC",
    "oldest": "s.created_at, s.seq",
    "expiry": "s.expires_at, s.seq",
    "label": "s.label IS NULL, s.label, s.seq",
}

# Whether the session itself, or an ancestor, is as it says. The first of core's order that fits is the status.
_ANY = (
    "EXISTS (WITH RECURSIVE line (id, parent_id, revoked_at, expires_at, paused_at, not_before) AS ("
    " SELECT s.id, s.parent_id, s.revoked_at, s.expires_at, s.paused_at, s.not_before UNION ALL"
    " SELECT p.id, p.parent_id, p.revoked_at, p.expires_at, p.paused_at, p.not_before FROM sessions p"
    " JOIN line ON p.id = line.parent_id)"
    " SELECT 1 FROM line WHERE {0})"
)
_FROZEN = "(SELECT frozen_at FROM agents WHERE id = s.owner_id) IS NOT NULL"
_FACTS = {
    "revoked": _ANY.format("line.revoked_at IS NOT NULL"),
    "expired": _ANY.format("line.expires_at <= :now"),
    "paused": f"({_FROZEN} OR {_ANY.format('line.paused_at IS NOT NULL')})",
    "exhausted": _ANY.format("(SELECT exhausted FROM spent WHERE session_id = line.id) = 1"),
    "pending": _ANY.format("line.not_before > :now"),
}
_ORDER = ("revoked", "expired", "paused", "exhausted", "pending", "active")


def list_sessions(db: apsw.Connection, query: SessionQuery, now: int) -> tuple[list[SessionRecord], int]:
    """One page and the total count, at `now` (unix seconds)."""
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
        where.append(
            "(json_type(s.policy, '$.allowed_chains') IS NULL"
            " OR :chain IN (SELECT value FROM json_each(s.policy, '$.allowed_chains')))"
        )
        values["chain"] = query.chain_id
    if query.status is not None:
        number = _ORDER.index(query.status)
        where += [f"NOT {_FACTS[name]}" for name in _ORDER[:number]]
        if query.status in _FACTS:
            where.append(_FACTS[query.status])
        values["now"] = now
    found, total = page(
        db,
        _RECORDS,
        SESSIONS,
        where,
        {name: value for name, value in values.items() if any(f":{name}" in one for one in where)},
        _SORTS[query.sort],
        query.limit,
        query.offset,
    )
    records = []
    for one in found:
        record = record_of(one)
        parent = record.session.parent_id
        records.append(record_of(one, lineage_of(db, parent)) if parent is not None else record)
    return records, total
