"""The reconciler's queue: every transaction that the chain may still change has a turn, the lowest comes first."""

import apsw

from valetkey.core.transaction import Transaction
from valetkey.stores.sqlite.database import Database, Tables
from valetkey.stores.sqlite.rows import TRANSACTION, transaction_of
from valetkey.stores.sqlite.statements import row, rows, run

DAY_SECONDS = 86_400

LATE_WATCH_SECONDS = 7 * DAY_SECONDS
"""How long a checkout that ended unpaid is still looked up: what is paid late is debited in any case."""

_LEAVING_MAX = 500
"""How many transactions leave the queue in one write."""

_AWAITING = (
    f"SELECT {TRANSACTION} FROM transactions WHERE turn IS NOT NULL AND payment_status <> 'paid'"  # noqa: S608
    " AND status IN ('pending', 'abandoned') AND (status = 'pending' OR checkout_ends_at > ?)"
    " ORDER BY turn LIMIT ?"
)
_UNSETTLED = (
    f"SELECT {TRANSACTION} FROM transactions WHERE payment_status = 'paid'"  # noqa: S608 - constants of ours
    " AND status IN ('escrowed', 'processing', 'delivered', 'disputed') ORDER BY turn LIMIT ?"
)
_OVER = "turn IS NOT NULL AND payment_status <> 'paid' AND status = 'abandoned' AND checkout_ends_at <= ?"
_ANY_OVER = f"SELECT 1 FROM transactions WHERE {_OVER} LIMIT 1"  # noqa: S608 - constants of ours
_LEAVE = (
    "UPDATE transactions SET turn = NULL WHERE seq IN"  # noqa: S608 - constants of ours
    f" (SELECT seq FROM transactions WHERE {_OVER} ORDER BY checkout_ends_at LIMIT {_LEAVING_MAX})"
)


def next_turn(db: apsw.Connection) -> int:
    """The end of the queue, as it is now."""
    found = row(db, "UPDATE state SET turn = turn + 1 RETURNING turn")
    assert found is not None
    turn: int = found[0]
    return turn


def requeue(db: apsw.Connection, transaction_id: str) -> None:
    """Put a transaction that had left the queue at its end; one that is in it keeps its turn."""
    if rows(db, "SELECT 1 FROM transactions WHERE id = ? AND turn IS NULL", transaction_id):
        run(db, "UPDATE transactions SET turn = ? WHERE id = ?", next_turn(db), transaction_id)


class SqliteQueue(Tables):
    """The part of the ledger store that the reconciler works from."""

    def __init__(self, database: Database, *, late_watch_seconds: int = LATE_WATCH_SECONDS) -> None:
        super().__init__(database)
        self._late_watch_seconds = late_watch_seconds

    async def awaiting_proof(self, limit: int) -> list[Transaction]:
        """See ports/ledger.py. A transaction is queued as it is made, so that new ones never starve old ones."""
        watched_after = self._database.clock.now() - self._late_watch_seconds

        def look(db: apsw.Connection) -> tuple[list[Transaction], bool]:
            found = rows(db, _AWAITING, watched_after, limit)
            return [transaction_of(one) for one in found], row(db, _ANY_OVER, watched_after) is not None

        waiting, some_leave = await self._database.read(look)
        if some_leave:
            # Otherwise they would be passed over at the head of the queue by every look, for ever.
            await self._database.write(lambda db, _: run(db, _LEAVE, watched_after))
        return waiting

    async def looked_up(self, transaction_id: str) -> None:
        """See ports/ledger.py."""

        def work(db: apsw.Connection, _: int) -> None:
            sql = "UPDATE transactions SET turn = ? WHERE id = ? AND turn IS NOT NULL"
            db.execute(sql, (next_turn(db), transaction_id))

        await self._database.write(work)

    async def unsettled(self, limit: int) -> list[Transaction]:
        """See ports/ledger.py."""
        found = await self._database.read(lambda db: rows(db, _UNSETTLED, limit))
        return [transaction_of(one) for one in found]
