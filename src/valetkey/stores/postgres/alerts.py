"""Alerts on PostgreSQL. stores/book/alerting.py decides what is raised, under the lock of the session's tree."""

from collections.abc import Callable
from typing import TypeVar

from valetkey.core.alerts import Alert
from valetkey.ports.alerts import AlertQuery, Telling
from valetkey.stores.alert_rows import ALERT, alert_of
from valetkey.stores.book import alerting
from valetkey.stores.damage import readable
from valetkey.stores.postgres.book import PostgresBook
from valetkey.stores.postgres.database import Tables
from valetkey.stores.postgres.overlay import Wanted
from valetkey.stores.postgres.schema_of_alerts import WARN_AT

T = TypeVar("T")

# S608: the parts of these statements are constants of ours.
_ENDING = (
    f"SELECT id FROM sessions WHERE revoked_at IS NULL AND warned_for <> expires_at AND {WARN_AT} <= $1"  # noqa: S608
    f" ORDER BY {WARN_AT} LIMIT $2"
)
_LATELY = "SELECT DISTINCT session_id FROM tallies WHERE fresh LIMIT $1"
_ACKNOWLEDGE = (
    "UPDATE alerts SET acknowledged_at = $1, acknowledged_by = $2"
    " WHERE owner_id = $3 AND id = $4 AND acknowledged_at IS NULL"
)
_ONE = f"SELECT {ALERT} FROM alerts WHERE owner_id = $1 AND id = $2"  # noqa: S608


class PostgresAlerts(Tables):
    """The store of alerts on PostgreSQL."""

    def tell_alerts(self, telling: Telling) -> None:
        """See ports/alerts.py."""
        self._database.tellings.alerts = telling

    async def alerts(self, query: AlertQuery) -> tuple[list[Alert], int]:
        """See ports/alerts.py."""
        where, values = ["owner_id = $1"], [query.owner_id]
        for name, value in (("session_id", query.session_id), ("kind", query.kind)):
            if value is not None:
                values.append(value)
                where.append(f"{name} = ${len(values)}")
        if query.is_open is not None:
            where.append(f"acknowledged_at IS {'' if query.is_open else 'NOT '}NULL")
        condition, paged = " AND ".join(where), [*values, query.limit, query.offset]
        count = await self._database.row(f"SELECT count(*) FROM alerts WHERE {condition}", *values)  # noqa: S608
        assert count is not None
        found = await self._database.rows(
            f"SELECT {ALERT} FROM alerts WHERE {condition} ORDER BY seq DESC"  # noqa: S608
            f" LIMIT ${len(values) + 1} OFFSET ${len(values) + 2}",
            *paged,
        )
        return readable(alert_of, found), count[0]

    async def acknowledge_alert(self, owner_id: str, alert_id: str, by: str) -> Alert | None:
        """See ports/alerts.py."""
        await self._database.rows(_ACKNOWLEDGE, self._database.clock.now(), by, owner_id, alert_id)
        found = await self._database.row(_ONE, owner_id, alert_id)
        return alert_of(found) if found else None

    async def ending_soon(self, limit: int) -> list[str]:
        """See ports/alerts.py."""
        found = await self._database.rows(_ENDING, self._database.clock.now(), limit)
        return [one for (one,) in found]

    async def look_at_end(self, session_id: str) -> Alert | None:
        """See ports/alerts.py."""
        return await self._look(session_id, lambda book: alerting.look_at_end(book, session_id))

    async def spending_lately(self, limit: int) -> list[str]:
        """See ports/alerts.py."""
        return [one for (one,) in await self._database.rows(_LATELY, limit)]

    async def look_at_pace(self, session_id: str) -> list[Alert]:
        """See ports/alerts.py."""
        return await self._look(session_id, lambda book: alerting.look_at_pace(book, session_id))

    async def _look(self, session_id: str, work: Callable[[PostgresBook], T]) -> T:
        place = await self._database.session_place(session_id)
        wanted = Wanted(sessions={session_id})
        return await self._database.batch(place.owner_id, frozenset({place.tree_id}), work, wanted)
