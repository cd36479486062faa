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


PAGE_BYTES_MAX = 2_000_000
"""Bytes of payloads on one page of transactions; a page with one transaction may be longer."""

BUYER_LOOKS_PER_SECOND = 2
"""How often the reconciler looks for one buyer, in each class of what waits, however much of it waits."""


@dataclass(frozen=True, slots=True)
class TransactionQuery:
    """A page of the transactions that one caller may see, newest first; what a seller has to deliver, oldest first.

    `agent_id` is the owner's or seller's agent; `session_id` narrows to what one session bought, `service_ids` to
    what was bought of some services.
    """

    agent_id: str
    role: str = "all"
    session_id: str | None = None
    service_ids: frozenset[str] | None = None
    status: str | None = None
    limit: int = 20
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A transaction whose escrow is to be looked up now; its payloads are left out (None).

    `signed`: a payment for it was announced, and its outcome is not proven. `now` is the store's time of this
    answer, in unix seconds.
    """

    transaction: Transaction
    signed: bool
    now: int


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
        """A payment for this transaction was signed: its open hold becomes unknown, and it is looked up soon."""
        ...

    async def transaction(self, transaction_id: str) -> Transaction | None: ...

    async def transactions(self, query: TransactionQuery) -> tuple[list[Transaction], int]:
        """One page and the total count.

        A page ends early where its payloads pass PAGE_BYTES_MAX, but not before its first transaction.
        """
        ...

    async def hold(self, hold_id: str) -> Hold | None: ...

    async def awaiting_proof(self, limit: int) -> list[Waiting]:
        """Unpaid transactions that are due for a look: signed payments first, then pending ones, then ended ones.

        In each class what has been due longest comes first, and each lower class keeps a share of the batch.
        Checkouts that ended without payment are watched for `late_watch_seconds`, because what is paid late
        is debited in any case. A transaction is due when it is made, when its payment was signed, and from
        then on when `looked_up` says; in a crowd of the same buyer and class later, so that nobody's purchases
        push others' back (BUYER_LOOKS_PER_SECOND).
        """
        ...

    async def looked_up(self, transaction_id: str, again_at: int) -> None:
        """Set the time of the next look, unix seconds; nothing for a transaction that needs none any more."""
        ...

    async def unsettled(self, limit: int) -> list[Waiting]:
        """Paid transactions that are due for a look: the chain may still change them, until they are over.

        (escrowed, processing, delivered, disputed.) What has been due longest comes first. A change of status
        makes them due at once, and `looked_up` says when again.
        """
        ...
