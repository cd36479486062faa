"""Alerts on SQLite. stores/book/alerting.py decides what is raised."""

import apsw

from valetkey.core.alerts import Alert
from valetkey.ports.alerts import AlertQuery, Telling
from valetkey.stores.alert_rows import ALERT, alert_of
from valetkey.stores.book import alerting
from valetkey.stores.damage import readable
from valetkey.stores.rows import Value
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.statements import row, rows
from valetkey.stores.sqlite.text import page

# S608: the parts of these statements are constants of ours.
_ALERTS = f"SELECT {ALERT} FROM alerts "  # noqa: S608
_ONE = f"{_ALERTS}WHERE owner_id = ? AND id = ?"
_ENDING = (
    "SELECT id FROM sessions WHERE revoked_at IS NULL AND warned_for <> expires_at AND warn_at <= ?"
    " ORDER BY warn_at LIMIT ?"
)
_LATELY = "SELECT DISTINCT session_id FROM tallies WHERE fresh = 1 LIMIT ?"


class SqliteAlerts(Tables):
    """The store of alerts on SQLite."""

    def tell_alerts(self, telling: Telling) -> None:
        """See ports/alerts.py."""
        self._database.tellings.alerts = telling

    async def alerts(self, query: AlertQuery) -> tuple[list[Alert], int]:
        """See ports/alerts.py."""
        where, values = ["owner_id = :owner"], {"owner": query.owner_id}
        for name, value in (("session_id", query.session_id), ("kind", query.kind)):
            if value is not None:
                where.append(f"{name} = :{name}")
                values[name] = value
        if query.is_open is not None:
            where.append(f"acknowledged_at IS {'' if query.is_open else 'NOT '}NULL")
        named: dict[str, Value] = dict(values)
        found, total = await self._database.read(
            lambda db: page(db, _ALERTS, "alerts", where, named, "seq DESC", query.limit, query.offset)
        )
        return readable(alert_of, found), total

    async def acknowledge_alert(self, owner_id: str, alert_id: str, by: str) -> Alert | None:
        """See ports/alerts.py."""

        def work(db: apsw.Connection, now: int) -> Alert | None:
            sql = (
                "UPDATE alerts SET acknowledged_at = ?, acknowledged_by = ?"
                " WHERE owner_id = ? AND id = ? AND acknowledged_at IS NULL"
            )
            db.execute(sql, (now, by, owner_id, alert_id))
            found = row(db, _ONE, owner_id, alert_id)
            return alert_of(found) if found else None

        return await self._database.write(work)

    async def ending_soon(self, limit: int) -> list[str]:
        """See ports/alerts.py."""
        now = self._database.clock.now()
        return [one for (one,) in await self._database.read(lambda db: rows(db, _ENDING, now, limit))]

    async def look_at_end(self, session_id: str) -> Alert | None:
        """See ports/alerts.py."""
        return await self._database.keep(lambda book: alerting.look_at_end(book, session_id))

    async def spending_lately(self, limit: int) -> list[str]:
        """See ports/alerts.py."""
        return [one for (one,) in await self._database.read(lambda db: rows(db, _LATELY, limit))]

    async def look_at_pace(self, session_id: str) -> list[Alert]:
        """See ports/alerts.py."""
        return await self._database.keep(lambda book: alerting.look_at_pace(book, session_id))
