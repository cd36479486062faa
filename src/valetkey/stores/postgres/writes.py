"""What a batch writes: all of its tables in one statement, a column of each as one array.

No row may be in two parts of it: PostgreSQL would do one of them and say nothing.
"""

from typing import Any

from valetkey.stores.healths import SLOTS
from valetkey.stores.postgres.book import PostgresBook
from valetkey.stores.postgres.schema import Connection
from valetkey.stores.postgres.session_writes import of_sessions
from valetkey.stores.postgres.tables import Changes, Row, Table, insert, insert_many, named, update
from valetkey.stores.rows import TRANSACTION, hold_values, transaction_values

_HOLD_STATE = {
    "id": "text", "state": "text", "placed_at": "int8", "expires_at": "int8", "captured": "text",
    "refunded": "text", "settled_at": "int8", "lapses": "bool", "look_at": "int8",
}  # fmt: skip
_HOLD = {
    **_HOLD_STATE, "session_id": "text", "tree_id": "text", "request": "text", "amount": "text", "debits": "text",
    "terms": "int4", "note": "text", "reference": "text", "payload": "bytea",
}  # fmt: skip
_HOLD_SAME = frozenset({
    "state", "placed_at", "expires_at", "captured", "refunded", "lapses", "session_id", "tree_id", "request", "amount",
    "terms",
})  # fmt: skip
_NUMBERS = {
    "quantity": "int8", "checkout_ends_at": "int8", "created_at": "int8", "updated_at": "int8", "chain_id": "int8",
    "decimals": "int4", "delivered_at": "int8", "completed_at": "int8", "disputed_at": "int8",
    "dispute_outcome": "int4", "buyer_percent": "int4", "dispute_window": "int8", "abandonment_grace": "int8",
    "request_payload": "bytea", "response_payload": "bytea",
}  # fmt: skip
_BOUGHT = {name: _NUMBERS.get(name, "text") for name in TRANSACTION.split(", ") if name != "buyer_id"}
_STEP = {
    name: _BOUGHT[name]
    for name in (
        "id", "status", "payment_status", "updated_at", "escrow_tx_hash", "response_payload", "delivery_proof",
        "delivered_at", "completed_at", "dispute_reason", "disputed_at", "dispute_outcome", "buyer_percent",
    )
}  # fmt: skip


_CHAINS = insert(
    "chains",
    {
        "id": "text", "number": "int8", "head": "bytea", "at": "int8", "sessions": "int4", "anchored": "int8",
        "ahead": "bool",
    },
    more=" ON CONFLICT (owner_id, id) DO UPDATE SET number = excluded.number, head = excluded.head,"
    " at = excluded.at, sessions = excluded.sessions, anchored = excluded.anchored, ahead = excluded.ahead",
)  # fmt: skip
_ENTRIES = {
    "chain_id": "text", "number": "int8", "at": "int8", "kind": "text", "session_id": "text", "body": "text",
    "hash": "bytea",
}  # fmt: skip
_KEYS = {
    "scope": "text", "key": "text", "fingerprint": "bytea", "subject": "text", "status": "int4", "answer": "bytea",
}  # fmt: skip
_EVENTS = {
    "id": "text", "agent_id": "text", "transaction_id": "text", "name": "text", "url": "text", "body": "bytea",
    "queued_at": "int8", "due_at": "int8",
}  # fmt: skip
_NEWS = {"service_id": "text", "completed": "int4", "responses": "int4", "response_ms": "int8"}
_API_KEYS = {
    "id": "text", "name": "text", "scopes": "text", "created_at": "int8", "expires_at": "int8", "revoked_at": "int8",
    "last_used_at": "int8",
}  # fmt: skip
_PAYMENTS = {"id": "text", "reference": "text", "payload": "bytea"}

