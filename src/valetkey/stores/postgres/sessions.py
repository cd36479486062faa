"""Sessions with their ancestors, as they are committed, and pages of an owner's: filtered, sorted."""

from dataclasses import replace
from typing import Any

from valetkey.core.session import Lineage
from valetkey.ports.accounts import ATTENTION_SECONDS, FOUND_BY_CHARS_MIN, SessionQuery, SessionRecord
from valetkey.stores.healths import first_minute
from valetkey.stores.postgres.columns import LINEAGES
from valetkey.stores.postgres.database import Database, Tables
from valetkey.stores.postgres.schema_of_alerts import WARN_AT
from valetkey.stores.rows import RECORD, in_lower_case, record_of

# S608: the parts of these statements are constants of ours.
_LINE = (
    "WITH RECURSIVE line (owner_id, id, parent_id, number) AS ("  # noqa: S608
    " SELECT owner_id, id, parent_id, 0 FROM sessions WHERE {0} = $1"
    " UNION ALL SELECT p.owner_id, p.id, p.parent_id, number + 1 FROM sessions p"
    " JOIN line ON p.owner_id = line.owner_id AND p.id = line.parent_id)"
    f" SELECT {RECORD} FROM line JOIN sessions s ON s.owner_id = line.owner_id AND s.id = line.id"
    " JOIN spent u ON u.owner_id = s.owner_id AND u.session_id = s.id ORDER BY number"
)
_BY_ID, _BY_ALIAS = _LINE.format("id"), _LINE.format("alias")
_BY_TOKEN = _LINE.replace("{0} = $1", "id = (SELECT session_id FROM credentials WHERE hash = $1)")

_SORTS = {
    "newest": "s.created_at DESC, s.seq DESC",
    "oldest": "s.created_at, s.seq",
    "expiry": "s.expires_at, s.seq",
    "label": 's.label IS NULL, s.label COLLATE "C", s.seq',
    "remaining": "s.rest NULLS LAST, s.seq",
}

_ORDER = ("revoked", "expired", "paused", "exhausted", "pending", "active")
"""As in core. The status of a session is the first in this order of what its lineage's own are."""

_FACTS = {
    "revoked": "{0}.revoked_at IS NOT NULL",
    "expired": "{0}.expires_at <= $2",
    "paused": "({0}.paused_at IS NOT NULL OR (SELECT frozen_at FROM agents WHERE id = $1) IS NOT NULL)",
    "exhausted": "{0}.exhausted",
    "pending": "{0}.not_before > $2",
}
_CASES = " ".join(f"WHEN {fact} THEN {_ORDER.index(name)}" for name, fact in _FACTS.items())
_OWN = f"CASE {_CASES} ELSE {_ORDER.index('active')} END"
# Most sessions have no parent, and their ancestors need not be looked for.
_BY_WALKING = (
    f"(WITH RECURSIVE line (parent_id, rank) AS (SELECT s.parent_id, {_OWN.format('s')}"  # noqa: S608
    f" UNION ALL SELECT p.parent_id, {_OWN.format('p')} FROM sessions p"
    " JOIN line ON p.owner_id = $1 AND p.id = line.parent_id) SELECT min(rank) FROM line)"
)

_COUNTS = (
    f"SELECT CASE WHEN s.parent_id IS NULL THEN {_OWN.format('s')} ELSE {_BY_WALKING} END, count(*)"  # noqa: S608
    " FROM sessions s WHERE s.owner_id = $1 GROUP BY 1"
)
_ATTENTION = (
    "s.id IN (SELECT session_id FROM spent WHERE owner_id = $1 AND near AND ends > $2"  # noqa: S608
    " UNION SELECT session_id FROM refused_minutes WHERE owner_id = $1 AND minute >= {minute}"
    " UNION SELECT session_id FROM holds WHERE owner_id = $1 AND state = 'unknown'"
    " UNION SELECT id FROM sessions WHERE owner_id = $1 AND revoked_at IS NULL AND successor_id IS NULL"
    f" AND expires_at > $2 AND expires_at <= {{soon}} AND {WARN_AT} <= $2)"
)
_LOWER = 'lower({0} COLLATE "C")'
_NAMED = (
    "SELECT seq FROM sessions WHERE owner_id = $1 AND id >= $2 AND id < $2 || '{' UNION"
    ' SELECT seq FROM sessions WHERE owner_id = $1 AND lower(wallet_address COLLATE "C") COLLATE "C" >= $2'
    ' AND lower(wallet_address COLLATE "C") COLLATE "C" < $2 || \'{\' LIMIT 1000'
)


