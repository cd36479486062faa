"""The ledger store: holds, and the transactions they pay for, always written together.

A store locks the facts, calls `core.ledger.apply` and `core.transaction.take`, and writes; it decides
nothing. Every method is one database transaction, durable when it returns; none calls a chain or a host.
"""

from dataclasses import dataclass
from typing import Protocol

from valetkey.core.escrow import DisputeOutcome
from valetkey.core.ledger import Capture, Expire, Hold, MarkUnknown, Void
from valetkey.core.refusal import Refused
from valetkey.core.transaction import Party, PaymentStatus, Step, Transaction


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A caller's key for a write, in the caller's own scope, with its body's fingerprint."""

    scope: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """A webhook to send, queued in the database transaction of the change it reports.

    `agent_id` is the receiver, whose secret signs it. `body` is the JSON to post, byte for byte.
    """

    id: str
    agent_id: str
    transaction_id: str
    name: str
    url: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a step makes known about a transaction; None leaves a field as it is."""

    payment_status: PaymentStatus | None = None
    escrow_tx_hash: str | None = None
    response_payload: bytes | None = None
    delivery_proof: str | None = None
    delivered_at: int | None = None
    completed_at: int | None = None
    dispute_reason: str | None = None
    disputed_at: int | None = None
    dispute_outcome: DisputeOutcome | None = None
    buyer_percent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step of a transaction and everything that becomes true by it.

    `command` is applied to the transaction's hold, when it has one, in the same database transaction.
    """

    step: Step
    party: Party
    facts: Facts = Facts()
    command: MarkUnknown | Capture | Void | Expire | None = None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class TransactionQuery:
    """A page of the transactions that one caller may see, newest first.

    `agent_id` is the owner's or seller's agent; `session_id` narrows to what one session bought.
    """

    agent_id: str
    role: str = "all"
    session_id: str | None = None
    status: str | None = None
    limit: int = 20
    offset: int = 0


class LedgerStore(Protocol):
    """Where spends are decided and remembered."""

    async def place(self, transaction: Transaction, idempotency: Idempotency | None) -> Transaction | Refused:
        """Create a transaction and, when a session makes it, place its hold (`hold_id`): both or neither.

        The same idempotency key and fingerprint answer the transaction that was made first; the same
        key with another fingerprint is refused with `idempotency_mismatch`.
        """
        ...

    async def remembered(self, idempotency: Idempotency) -> Transaction | Refused | None:
        """The transaction that this key made, however long ago; None when the key is new.

        The same key with another fingerprint is refused with `idempotency_mismatch`, as in `place`.
        """
        ...

    async def change(self, transaction_id: str, change: Change) -> Transaction | Refused:
        """Take a step of a transaction that exists. A refused step changes nothing.

        An escrow_tx_hash that another transaction used is refused with `funding_replayed`.
        """
        ...

    async def mark_signed(self, transaction_id: str) -> None:
        """A payment for this transaction was signed: its open hold becomes unknown."""
        ...

    async def transaction(self, transaction_id: str) -> Transaction | None: ...

    async def transactions(self, query: TransactionQuery) -> tuple[list[Transaction], int]:
        """One page and the total count."""
        ...

    async def hold(self, hold_id: str) -> Hold | None: ...

    async def awaiting_proof(self, limit: int) -> list[Transaction]:
        """Unpaid transactions whose escrow the reconciler looks up: least recently looked up first.

        Includes checkouts that ended without payment for as long as the store keeps watching them
        (`late_watch_seconds`), because what is paid late is debited in any case.
        """
        ...

    async def looked_up(self, transaction_id: str) -> None:
        """Put the transaction at the end of the reconciler's queue."""
        ...

    async def unsettled(self, limit: int) -> list[Transaction]:
        """Paid transactions whose escrow may still change on chain (escrowed, processing, delivered, disputed).

        Least recently looked up first; `looked_up` puts them at the end too.
        """
        ...
