"""Holds and the transactions they pay for: locked, decided by core, written together. Nothing is decided here."""

from dataclasses import replace
from typing import Any

import apsw

from valetkey.core.decide import SpendRequest
from valetkey.core.errors import Contradiction
from valetkey.core.ledger import OPEN, Capture, Expire, Hold, MarkUnknown, PlaceHold, State, Void, apply
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import Session
from valetkey.core.transaction import Step, Transaction, take
from valetkey.ports.ledger import Change, Facts, Idempotency, TransactionQuery
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.listing import list_transactions
from valetkey.stores.sqlite.outbox import queue_events
from valetkey.stores.sqlite.queue import enqueue, follow_status, signed
from valetkey.stores.sqlite.rows import (
    HOLD,
    SESSION,
    TRANSACTION,
    TRANSACTION_PLACES,
    hold_of,
    rings_text,
    session_of,
    transaction_of,
    transaction_values,
)
from valetkey.stores.sqlite.standing import follow_step
from valetkey.stores.sqlite.statements import row, rows

_TRANSACTION = f"SELECT {TRANSACTION} FROM transactions WHERE id = ?"  # noqa: S608 - constants of ours
_HOLD = f"SELECT {HOLD} FROM holds WHERE id = ?"  # noqa: S608 - constants of ours
_SESSION = f"SELECT {SESSION} FROM sessions s WHERE s.id = ?"  # noqa: S608 - constants of ours
_INSERT = f"INSERT INTO transactions ({TRANSACTION}) VALUES ({TRANSACTION_PLACES})"  # noqa: S608 - constants of ours

_Command = MarkUnknown | Capture | Void | Expire


class SqliteLedger(Tables):
    """The ledger store on SQLite."""

    async def place(self, transaction: Transaction, idempotency: Idempotency | None) -> Transaction | Refused:
        """See ports/ledger.py. Raises Contradiction when an id is taken or names nothing."""
        return await self._database.write(lambda db, now: _place(db, now, transaction, idempotency))

    async def remembered(self, idempotency: Idempotency) -> Transaction | Refused | None:
        """See ports/ledger.py."""
        return await self._database.read(lambda db: _remembered(db, idempotency))

    async def change(self, transaction_id: str, change: Change) -> Transaction | Refused:
        """See ports/ledger.py. Raises Contradiction for an unknown id, and for a step that core calls impossible."""
        return await self._database.write(lambda db, now: _change(db, now, transaction_id, change))

    async def mark_signed(self, transaction_id: str) -> None:
        """See ports/ledger.py; a hold that is not open stays as it is."""
        await self._database.write(lambda db, now: _mark_signed(db, now, transaction_id))

    async def transaction(self, transaction_id: str) -> Transaction | None:
        """See ports/ledger.py."""
        found = await self._database.read(lambda db: row(db, _TRANSACTION, transaction_id))
        return transaction_of(found) if found else None

    async def transactions(self, query: TransactionQuery) -> tuple[list[Transaction], int]:
        """See ports/ledger.py."""
        return await self._database.read(lambda db: list_transactions(db, query))

    async def hold(self, hold_id: str) -> Hold | None:
        """See ports/ledger.py."""
        found = await self._database.read(lambda db: row(db, _HOLD, hold_id))
        return hold_of(found) if found else None


def _place(
    db: apsw.Connection, now: int, transaction: Transaction, idempotency: Idempotency | None
) -> Transaction | Refused:
    if idempotency is not None:
        known = _remembered(db, idempotency)
        if known is not None:
            return known
    assert (transaction.session_id is None) == (transaction.hold_id is None), "a session pays from a hold"
    if transaction.session_id is not None and transaction.hold_id is not None:
        request = SpendRequest(transaction.total, transaction.service_id)
        command = PlaceHold(transaction.hold_id, request, transaction.checkout_ends_at)
        after = apply(State(_session(db, transaction.session_id)), command, now)
        if isinstance(after, Refused):
            return after
        _write_state(db, after)
    db.execute(_INSERT, transaction_values(transaction))
    enqueue(db, now, transaction)
    if idempotency is not None:
        db.execute(
            "INSERT INTO idempotency (scope, key, fingerprint, transaction_id) VALUES (?, ?, ?, ?)",
            (idempotency.scope, idempotency.key, idempotency.fingerprint, transaction.id),
        )
    return transaction


