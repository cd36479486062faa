"""The ledger's facts in the writer's transaction, shared by the jobs of one commit.

What a session has spent and where its chain ends are read once and written once for all of them; everything else is
written at once. While nobody else writes to the file, the book is kept for the next commit with what it has read.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

import apsw

from valetkey.core.api_key import ApiKey
from valetkey.core.audit import GENESIS, Body, Head, Kind, append
from valetkey.core.errors import Contradiction
from valetkey.core.session import Lineage, Session
from valetkey.core.spend import Hold, SpendRequest
from valetkey.core.transaction import Transaction
from valetkey.ports.accounts import Answer, SessionRecord
from valetkey.ports.ledger import Event, Idempotency, Payment, SpendRecord
from valetkey.stores.book.facts import Value as Fact
from valetkey.stores.records import request_text
from valetkey.stores.risks import Kept
from valetkey.stores.rows import (
    HOLD,
    RECORD,
    SESSION,
    SESSIONS,
    SPEND,
    TRANSACTION,
    TRANSACTION_PLACES,
    Value,
    hold_row,
    record_of,
    record_values,
    session_of,
    session_values,
    spend_of,
    transaction_of,
    transaction_values,
)
from valetkey.stores.sqlite.alert_book import AlertBook
from valetkey.stores.sqlite.allotment_book import AllotmentBook
from valetkey.stores.sqlite.claim_book import ClaimBook
from valetkey.stores.sqlite.enrollments import EnrollmentBook
from valetkey.stores.sqlite.grant_book import GrantBook
from valetkey.stores.sqlite.keys import add_key, end_key, find_key, living_keys
from valetkey.stores.sqlite.names import NameBook
from valetkey.stores.sqlite.outbox import queue_events
from valetkey.stores.sqlite.queue import enqueue, follow_status, signed
from valetkey.stores.sqlite.spent import write_spent
from valetkey.stores.sqlite.standing import follow_step
from valetkey.stores.sqlite.statements import insert, row, rows
from valetkey.stores.tellings import Tellings

# S608: the parts of these statements are constants of ours.
_SESSION = f"SELECT {SESSION} FROM {SESSIONS} WHERE s.id = ?"  # noqa: S608
_RECORD = f"SELECT {RECORD} FROM {SESSIONS} WHERE s.id = ?"  # noqa: S608
_SPEND = f"SELECT {SPEND} FROM holds h WHERE h.id = ?"  # noqa: S608
_UNDECIDED = (
    f"SELECT {SPEND} FROM holds h WHERE h.session_id = ?1 AND h.request = ?2"  # noqa: S608
    " AND h.state IN ('pending_approval', 'approved') AND (h.note IS NULL OR ?3 IS NULL OR h.note = ?3)"
    " ORDER BY h.note IS ?3 DESC, h.placed_at, h.id LIMIT 1"
)
_TRANSACTION = f"SELECT {TRANSACTION} FROM transactions WHERE id = ?"  # noqa: S608
_ADD_TRANSACTION = f"INSERT INTO transactions ({TRANSACTION}) VALUES ({TRANSACTION_PLACES})"  # noqa: S608
_STEP = (
    "UPDATE transactions SET status = :status, payment_status = :payment_status, updated_at = :updated_at,"
    " escrow_tx_hash = :escrow_tx_hash, response_payload = :response_payload, delivery_proof = :delivery_proof,"
    " delivered_at = :delivered_at, completed_at = :completed_at, dispute_reason = :dispute_reason,"
    " disputed_at = :disputed_at, dispute_outcome = :dispute_outcome, buyer_percent = :buyer_percent,"
    " funded_at = iif(:funded, :updated_at, funded_at) WHERE id = :id"
)
_ADD_SESSION = (
    "INSERT INTO sessions (id, owner_id, tree_id, parent_id, depth, role, policy, policy_version, not_before,"
    " expires_at, created_at, revoked_at, paused_at, successor_id, carried, alias, wallet_address, e2e_public_key,"
    " label, delegate, recovery, funding, key_hash, sole, proof_key) VALUES (:id, :owner_id, :tree_id, :parent_id,"
    " :depth, :role, :policy, :policy_version, :not_before, :expires_at, :created_at, :revoked_at, :paused_at,"
    " :successor_id, :carried, :alias, :wallet_address, :e2e_public_key, :label, :delegate, :recovery, :funding,"
    " :key_hash, :sole, :proof_key)"
)
_LIFE = (
    "UPDATE sessions SET parent_id = :parent_id, policy = :policy, policy_version = :policy_version,"
    " not_before = :not_before, expires_at = :expires_at, revoked_at = :revoked_at, paused_at = :paused_at,"
    " successor_id = :successor_id, carried = :carried WHERE id = :id AND tree_id = :tree_id"
)
_HOLD = f"holds ({HOLD}, owner_id, note)"
_HOLD_MOVED = (
    "ON CONFLICT (id) DO UPDATE SET state = excluded.state, placed_at = excluded.placed_at,"
    " expires_at = excluded.expires_at, captured = excluded.captured, refunded = excluded.refunded,"
    " settled_at = excluded.settled_at, lapses = excluded.lapses, look_at = excluded.look_at"
)
_CHAIN = "chains (id, owner_id, number, head, at)"
_CHAIN_WENT_ON = (
    "ON CONFLICT (id) DO UPDATE SET number = excluded.number, head = excluded.head, at = excluded.at"
)
_ENTRY = "audit (owner_id, chain_id, number, at, kind, session_id, body, hash)"

KEPT_MAX = 8_192
"""Sessions, and ends of chains, that are remembered from one commit to the next."""


def lineage_of(db: apsw.Connection, session_id: str) -> Lineage:
    """The session and its ancestors. Raises Contradiction when there is no such session."""
    return SqliteBook(db, 0).lineage(session_id)


def find_record(db: apsw.Connection, session_id: str) -> SessionRecord | None:
    """A session with its ancestors; None when there is none."""
    found = row(db, _RECORD, session_id)
    if found is None:
        return None
    record = record_of(found)
    parent = record.session.parent_id
    return record_of(found, lineage_of(db, parent)) if parent is not None else record


def find_spend(db: apsw.Connection, hold_id: str) -> SpendRecord | None:
    """A hold by its id; None when there is none."""
    found = row(db, _SPEND, hold_id)
    return spend_of(found) if found else None


def find_transaction(db: apsw.Connection, transaction_id: str) -> Transaction | None:
    """A transaction by its id; None when there is none."""
    found = row(db, _TRANSACTION, transaction_id)
    return transaction_of(found) if found else None


def _session(db: apsw.Connection, session_id: str) -> Session:
    found = row(db, _SESSION, session_id)
    if found is None:
        raise Contradiction("there is no such session")
    return session_of(found)


def _beyond(known: Mapping[str, object]) -> list[str]:
    """What was known longest, as many as are too many: a process soon has what it will ever keep, and loses little."""
    return list(islice(known, max(0, len(known) - KEPT_MAX)))


_Holds = dict[str, tuple[Hold, str, str | None]]
"""Holds to be written, by their ids, each with its owner and its note."""


def _hold_rows(holds: _Holds) -> list[tuple[Value, ...]]:
    return [(*hold_row(hold), owner_id, note) for hold, owner_id, note in holds.values()]


class SqliteBook(GrantBook, AllotmentBook, ClaimBook, NameBook, EnrollmentBook, AlertBook):
    """See stores/book/facts.py, which documents every method."""

    def __init__(self, db: apsw.Connection, now: int, tellings: Tellings | None = None) -> None:
        super().__init__(db)
        AlertBook.__init__(self, tellings or Tellings())
        self.now = now
        self._sessions: dict[str, Session] = {}
        # As it was written last by this book.
        self._kept: dict[str, Kept] = {}
        # In the order of their first change, so that the same work writes the same file.
        self._spent: dict[str, None] = {}
        self._told: dict[str, None] = {}
        self._ends: dict[str, tuple[str, Head, int]] = {}
        self._entries: list[tuple[Value, ...]] = []
        self._new_holds: _Holds = {}
        self._holds: _Holds = {}

    def flush(self) -> None:
        """Write what was kept back. Whoever reads the tables themselves afterwards sees all of it."""
        self._flush_holds()
        self.flush_tallies()
        self.flush_refusals()
        write_spent(self._db, (self._sessions[name] for name in self._spent), self._kept)
        insert(self._db, _ENTRY, self._entries)
        ends = []
        for name in self._told:
            owner, head, at = self._ends[name]
            ends.append((name, owner, head.seq, head.hash, at))
        insert(self._db, _CHAIN, ends, _CHAIN_WENT_ON)
        self._spent.clear()
        self._entries.clear()
        self._told.clear()

    def again(self, now: int) -> None:
        """Begin another commit at `now`, with what is known from the last one. Nobody else wrote since."""
        self.now = now
        for name in _beyond(self._sessions):
            del self._sessions[name]
            self._kept.pop(name, None)
        for name in _beyond(self._ends):
            del self._ends[name]

    def record(self, session_id: str) -> SessionRecord:
        found = self.find_record(session_id)
        if found is None:
            raise Contradiction("there is no such session")
        return found

    def find_record(self, session_id: str) -> SessionRecord | None:
        found = row(self._db, _RECORD, session_id)
        if found is None:
            return None
        record = record_of(found)
        session = self._sessions.setdefault(session_id, record.session)
        ancestors = self.lineage(session.parent_id) if session.parent_id is not None else ()
        return replace(record, session=session, ancestors=ancestors)

    def lineage(self, session_id: str) -> Lineage:
        found: list[Session] = []
        wanted: str | None = session_id
        while wanted is not None:
            known = self._sessions.get(wanted)
            if known is None:
                known = self._sessions[wanted] = _session(self._db, wanted)
            found.append(known)
            wanted = known.parent_id
        return tuple(found)

    def find_spend(self, hold_id: str) -> SpendRecord | None:
        self._flush_holds()
        return find_spend(self._db, hold_id)

    def spend_record(self, hold_id: str) -> SpendRecord:
        found = self.find_spend(hold_id)
        if found is None:
            raise Contradiction("there is no such hold")
        return found

    def undecided(self, session_id: str, request: SpendRequest, note: str | None) -> Hold | None:
        self._flush_holds()
        found = row(self._db, _UNDECIDED, session_id, request_text(request), note)
        return spend_of(found).hold if found else None

    def transaction(self, transaction_id: str) -> Transaction:
        found = find_transaction(self._db, transaction_id)
        if found is None:
            raise Contradiction("there is no such transaction")
        return found

    def funding_used(self, tx_hash: str, transaction_id: str) -> bool:
        sql = "SELECT 1 FROM transactions WHERE escrow_tx_hash = ? AND id <> ?"
        return bool(rows(self._db, sql, tx_hash, transaction_id))

    def remembered(self, idempotency: Idempotency) -> tuple[bytes, str] | None:
        sql = "SELECT fingerprint, subject FROM idempotency WHERE scope = ? AND key = ?"
        found = row(self._db, sql, idempotency.scope, idempotency.key)
        return (found[0], found[1]) if found else None

    def tree_sessions(self, tree_id: str) -> int:
        found = row(self._db, "SELECT sessions FROM chains WHERE id = ?", tree_id)
        return found[0] if found else 0

    def living(self, owner_id: str) -> list[str]:
        sql = "SELECT id FROM sessions WHERE owner_id = ? AND revoked_at IS NULL ORDER BY seq"
        return [one for (one,) in rows(self._db, sql, owner_id)]

    def write_spent(self, sessions: Lineage) -> None:
        for one in sessions:
            self._sessions[one.id] = one
            self._spent[one.id] = None

    def write_session(self, session: Session) -> None:
        self._db.execute(_LIFE, session_values(session))
        # A larger budget may bring an exhausted session back.
        self.write_spent((session,))

    def add_session(self, record: SessionRecord, token_hash: bytes) -> None:
        session = record.session
        self._db.execute(
            "INSERT INTO chains (id, owner_id, number, head, at, sessions) VALUES (?, ?, 0, ?, ?, 1)"
            " ON CONFLICT (id) DO UPDATE SET sessions = sessions + 1",
            (session.tree, session.owner_id, GENESIS, self.now),
        )
        self._db.execute(_ADD_SESSION, record_values(record))
        write_spent(self._db, (session,), {})
        # It is read again: its owner may be frozen.
        self._sessions.pop(session.id, None)
        self._db.execute("INSERT INTO credentials (hash, session_id) VALUES (?, ?)", (token_hash, session.id))

    def add_hold(self, hold: Hold, owner_id: str, note: str | None) -> None:
        if hold.id in self._new_holds:
            raise Contradiction("there is such a hold already")
        self._new_holds[hold.id] = hold, owner_id, note

    def write_hold(self, hold: Hold, owner_id: str) -> None:
        new = self._new_holds.get(hold.id)
        if new is not None:
            self._new_holds[hold.id] = hold, owner_id, new[2]
        else:
            self._holds[hold.id] = hold, owner_id, None

    def write_payment(self, hold_id: str, payment: Payment) -> None:
        self._flush_holds()
        sql = "UPDATE holds SET reference = ?, payload = ? WHERE id = ?"
        self._db.execute(sql, (payment.reference, payment.payload, hold_id))

    def _flush_holds(self) -> None:
        if self._holds:
            insert(self._db, _HOLD, _hold_rows(self._holds), _HOLD_MOVED)
            self._holds.clear()
        if self._new_holds:
            insert(self._db, _HOLD, _hold_rows(self._new_holds))
            self._new_holds.clear()

    def add_transaction(self, transaction: Transaction) -> None:
        self._db.execute(_ADD_TRANSACTION, transaction_values(transaction))
        enqueue(self._db, self.now, transaction)

    def write_transaction(self, before: Transaction, after: Transaction, *, funded: bool) -> None:
        self._db.execute(_STEP, {**transaction_values(after), "funded": funded})
        follow_status(self._db, self.now, before, after)
        follow_step(self._db, before, after)

    def mark_signed(self, transaction: Transaction) -> None:
        signed(self._db, self.now, transaction)

    def remember(self, idempotency: Idempotency, subject: str) -> None:
        sql = "INSERT INTO idempotency (scope, key, fingerprint, subject) VALUES (?, ?, ?, ?)"
        self._db.execute(sql, (idempotency.scope, idempotency.key, idempotency.fingerprint, subject))

    def answer(self, answer: Answer) -> None:
        key = answer.idempotency
        self._db.execute(
            "INSERT INTO idempotency (scope, key, fingerprint, status, answer) VALUES (?, ?, ?, ?, ?)",
            (key.scope, key.key, key.fingerprint, answer.status, answer.body),
        )

    def append(
        self,
        owner_id: str,
        chain_id: str,
        kind: Kind,
        session_id: str | None,
        facts: Mapping[str, Fact] | Body,
    ) -> None:
        owner_id, head, at = self._ends.get(chain_id) or self._end(owner_id, chain_id)
        entry, head = append(head, max(self.now, at), kind, session_id, facts)
        self._ends[chain_id] = owner_id, head, entry.at
        self._told[chain_id] = None
        self._entries.append(
            (owner_id, chain_id, entry.seq, entry.at, str(kind), session_id, entry.body, head.hash)
        )

    def _end(self, owner_id: str, chain_id: str) -> tuple[str, Head, int]:
        found = row(self._db, "SELECT number, head, at FROM chains WHERE id = ?", chain_id)
        number, hashed, at = found or (0, GENESIS, 0)
        return owner_id, Head(chain_id, number, hashed), at

    def queue(self, events: tuple[Event, ...]) -> None:
        queue_events(self._db, self.now, events)

    def key(self, owner_id: str, key_id: str) -> ApiKey:
        found = find_key(self._db, owner_id, key_id)
        if found is None:
            raise Contradiction("there is no such key")
        return found

    def living_keys(self, owner_id: str) -> list[ApiKey]:
        return living_keys(self._db, owner_id, self.now)

    def add_key(self, key: ApiKey, api_key_hash: bytes) -> None:
        add_key(self._db, key, api_key_hash)

    def end_key(self, key: ApiKey) -> None:
        end_key(self._db, key)

    def set_frozen(self, owner_id: str, *, frozen: bool) -> int | None:
        if frozen:
            sql = "UPDATE agents SET frozen_at = coalesce(frozen_at, ?) WHERE id = ? RETURNING frozen_at"
            found = row(self._db, sql, self.now, owner_id)
        else:
            found = row(
                self._db, "UPDATE agents SET frozen_at = NULL WHERE id = ? RETURNING frozen_at", owner_id
            )
        if found is None:
            raise Contradiction("there is no such agent")
        # Every session of the owner that was read is another one now.
        self.flush()
        self._sessions.clear()
        since: int | None = found[0]
        return since