_NEW_BOUGHT = {**_BOUGHT, "tree_id": "text", "queue": "text", "look_at": "int8", "funded_at": "int8"}
_KEPT = ", ".join(name for name in _NEW_BOUGHT if name not in ("queue", "look_at"))
_NEW_TRANSACTIONS = Table(
    f"made AS MATERIALIZED (SELECT * FROM unnest({{}}) AS w ({', '.join(_NEW_BOUGHT)})),"  # noqa: S608
    f" kept AS (INSERT INTO transactions (buyer_id, {_KEPT}) SELECT $1, {_KEPT} FROM made RETURNING id, seq)"
    " INSERT INTO waiting (buyer_id, transaction_id, seq, queue, look_at, checkout_ends_at)"
    " SELECT $1, made.id, kept.seq, made.queue, made.look_at, made.checkout_ends_at FROM made"
    " JOIN kept ON kept.id = made.id WHERE made.queue IS NOT NULL",
    _NEW_BOUGHT,
)
_MOVED = Table(
    "INSERT INTO waiting (buyer_id, transaction_id, seq, queue, look_at, checkout_ends_at)"
    " SELECT $1, t.id, t.seq, w.queue, w.look_at, t.checkout_ends_at"
    " FROM unnest({}) AS w (id, queue, look_at)"
    " JOIN transactions t ON t.buyer_id = $1 AND t.id = w.id"
    " ON CONFLICT (buyer_id, transaction_id) DO UPDATE SET queue = excluded.queue, look_at = excluded.look_at",
    {"id": "text", "queue": "text", "look_at": "int8"},
)
_ENDED = update("waiting", {"transaction_id": "text", "queue": "text"}, "buyer_id")
_LEFT = Table(
    "DELETE FROM waiting AS t USING unnest({}) AS w (id) WHERE t.buyer_id = $1 AND t.transaction_id = w.id",
    {"id": "text"},
)
_OWNER = Table(
    "UPDATE agents SET frozen_at = w.since, unique_labels = w.unique_labels"
    " FROM unnest({}) AS w (id, since, unique_labels) WHERE agents.id = w.id",
    {"id": "text", "since": "int8", "unique_labels": "bool"},
)
_FUNDINGS = Table(
    "INSERT INTO fundings (tx_hash, transaction_id) SELECT * FROM unnest({}) AS w",
    {"tx_hash": "text", "transaction_id": "text"},
)


async def write(connection: Connection, book: PostgresBook) -> str | None:
    """Write what the batch changed; the id of its transaction, None when nothing changed."""
    parts: list[str] = []
    values: list[Any] = [book.owner_id]
    for number, (table, rows) in enumerate(_changes(book)):
        if not rows:
            continue
        statement = table.statement(len(values) + 1)
        if table is _NEW_TRANSACTIONS:
            before, _, statement = statement.partition(" INSERT INTO waiting")
            parts.append(before)
            statement = " INSERT INTO waiting" + statement
        parts.append(f"w{number} AS ({statement})")
        values += table.arrays(rows)
    if not parts:
        return None
    sql = f"WITH {', '.join(parts)} SELECT pg_current_xact_id()::text WHERE $1::text IS NOT NULL"
    xid: str = await connection.fetchval(sql, *values)
    return xid


def _changes(book: PostgresBook) -> Changes:
    return [
        (_CHAINS, [_chain(one) for one in book.chains.items()]),
        *of_sessions(book),
        *_of_api_keys(book),
        *_of_holds(book),
        *_of_transactions(book),
        (_REFUSED, [(*key, count) for key, count in book.refusals.items()]),
        (_REFUSED_NOW, _of_minutes(book)),
        (_TALLIED, [(*bucket, *counted) for bucket, counted in book.tallied.items()]),
        (_AUDIT, [row for _, row in book.entries.items()]),
        (_REMEMBERED, _of_keys(book)),
        (_QUEUED, [_event(one, book.batch_now) for _, one in book.events.items()]),
        (_TOLD, [_cells(_NEWS, one) for _, one in book.news.items()]),
        (_FUNDINGS, book.fundings.items()),
        (_OWNER, [(one, book.frozen[one], book.unique[one]) for one in book.owners_changed]),
    ]


_AUDIT = insert_many("audit", _ENTRIES, frozenset({"chain_id", "at", "kind"}))
_REFUSED = Table(
    "INSERT INTO refused_days AS t (owner_id, day, code, session_id, count) SELECT $1, w.* FROM unnest({}) AS w"
    " ON CONFLICT (owner_id, day, code, session_id) DO UPDATE SET count = t.count + excluded.count",
    {"day": "int8", "code": "text", "session_id": "text", "count": "int4"},
)
_REFUSED_NOW = Table(
    "INSERT INTO refused_minutes AS t (owner_id, session_id, slot, minute, count) SELECT $1, w.* FROM unnest({}) AS w"
    " ON CONFLICT (owner_id, session_id, slot) DO UPDATE SET"
    " count = CASE WHEN t.minute = excluded.minute THEN t.count ELSE 0 END + excluded.count, minute = excluded.minute"
    " WHERE t.minute <= excluded.minute",
    {"session_id": "text", "slot": "int4", "minute": "int8", "count": "int4"},
)
_TALLIED = Table(
    "INSERT INTO tallies AS t (owner_id, session_id, bucket, currency, chain_id, units, spends, fresh)"
    " SELECT $1, w.*, true FROM unnest({}) AS w"
    " ON CONFLICT (owner_id, session_id, bucket, currency, chain_id) DO UPDATE SET units = t.units + excluded.units,"
    " spends = t.spends + excluded.spends, fresh = true",
    {
        "session_id": "text", "bucket": "int8", "currency": "text", "chain_id": "int8", "units": "numeric",
        "spends": "int4",
    },
)  # fmt: skip
_REMEMBERED = insert("idempotency", _KEYS)
_QUEUED = insert("events", _EVENTS)
_TOLD = insert("standing_news", _NEWS)
_NEW_KEYS = insert("api_keys", _API_KEYS)
_ENDED_KEYS = update("api_keys", {"id": "text", "revoked_at": "int8"})
_NEW_HOLDS = insert_many("holds", _HOLD, _HOLD_SAME)
_HOLDS = update("holds", _HOLD_STATE)
_PAID = update("holds", _PAYMENTS)
_HOLDS_PAID = update("holds", {**_HOLD_STATE, **_PAYMENTS})
_STEPS = update("transactions", {**_STEP, "funded_at": "int8"}, "buyer_id")