def _remembered(db: apsw.Connection, idempotency: Idempotency) -> Transaction | Refused | None:
    found = row(
        db,
        "SELECT fingerprint, transaction_id FROM idempotency WHERE scope = ? AND key = ?",
        idempotency.scope,
        idempotency.key,
    )
    if found is None:
        return None
    fingerprint, transaction_id = found
    if fingerprint != idempotency.fingerprint:
        return refuse(
            Code.IDEMPOTENCY_MISMATCH,
            "idempotency",
            "this idempotency key was used for another request",
            hint="use a new key for a new request",
        )
    return _transaction(db, transaction_id)


def _change(db: apsw.Connection, now: int, transaction_id: str, change: Change) -> Transaction | Refused:
    transaction = _transaction(db, transaction_id)
    status = take(change.step, transaction.status, change.party)
    if isinstance(status, Refused):
        return status
    tx_hash = change.facts.escrow_tx_hash
    if tx_hash is not None and _used_elsewhere(db, tx_hash, transaction_id):
        return refuse(
            Code.FUNDING_REPLAYED, "tx_hash", "this transaction paid for another purchase than this one"
        )
    if change.command is not None and transaction.hold_id is not None:
        refused = _settle(db, now, transaction.hold_id, change.command)
        if refused is not None:
            return refused
    after = replace(transaction, status=status, updated_at=now, **_known(change.facts))
    db.execute(
        "UPDATE transactions SET status = :status, payment_status = :payment_status, updated_at = :updated_at,"
        " escrow_tx_hash = :escrow_tx_hash, response_payload = :response_payload, delivery_proof = :delivery_proof,"
        " delivered_at = :delivered_at, completed_at = :completed_at, dispute_reason = :dispute_reason,"
        " disputed_at = :disputed_at, dispute_outcome = :dispute_outcome, buyer_percent = :buyer_percent,"
        " funded_at = iif(:funded, :updated_at, funded_at) WHERE id = :id",
        {**transaction_values(after), "funded": change.step is Step.FUND},
    )
    follow_status(db, now, transaction, after)
    follow_step(db, transaction, after)
    queue_events(db, now, change.events)
    return after


def _settle(db: apsw.Connection, now: int, hold_id: str, command: _Command) -> Refused | None:
    hold = _hold(db, hold_id)
    after = apply(State(_session(db, hold.session_id), hold), command, now)
    if isinstance(after, Refused):
        return after
    _write_state(db, after)
    return None


def _mark_signed(db: apsw.Connection, now: int, transaction_id: str) -> None:
    transaction = _transaction(db, transaction_id)
    if transaction.hold_id is not None and _hold(db, transaction.hold_id).state in OPEN:
        _settle(db, now, transaction.hold_id, MarkUnknown())
    signed(db, now, transaction)


def _write_state(db: apsw.Connection, state: State) -> None:
    """What core says is so now: the usage of the session, and the hold."""
    session, hold = state.session, state.hold
    assert hold is not None
    db.execute(
        "UPDATE sessions SET held = ?, captured = ?, spends = ?, rings = ? WHERE id = ?",
        (
            str(session.usage.held),
            str(session.usage.captured),
            session.pace.spends,
            rings_text(session),
            session.id,
        ),
    )
    db.execute(
        "INSERT INTO holds (id, session_id, amount, state, placed_at, expires_at, captured, settled_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state,"
        " captured = excluded.captured, settled_at = excluded.settled_at",
        (
            hold.id,
            hold.session_id,
            str(hold.amount),
            str(hold.state),
            hold.placed_at,
            hold.expires_at,
            str(hold.captured),
            hold.settled_at,
        ),
    )


def _known(facts: Facts) -> dict[str, Any]:
    return {name: value for name in Facts.__slots__ if (value := getattr(facts, name)) is not None}


def _used_elsewhere(db: apsw.Connection, tx_hash: str, transaction_id: str) -> bool:
    sql = "SELECT 1 FROM transactions WHERE escrow_tx_hash = ? AND id <> ?"
    return bool(rows(db, sql, tx_hash, transaction_id))


def _transaction(db: apsw.Connection, transaction_id: str) -> Transaction:
    found = row(db, _TRANSACTION, transaction_id)
    if found is None:
        raise Contradiction("there is no such transaction")
    return transaction_of(found)


def _session(db: apsw.Connection, session_id: str) -> Session:
    found = row(db, _SESSION, session_id)
    if found is None:
        raise Contradiction("there is no such session")
    return session_of(found)


def _hold(db: apsw.Connection, hold_id: str) -> Hold:
    found = row(db, _HOLD, hold_id)
    assert found is not None, "a transaction's hold is never deleted"
    return hold_of(found)