class PostgresSessions(Tables):
    """The part of the account store that looks at sessions."""

    async def session(self, session_id: str) -> SessionRecord | None:
        """A session by its id."""
        return await find_record(self._database, session_id)

    async def session_of_alias(self, alias: str) -> SessionRecord | None:
        """The session that sellers know by this buyer id."""
        return _first(await self._database.rows(_BY_ALIAS, alias))

    async def sessions(self, query: SessionQuery) -> tuple[list[SessionRecord], int]:
        """See ports/accounts.py."""
        named = await self._named(query)
        condition, values = _conditions(query, self._database.clock.now(), named)
        # $2 is in every statement, so that it has a type where no status is asked for.
        where = f"$2::int8 IS NOT NULL AND {condition}"
        total = 0
        if query.counted:
            count = await self._database.row(f"SELECT count(*) FROM sessions s WHERE {where}", *values)  # noqa: S608
            assert count is not None
            total = count[0]
            if query.offset >= total:
                return [], total
        # Which ones is answered by an index alone; rows are long.
        page = await self._database.rows(
            f"SELECT s.id FROM sessions s WHERE {where} ORDER BY {_SORTS[query.sort]}"  # noqa: S608
            f" LIMIT ${len(values) + 1} OFFSET ${len(values) + 2}",
            *values,
            query.limit,
            query.offset,
        )
        return await self._records(query.owner_id, [one for (one,) in page]), total

    async def session_counts(self, owner_id: str) -> dict[str, int]:
        """See ports/accounts.py."""
        found = await self._database.rows(_COUNTS, owner_id, self._database.clock.now())
        return dict.fromkeys(_ORDER, 0) | {_ORDER[rank]: count for rank, count in found}

    async def _named(self, query: SessionQuery) -> list[int]:
        """Numbers of sessions whose id or wallet begins with what is looked for."""
        text = in_lower_case(query.text or "")
        if len(text) < FOUND_BY_CHARS_MIN:
            return []
        return [one for (one,) in await self._database.rows(_NAMED, query.owner_id, text)]

    async def _records(self, owner_id: str, ids: list[str]) -> list[SessionRecord]:
        """Sessions with their ancestors, in this order."""
        rows = await self._database.rows(LINEAGES.format("$2::text[]"), owner_id, ids)
        by_id = {row[0]: record_of(row) for (row,) in rows}

        def ancestors(record: SessionRecord) -> Lineage:
            parent = by_id[record.session.parent_id] if record.session.parent_id is not None else None
            return () if parent is None else (parent.session, *ancestors(parent))

        return [_under(by_id[one], ancestors(by_id[one])) for one in ids]


async def find_record(database: Database, session_id: str) -> SessionRecord | None:
    """A session with its ancestors, in one read; None when there is none."""
    return _first(await database.rows(_BY_ID, session_id))


async def record_of_token(database: Database, token_hash: bytes) -> SessionRecord | None:
    """The session of a token with its ancestors, in one read; None when the hash is of no session's."""
    return _first(await database.rows(_BY_TOKEN, token_hash))


def _first(rows: list[Any]) -> SessionRecord | None:
    if not rows:
        return None
    return record_of(rows[0], tuple(record_of(one).session for one in rows[1:]))


def _under(record: SessionRecord, ancestors: Lineage) -> SessionRecord:
    return replace(record, ancestors=ancestors) if ancestors else record


def _conditions(query: SessionQuery, now: int, named: list[int]) -> tuple[str, list[Any]]:
    where, values = ["s.owner_id = $1"], [query.owner_id, now]
    for name in ("label", "role", "delegate", "parent_id", "tree_id"):
        value = getattr(query, name)
        if value is not None:
            values.append(value)
            where.append(f"s.{name} = ${len(values)}")
    if query.key_hash is not None:
        values.append(query.key_hash)
        where.append(f"s.key_hash = ${len(values)}")
    if query.chain_id is not None:
        values.append(f",{query.chain_id},")
        where.append(f"(s.chains IS NULL OR strpos(s.chains, ${len(values)}) > 0)")
    if query.currency is not None:
        values.append(f",{query.currency},")
        where.append(f"strpos(s.currencies, ${len(values)}) > 0")
    if query.part_of_label is not None:
        values.append(in_lower_case(query.part_of_label))
        where.append(f"strpos({_LOWER.format('s.label')}, ${len(values)}) > 0")
    if query.text is not None:
        values += [in_lower_case(query.text), named]
        text, seqs = f"${len(values) - 1}", f"${len(values)}"
        where.append(
            f"(strpos({_LOWER.format('s.label')}, {text}) > 0 OR strpos({_LOWER.format('s.delegate')}, {text}) > 0"
            f" OR s.seq = ANY({seqs}::int8[]))"
        )
    if query.attention:
        values += [first_minute(now), now + ATTENTION_SECONDS]
        where.append(_ATTENTION.format(minute=f"${len(values) - 1}::int8", soon=f"${len(values)}::int8"))
    if query.status is not None:
        where.append(_of_status(query.status))
    return " AND ".join(where), values


def _of_status(wanted: str) -> str:
    rank = _ORDER.index(wanted)
    own = [f"NOT {_FACTS[name]}" for name in _ORDER[:rank]] + [*filter(None, [_FACTS.get(wanted)])]
    is_root = " AND ".join(["s.parent_id IS NULL", *(one.format("s") for one in own)])
    return f"({is_root} OR s.parent_id IS NOT NULL AND {_BY_WALKING} = {rank})"