def _of_minutes(book: PostgresBook) -> list[Row]:
    # A batch may reach over the end of a minute: the later one has another slot.
    return [
        (session_id, minute % SLOTS, minute, count)
        for (session_id, minute), count in book.refusal_minutes.items()
    ]


def _of_api_keys(book: PostgresBook) -> Changes:
    new: list[Row] = []
    ended: list[Row] = []
    for key_id, key in book.api_keys.items():
        assert key is not None
        if key_id in book.new_keys:
            scopes = " ".join(sorted(key.scopes))
            new.append(
                (key_id, key.name, scopes, key.created_at, key.expires_at, key.revoked_at, key.last_used_at)
            )
        else:
            ended.append((key_id, key.revoked_at))
    return [(_NEW_KEYS, new), (_ENDED_KEYS, ended)]


def _of_holds(book: PostgresBook) -> Changes:
    new, changed, both, paid = [], [], [], []
    # A hold that is new may have moved on within the batch: it is written once, as it is now.
    for hold_id in {**book.new_holds.changed, **book.holds.changed}:
        record = book.spends[hold_id]
        assert record is not None
        values: dict[str, Any] = hold_values(record.hold)
        values["lapses"] = bool(values["lapses"])
        if hold_id not in book.new_holds:
            if hold_id in book.payments:
                payment = book.payments[hold_id]
                values |= {"reference": payment.reference, "payload": payment.payload}
                both.append(named(_HOLDS_PAID.columns, values))
            else:
                changed.append(named(_HOLD_STATE, values))
        else:
            owner = book.sessions[record.hold.session_id]
            assert owner is not None
            kept = record.payment
            values |= {
                "tree_id": owner.tree,
                "note": record.note,
                "reference": kept and kept.reference,
                "payload": kept and kept.payload,
            }
            new.append(named(_HOLD, values))
    for hold_id, payment in book.payments.items():
        if hold_id not in book.new_holds and hold_id not in book.holds:
            paid.append((hold_id, payment.reference, payment.payload))
    return [(_NEW_HOLDS, new), (_HOLDS, changed), (_HOLDS_PAID, both), (_PAID, paid)]


def _of_transactions(book: PostgresBook) -> Changes:
    new, steps = [], []
    for transaction_id, tree_id in book.new_transactions.items():
        bought = book.bought[transaction_id]
        assert bought is not None
        place = book.waiting[transaction_id]
        values: dict[str, Any] = transaction_values(bought.transaction)
        values |= {"tree_id": tree_id, "funded_at": bought.funded_at}
        values |= {"queue": place and place.queue, "look_at": place and place.look_at}
        new.append(named(_NEW_BOUGHT, values))
    for transaction_id in book.transactions.changed:
        if transaction_id not in book.new_transactions:
            bought = book.bought[transaction_id]
            assert bought is not None
            values = transaction_values(bought.transaction) | {"funded_at": bought.funded_at}
            steps.append(named(_STEPS.columns, values))
    moved, ended, left = [], [], []
    for transaction_id, place in book.waiting.items():
        if transaction_id in book.new_transactions:
            continue
        if place is None:
            left.append((transaction_id,))
        elif place.look_at is None:
            ended.append((transaction_id, place.queue))
        else:
            moved.append((transaction_id, place.queue, place.look_at))
    return [(_NEW_TRANSACTIONS, new), (_STEPS, steps), (_MOVED, moved), (_ENDED, ended), (_LEFT, left)]


def _of_keys(book: PostgresBook) -> list[Row]:
    rows: list[Row] = [
        (scope, key, known[0], known[1], None, None)
        for (scope, key), known in book.keys.items()
        if known is not None
    ]
    for (scope, key), answer in book.answers.items():
        rows.append((scope, key, answer.idempotency.fingerprint, None, answer.status, answer.body))
    return rows


def _chain(one: tuple[str, Any]) -> Row:
    tree_id, chain = one
    return (tree_id, chain.number, chain.head, chain.at, chain.sessions, chain.anchored, chain.ahead)


def _event(event: Any, now: int) -> Row:
    return (event.id, event.agent_id, event.transaction_id, event.name, event.url, event.body, now, now)


def _cells(columns: dict[str, str], one: object) -> Row:
    return [getattr(one, name) for name in columns]
