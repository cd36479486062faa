"""The reconciler's queue: every transaction that the chain may still change has the time of its next look.

Its rows are of four classes (`queue`), each read through one index, however many wait.
"""

from collections.abc import Sequence

import apsw

from valetkey.core.transaction import UNDISPUTED, PaymentStatus, Transaction, TransactionStatus
from valetkey.ports.ledger import BUYER_LOOKS_PER_SECOND, Waiting
from valetkey.stores.rows import TRANSACTION, transaction_of
from valetkey.stores.sqlite.database import Database, Tables
from valetkey.stores.sqlite.statements import row, rows, run
from valetkey.stores.waiting import LATE_WATCH_SECONDS, shares

_LEAVING_MAX = 1_000
"""How many transactions leave the queue in one write."""

SIGNED, PENDING, ENDED, UNSETTLED = "signed", "pending", "ended", "unsettled"

_COLUMNS = TRANSACTION.replace("request_payload", "NULL").replace("response_payload", "NULL")
_LOOK = f"SELECT {_COLUMNS} FROM transactions WHERE seq = ?"  # noqa: S608 - constants of ours
_DUE = "SELECT seq FROM waiting WHERE queue = ? AND look_at <= ? ORDER BY look_at, seq LIMIT ?"
_DUE_ENDED = (
    "SELECT seq FROM waiting WHERE queue = 'ended' AND look_at <= ? AND checkout_ends_at > ?"
    " ORDER BY look_at, seq LIMIT ?"
)
_OVER = "waiting INDEXED BY waiting_watched WHERE queue = 'ended' AND checkout_ends_at <= ?"
_ANY_OVER = f"SELECT 1 FROM {_OVER} LIMIT 1"  # noqa: S608 - constants of ours
_LEAVE = (
    "DELETE FROM waiting WHERE seq IN"  # noqa: S608 - constants of ours
    f" (SELECT seq FROM {_OVER} ORDER BY checkout_ends_at LIMIT {_LEAVING_MAX})"
)
_ENQUEUE = (
    "INSERT INTO waiting (seq, buyer_id, queue, look_at, checkout_ends_at)"
    " SELECT seq, buyer_id, ?, ?, checkout_ends_at FROM transactions WHERE id = ?"
    " ON CONFLICT (seq) DO UPDATE SET queue = excluded.queue, look_at = excluded.look_at"
)
_SEQ = "seq = (SELECT seq FROM transactions WHERE id = ?)"


def enqueue(db: apsw.Connection, now: int, transaction: Transaction) -> None:
    """A transaction that was made: it is due now, or later when its buyer has many."""
    run(db, _ENQUEUE, PENDING, _soonest(db, now, transaction.buyer_id, PENDING), transaction.id)


def signed(db: apsw.Connection, now: int, transaction: Transaction) -> None:
    """A payment was announced: its transaction passes those that only wait. Announcing it again changes nothing."""
    if rows(db, f"SELECT 1 FROM waiting WHERE {_SEQ} AND queue = 'pending'", transaction.id):  # noqa: S608
        run(db, _ENQUEUE, SIGNED, _soonest(db, now, transaction.buyer_id, SIGNED), transaction.id)


def follow_status(db: apsw.Connection, now: int, before: Transaction, after: Transaction) -> None:
    """What the chain may still change stays in the queue: a new status brings a look, the last one ends them."""
    if before.status is after.status:
        return
    if after.payment_status is PaymentStatus.PAID and after.status in _UNSETTLED:
        run(db, _ENQUEUE, UNSETTLED, _soonest(db, now, after.buyer_id, UNSETTLED), after.id)
    elif after.payment_status is not PaymentStatus.PAID and after.status is TransactionStatus.ABANDONED:
        # It was looked up to be ended; its next look stays when it was to be.
        run(db, f"UPDATE waiting SET queue = 'ended' WHERE {_SEQ}", after.id)  # noqa: S608 - constants of ours
    else:
        run(db, f"DELETE FROM waiting WHERE {_SEQ}", after.id)  # noqa: S608 - constants of ours


