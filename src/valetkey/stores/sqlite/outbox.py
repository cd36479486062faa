"""Webhooks that wait to be sent. Sent and given up ones stay as a record of what was told to whom."""

from collections.abc import Iterable

import apsw

from valetkey.ports.ledger import Event
from valetkey.ports.outbox import Delivery
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.statements import row, rows, run

REASON_CHARS_MAX = 500

_DUE = (
    "SELECT seq, id, agent_id, transaction_id, name, url, body, attempts, queued_at FROM events"
    " WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at, seq LIMIT ?"
)

_CROWDED = (
    "SELECT agent_id FROM events WHERE state = 'waiting'"
    # Most of the time there are not even so many of all agents, which the index alone says.
    " AND EXISTS (SELECT 1 FROM events WHERE state = 'waiting' LIMIT 1 OFFSET ?1)"
    " GROUP BY agent_id HAVING count(*) > ?1"
)


def queue_events(db: apsw.Connection, now: int, events: Iterable[Event]) -> None:
    """Queue webhooks in the transaction that makes them true."""
    for event in events:
        db.execute(
            "INSERT INTO events (id, agent_id, transaction_id, name, url, body, queued_at, due_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                event.id,
                event.agent_id,
                event.transaction_id,
                event.name,
                event.url,
                event.body,
                now,
                now,
            ),
        )


class SqliteOutbox(Tables):
    """The outbox store on SQLite."""

    async def claim_due(self, limit: int, lease_seconds: int) -> list[Delivery]:
        """See ports/outbox.py. A claim counts as a try, so that what kills its sender is not tried for ever."""
        due = await self.next_due()
        # Looking every second at an idle queue must cost no write.
        if due is None or due > self._database.clock.now():
            return []
        return await self._database.write(lambda db, now: _claim(db, now, limit, lease_seconds))

    async def sent(self, event_id: str, http_status: int) -> None:
        """See ports/outbox.py."""
        await self._end(event_id, "sent", http_status, None)

    async def retry_at(self, event_id: str, at: int, reason: str) -> None:
        """See ports/outbox.py."""
        sql = "UPDATE events SET due_at = ?, reason = ? WHERE id = ? AND state = 'waiting'"
        values = (at, reason[:REASON_CHARS_MAX], event_id)
        await self._database.write(lambda db, _: run(db, sql, *values))

    async def gave_up(self, event_id: str, reason: str) -> None:
        """See ports/outbox.py."""
        await self._end(event_id, "gave_up", None, reason[:REASON_CHARS_MAX])

    async def next_due(self) -> int | None:
        """See ports/outbox.py; an event that somebody is sending is due when its lease ends."""
        found = await self._database.read(
            lambda db: row(db, "SELECT min(due_at) FROM events WHERE state = 'waiting'")
        )
        return found[0] if found else None

    async def crowded(self, waiting_max: int) -> frozenset[str]:
        """See ports/outbox.py."""
        found = await self._database.read(lambda db: rows(db, _CROWDED, waiting_max))
        return frozenset(agent_id for (agent_id,) in found)

    async def _end(self, event_id: str, state: str, http_status: int | None, reason: str | None) -> None:
        sql = (
            "UPDATE events SET state = ?, http_status = ?, reason = coalesce(?, reason), ended_at = ?"
            " WHERE id = ? AND state = 'waiting'"
        )
        await self._database.write(lambda db, now: run(db, sql, state, http_status, reason, now, event_id))


def _claim(db: apsw.Connection, now: int, limit: int, lease_seconds: int) -> list[Delivery]:
    due = rows(db, _DUE, now, limit)
    for found in due:
        sql = "UPDATE events SET due_at = ?, attempts = attempts + 1 WHERE seq = ?"
        db.execute(sql, (now + lease_seconds, found[0]))
    return [Delivery(Event(*found[1:7]), attempts=found[7], queued_at=found[8]) for found in due]
