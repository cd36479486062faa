"""The ledger store: holds, and the transactions they pay for, always written together.

A store locks the facts, calls `core.ledger.apply` and `core.transaction.take`, and writes; it decides
nothing. Every method is one database transaction, durable when it returns; none calls a chain or a host.
"""

from dataclasses import dataclass
from typing import Protocol

from valetkey.core.commands import Capture, Command, Expire, MarkUnknown, Refund, Void
from valetkey.core.escrow import DisputeOutcome
from valetkey.core.refusal import Refused
from valetkey.core.spend import Hold, SpendRequest
from valetkey.core.transaction import Party, PaymentStatus, Step, Transaction
from valetkey.core.value import value


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A caller's key for a write, in the caller's own scope, with its body's fingerprint."""

    scope: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """A webhook to send, queued in the database transaction of the change it reports.

    `agent_id` is the receiver, whose secret signs it. `transaction_id` is what it is about: a purchase, or a hold.
    `body` is the JSON to post, byte for byte.
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
    command: MarkUnknown | Capture | Void | Expire | Refund | None = None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Asking:
    """How a spend may wait for the owner's approval: until when (unix seconds), and what the owner is told of it.

    `events` are queued when the hold becomes pending, and name the hold by the id that was given with the spend.
    """

    ends_at: int
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Payment:
    """What was signed or submitted for a hold. It is stored before it is sent, and a retry sends the same bytes.

    `reference` finds it on its chain, such as a transaction's hash; None when only its payload is known.
    """

    payload: bytes
    reference: str | None = None


@value
@dataclass(frozen=True, slots=True)
class Spend:
    """A spend that is no purchase of the market: what is asked for, and until when it is held (unix seconds)."""

    session_id: str
    hold_id: str
    request: SpendRequest
    expires_at: int
    note: str | None = None


@value
@dataclass(frozen=True, slots=True)
class SpendRecord:
    """A hold and what is kept beside it. `transaction_id` is the purchase that it pays for, when it is one."""

    hold: Hold
    owner_id: str
    note: str | None = None
    payment: Payment | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class SpendQuery:
    """A page of an owner's spends, newest first; of one session, and in one state, when they are given."""

    owner_id: str
    session_id: str | None = None
    state: str | None = None
    limit: int = 20
    offset: int = 0


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
    """Where spends are decided and remembered. Every decision is in the audit log of its tree when it is answered."""

    async def place(
        self, transaction: Transaction, idempotency: Idempotency | None, asking: Asking | None = None
    ) -> Transaction | Refused:
        """Create a transaction and, when a session makes it, place its hold (`hold_id`): both or neither.

        The same idempotency key and fingerprint answer the transaction that was made first; the same
        key with another fingerprint is refused with `idempotency_mismatch`. A purchase above a threshold is
        refused with `approval_required` and its hold waits; the same purchase made again after the approval
        executes that hold.
        """
        ...

    async def hold_spend(
        self, spend: Spend, idempotency: Idempotency | None, asking: Asking | None = None
    ) -> SpendRecord | Refused:
        """Place the hold of a spend that is no purchase; as `place`, but one that waits for approval is answered."""
        ...

    async def settle(
        self,
        hold_id: str,
        command: Command,
        *,
        by: str,
        payment: Payment | None = None,
        events: tuple[Event, ...] = (),
    ) -> SpendRecord | Refused:
        """Apply a command to a hold. `by` is who asked: the audit log says so. A refused one changes nothing.

        `payment` is kept with the hold; another payload for a hold that has one is a Contradiction.
        """
        ...

    async def observe(self, spend: Spend, *, by: str) -> SpendRecord:
        """Debit what moved without having been asked for (core.commands.Observe), once for each `hold_id`.

        Also of a session that ended. `expires_at` is not looked at. Raises Contradiction when there is no such session.
        """
        ...

    async def spend_of_reference(self, session_id: str, reference: str) -> SpendRecord | None:
        """The hold of a session whose payment has this reference; the newest of several."""
        ...

    async def unnamed_purchases(self, session_id: str, limit: int) -> list[Transaction]:
        """What a session bought whose payment's hash is not known, newest first; payloads are left out (None)."""
        ...

    async def paid_by(self, tx_hash: str) -> str | None:
        """The id of the purchase that a chain transaction is known to have paid for."""
        ...

    async def spend_record(self, hold_id: str) -> SpendRecord | None: ...

    async def spends(self, query: SpendQuery) -> tuple[list[SpendRecord], int]:
        """One page and the total count."""
        ...

    async def lapsed(self, limit: int) -> list[str]:
        """Ids of holds that nothing can have been paid from and whose end has come: `Lapse` gives their money back."""
        ...

    async def unproven(self, limit: int, lease_seconds: int) -> list[SpendRecord]:
        """Unknown holds that are no purchases and are due for a look; no other replica gets them during the lease."""
        ...

    async def oldest_unknown(self) -> int | None:
        """Since when (unix seconds) the oldest unknown hold has been held; None when there is none."""
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

    async def awaiting_proof(self, limit: int, lease_seconds: int = 0) -> list[Waiting]:
        """Unpaid transactions that are due for a look: signed payments first, then pending ones, then ended ones.

        In each class what has been due longest comes first, and each lower class keeps a share of the batch.
        Checkouts that ended without payment are watched for `late_watch_seconds`, because what is paid late
        is debited in any case. A transaction is due when it is made, when its payment was signed, and from
        then on when `looked_up` says; in a crowd of the same buyer and class later, so that nobody's purchases
        push others' back (BUYER_LOOKS_PER_SECOND). No other replica gets what was given here during the lease.
        """
        ...

    async def looked_up(self, transaction_id: str, again_at: int) -> None:
        """Set the time of the next look, unix seconds; nothing for a transaction that needs none any more."""
        ...

    async def unsettled(self, limit: int, lease_seconds: int = 0) -> list[Waiting]:
        """Paid transactions that are due for a look: the chain may still change them, until they are over.

        (escrowed, processing, delivered, disputed.) What has been due longest comes first. A change of status
        makes them due at once, and `looked_up` says when again.
        """
        ...