class SqliteQueue(Tables):
    """The part of the ledger store that the reconciler works from."""

    def __init__(self, database: Database, *, late_watch_seconds: int = LATE_WATCH_SECONDS) -> None:
        super().__init__(database)
        self._late_watch_seconds = late_watch_seconds

    async def awaiting_proof(self, limit: int, lease_seconds: int = 0) -> list[Waiting]:
        """See ports/ledger.py."""
        now = self._database.clock.now()
        watched_after = now - self._late_watch_seconds

        def look(db: apsw.Connection) -> tuple[list[tuple[int, bool]], bool]:
            classes = (
                rows(db, _DUE, SIGNED, now, limit),
                rows(db, _DUE, PENDING, now, limit),
                rows(db, _DUE_ENDED, now, watched_after, limit),
            )
            counts = shares([len(due) for due in classes], limit)
            found = [
                (seq, number == 0) for number, due in enumerate(classes) for (seq,) in due[: counts[number]]
            ]
            return found, row(db, _ANY_OVER, watched_after) is not None

        due, some_leave = await self._database.read(look)
        if some_leave:
            # Otherwise they would be passed over by every look, for ever.
            await self._database.write(lambda db, _: run(db, _LEAVE, watched_after))
        return await self._taken(due, now, lease_seconds)

    async def _taken(self, due: Sequence[tuple[int, bool]], now: int, lease_seconds: int) -> list[Waiting]:
        """What is due, leased: another process that looks meanwhile gets the rest."""
        if not due:
            # Looking every second at nothing must cost no write.
            return []
        if not lease_seconds:
            return await self._database.read(
                lambda db: [_waiting(db, seq, is_signed, now) for seq, is_signed in due]
            )

        def take(db: apsw.Connection, _: int) -> list[Waiting]:
            taken = []
            for seq, is_signed in due:
                sql = "UPDATE waiting SET look_at = ? WHERE seq = ? AND look_at <= ?"
                db.execute(sql, (now + lease_seconds, seq, now))
                if db.changes():
                    taken.append(_waiting(db, seq, is_signed, now))
            return taken

        return await self._database.write(take)

    async def looked_up(self, transaction_id: str, again_at: int) -> None:
        """See ports/ledger.py."""

        def work(db: apsw.Connection, now: int) -> None:
            sql = f"SELECT seq, buyer_id, queue FROM waiting WHERE {_SEQ}"  # noqa: S608 - constants of ours
            for seq, buyer_id, queue in rows(db, sql, transaction_id):
                look_at = max(again_at, _soonest(db, now, buyer_id, queue))
                run(db, "UPDATE waiting SET look_at = ? WHERE seq = ?", look_at, seq)

        await self._database.write(work)

    async def unsettled(self, limit: int, lease_seconds: int = 0) -> list[Waiting]:
        """See ports/ledger.py."""
        now = self._database.clock.now()
        due = await self._database.read(lambda db: rows(db, _DUE, UNSETTLED, now, limit))
        return await self._taken([(seq, False) for (seq,) in due], now, lease_seconds)


_UNSETTLED = UNDISPUTED | {TransactionStatus.DISPUTED}


def _soonest(db: apsw.Connection, now: int, buyer_id: str, queue: str) -> int:
    """When a buyer's next look of a class may be: what waits of it already is looked up at the buyer's rate."""
    found = row(db, "SELECT count FROM crowds WHERE buyer_id = ? AND queue = ?", buyer_id, queue)
    crowd: int = found[0] if found else 0
    return now + crowd // BUYER_LOOKS_PER_SECOND


def _waiting(db: apsw.Connection, seq: int, is_signed: bool, now: int) -> Waiting:
    found = row(db, _LOOK, seq)
    assert found is not None, "what waits is a transaction"
    return Waiting(transaction_of(found), is_signed, now)
