"""The reconciler's queue: every transaction that the chain may still change has the time of its next look.

Its classes and their order are those of stores/sqlite/queue.py. What one process took is another one's after its lease.
"""

from valetkey.ports.ledger import BUYER_LOOKS_PER_SECOND, Waiting
from valetkey.stores.postgres.columns import BOUGHT
from valetkey.stores.postgres.crowds import CROWD_MAX, PENDING, SIGNED, UNSETTLED
from valetkey.stores.postgres.database import Database, Tables
from valetkey.stores.rows import transaction_of
from valetkey.stores.waiting import LATE_WATCH_SECONDS, shares

_LEAVING_MAX = 1_000
"""How many transactions leave the queue in one write."""

# S608: the parts of these statements are constants of ours.
_COLUMNS = BOUGHT.replace("t.request_payload", "NULL").replace("t.response_payload", "NULL")
_DUE = "SELECT buyer_id, transaction_id FROM waiting WHERE queue = $1 AND look_at <= $2 ORDER BY look_at, seq LIMIT $3"
_DUE_ENDED = (
    "SELECT buyer_id, transaction_id FROM waiting WHERE queue = 'ended' AND look_at <= $1 AND checkout_ends_at > $2"
    " ORDER BY look_at, seq LIMIT $3"
)
_LEAVE = (
    "DELETE FROM waiting WHERE (buyer_id, transaction_id) IN (SELECT buyer_id, transaction_id FROM waiting"
    " WHERE queue = 'ended' AND checkout_ends_at <= $1 ORDER BY checkout_ends_at LIMIT $2 FOR UPDATE SKIP LOCKED)"
)
_LEASE = (
    "UPDATE waiting AS w SET look_at = $1 FROM (SELECT buyer_id, transaction_id FROM waiting"
    " WHERE (buyer_id, transaction_id) IN (SELECT * FROM unnest($2::text[], $3::text[])) AND look_at <= $4"
    " FOR UPDATE SKIP LOCKED) AS due WHERE w.buyer_id = due.buyer_id AND w.transaction_id = due.transaction_id"
    " RETURNING w.transaction_id"
)
_LOOK = (
    f"SELECT {_COLUMNS} FROM transactions t WHERE (t.buyer_id, t.id) IN"  # noqa: S608
    " (SELECT * FROM unnest($1::text[], $2::text[]))"
)
_AGAIN = (
    "UPDATE waiting AS w SET look_at = greatest($2, $3 + (SELECT count(*) FROM (SELECT 1 FROM waiting c"
    " WHERE c.buyer_id = w.buyer_id AND c.queue = w.queue LIMIT $4) AS crowd) / $5)"
    " WHERE w.buyer_id = $6 AND w.transaction_id = $1"
)


class PostgresQueue(Tables):
    """The part of the ledger store that the reconciler works from."""

    def __init__(self, database: Database, *, late_watch_seconds: int = LATE_WATCH_SECONDS) -> None:
        super().__init__(database)
        self._late_watch_seconds = late_watch_seconds

    async def awaiting_proof(self, limit: int, lease_seconds: int = 0) -> list[Waiting]:
        """See ports/ledger.py."""
        now = self._database.clock.now()
        watched_after = now - self._late_watch_seconds
        classes = (
            await self._database.rows(_DUE, SIGNED, now, limit),
            await self._database.rows(_DUE, PENDING, now, limit),
            await self._database.rows(_DUE_ENDED, now, watched_after, limit),
        )
        over = "SELECT 1 FROM waiting WHERE queue = 'ended' AND checkout_ends_at <= $1 LIMIT 1"
        if await self._database.row(over, watched_after) is not None:
            # Otherwise they would be passed over by every look, for ever.
            await self._database.rows(_LEAVE, watched_after, _LEAVING_MAX)
        counts = shares([len(due) for due in classes], limit)
        due = [
            (buyer_id, transaction_id, number == 0)
            for number, found in enumerate(classes)
            for buyer_id, transaction_id in found[: counts[number]]
        ]
        return await self._taken(due, now, lease_seconds)

    async def unsettled(self, limit: int, lease_seconds: int = 0) -> list[Waiting]:
        """See ports/ledger.py."""
        now = self._database.clock.now()
        due = await self._database.rows(_DUE, UNSETTLED, now, limit)
        return await self._taken([(*one, False) for one in due], now, lease_seconds)

    async def looked_up(self, transaction_id: str, again_at: int) -> None:
        """See ports/ledger.py."""
        place = await self._database.find_transaction(transaction_id)
        if place is None:
            return
        now = self._database.clock.now()
        await self._database.rows(
            _AGAIN, transaction_id, again_at, now, CROWD_MAX, BUYER_LOOKS_PER_SECOND, place.owner_id
        )

    async def _taken(self, due: list[tuple[str, str, bool]], now: int, lease_seconds: int) -> list[Waiting]:
        """What is due, leased: another process that looks meanwhile gets the rest."""
        if not due:
            # Looking every second at nothing must cost no write.
            return []
        buyers, names = [one[0] for one in due], [one[1] for one in due]
        if lease_seconds:
            leased = await self._database.rows(_LEASE, now + lease_seconds, buyers, names, now)
            mine = {name for (name,) in leased}
        else:
            mine = set(names)
        found = {one.id: one for one in map(transaction_of, await self._database.rows(_LOOK, buyers, names))}
        return [Waiting(found[name], is_signed, now) for _, name, is_signed in due if name in mine]
