"""Webhooks that wait to be sent. Sent and given up ones stay as a record of what was told to whom."""

from valetkey.ports.ledger import Event
from valetkey.ports.outbox import Delivery
from valetkey.stores.postgres.database import Tables

REASON_CHARS_MAX = 500

_CLAIM = (
    "UPDATE events AS e SET due_at = $1, attempts = e.attempts + 1 FROM (SELECT owner_id, id, due_at AS was, seq"
    " FROM events WHERE state = 'waiting' AND due_at <= $2 ORDER BY due_at, seq LIMIT $3"
    " FOR UPDATE SKIP LOCKED) AS due WHERE e.owner_id = due.owner_id AND e.id = due.id"
    " RETURNING due.was, due.seq, e.id, e.agent_id, e.transaction_id, e.name, e.url, e.body, e.attempts - 1,"
    " e.queued_at"
)
_CROWDED = (
    "SELECT agent_id FROM events WHERE state = 'waiting'"
    # Most of the time there are not even so many of all agents, which the index alone says.
    " AND EXISTS (SELECT 1 FROM events WHERE state = 'waiting' LIMIT 1 OFFSET $1)"
    " GROUP BY agent_id HAVING count(*) > $1"
)


class PostgresOutbox(Tables):
    """The outbox store on PostgreSQL."""

    async def claim_due(self, limit: int, lease_seconds: int) -> list[Delivery]:
        """See ports/outbox.py. A claim counts as a try, so that what kills its sender is not tried for ever."""
        now = self._database.clock.now()
        due = await self.next_due()
        # Looking every second at an idle queue must cost no write.
        if due is None or due > now:
            return []
        claimed = await self._database.rows(_CLAIM, now + lease_seconds, now, limit)
        ordered = sorted(claimed, key=lambda one: (one[0], one[1]))
        return [Delivery(Event(*one[2:8]), attempts=one[8], queued_at=one[9]) for one in ordered]

    async def sent(self, event_id: str, http_status: int) -> None:
        """See ports/outbox.py."""
        await self._end(event_id, "sent", http_status, None)

    async def retry_at(self, event_id: str, at: int, reason: str) -> None:
        """See ports/outbox.py."""
        sql = "UPDATE events SET due_at = $1, reason = $2 WHERE id = $3 AND state = 'waiting'"
        await self._database.rows(sql, at, reason[:REASON_CHARS_MAX], event_id)

    async def gave_up(self, event_id: str, reason: str) -> None:
        """See ports/outbox.py."""
        await self._end(event_id, "gave_up", None, reason[:REASON_CHARS_MAX])

    async def next_due(self) -> int | None:
        """See ports/outbox.py; an event that somebody is sending is due when its lease ends."""
        found = await self._database.row("SELECT min(due_at) FROM events WHERE state = 'waiting'")
        return found[0] if found else None

    async def crowded(self, waiting_max: int) -> frozenset[str]:
        """See ports/outbox.py."""
        found = await self._database.rows(_CROWDED, waiting_max)
        return frozenset(agent_id for (agent_id,) in found)

    async def _end(self, event_id: str, state: str, http_status: int | None, reason: str | None) -> None:
        sql = (
            "UPDATE events SET state = $1, http_status = $2, reason = coalesce($3, reason), ended_at = $4"
            " WHERE id = $5 AND state = 'waiting'"
        )
        await self._database.rows(sql, state, http_status, reason, self._database.clock.now(), event_id)
