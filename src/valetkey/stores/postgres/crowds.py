"""What follows from a transaction's steps: its place in the reconciler's queue, and what is known of its service.

The rules are those of stores/sqlite/queue.py and standing.py; what is changed is written with the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from valetkey.core.transaction import UNDISPUTED, PaymentStatus, Transaction, TransactionStatus
from valetkey.ports.ledger import BUYER_LOOKS_PER_SECOND
from valetkey.stores.postgres.overlay import Missing, Rows, Wanted

SIGNED, PENDING, ENDED, UNSETTLED = "signed", "pending", "ended", "unsettled"

CROWD_MAX = 4_000
"""A crowd is counted up to here: what waits behind it is looked up after half an hour, however much more waits."""

_UNSETTLED = UNDISPUTED | {TransactionStatus.DISPUTED}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a transaction waits: its queue and, when it changes, the time of its next look (unix seconds)."""

    queue: str
    look_at: int | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What a step made known about a service."""

    service_id: str
    completed: int
    responses: int
    response_ms: int


class Crowds:
    """The part of the book that follows purchases."""

    def __init__(self, rows: Callable[[], Rows[Any, Any]]) -> None:
        self.waiting: Rows[str, Place | None] = rows()
        self.crowds: Rows[str, int] = rows()
        self.news: Rows[int, News] = rows()

    def enqueue(self, transaction: Transaction, now: int) -> None:
        """A transaction that was made: it is due now, or later when its buyer has many."""
        self.waiting.load(transaction.id, None)
        self._move(transaction.id, PENDING, now)

    def announced(self, transaction: Transaction, now: int) -> None:
        """A payment was announced: its transaction passes those that only wait. Again, it changes nothing."""
        place = self._place(transaction.id)
        if place is not None and place.queue == PENDING:
            self._move(transaction.id, SIGNED, now)

    def follow_status(self, before: Transaction, after: Transaction, now: int) -> None:
        """What the chain may still change stays in the queue: a new status brings a look, the last one ends them."""
        if before.status is after.status:
            return
        if after.payment_status is PaymentStatus.PAID and after.status in _UNSETTLED:
            self._move(after.id, UNSETTLED, now)
        elif after.payment_status is not PaymentStatus.PAID and after.status is TransactionStatus.ABANDONED:
            # It was looked up to be ended; its next look stays when it was to be.
            place = self._place(after.id)
            if place is not None:
                self._count(place.queue, -1)
                self.waiting.put(after.id, Place(ENDED, place.look_at))
                self._count(ENDED, 1)
        else:
            place = self._place(after.id)
            if place is not None:
                self._count(place.queue, -1)
                self.waiting.put(after.id, None)

    def follow_step(self, before: Transaction, after: Transaction, funded_at: int | None) -> None:
        """Count a completion, and the time from payment to the first delivery."""
        if before.status is after.status:
            return
        completed = int(after.status is TransactionStatus.COMPLETED)
        responses = int(before.delivered_at is None and after.delivered_at is not None)
        taken = 0
        if responses:
            assert after.delivered_at is not None
            since = after.delivered_at if funded_at is None else funded_at
            taken = 1_000 * max(0, after.delivered_at - since)
        if completed or responses:
            self.news.put(len(self.news.changed), News(after.service_id, completed, responses, taken))

    def _place(self, transaction_id: str) -> Place | None:
        if transaction_id not in self.waiting:
            raise Missing(Wanted(transactions={transaction_id}))
        return self.waiting[transaction_id]

    def _move(self, transaction_id: str, queue: str, now: int) -> None:
        before = self._place(transaction_id)
        if queue not in self.crowds:
            raise Missing(Wanted(crowds=True))
        # What waits of the buyer already is looked up at the buyer's rate.
        look_at = now + self.crowds[queue] // BUYER_LOOKS_PER_SECOND
        if before is not None:
            self._count(before.queue, -1)
        self.waiting.put(transaction_id, Place(queue, look_at))
        self._count(queue, 1)

    def _count(self, queue: str, more: int) -> None:
        if queue in self.crowds:
            self.crowds.put(queue, max(0, self.crowds[queue] + more))
