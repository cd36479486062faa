"""What an owner is told of its sessions without having asked: alerts."""

from collections.abc import AsyncGenerator

from valetkey.core.alerts import AlertKind
from valetkey.core.errors import InvalidInput
from valetkey.sdk._async.agent import AsyncAgent, segment
from valetkey.sdk.session_info import SessionInfo
from valetkey.wire.alerts import AlertPage, AlertView

PAGE = 100


class AsyncAlerts(AsyncAgent):
    """The part of an owner that looks at its alerts."""

    async def alerts(
        self,
        *,
        session: SessionInfo | str | None = None,
        kind: AlertKind | str | None = None,
        is_open: bool | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> list[AlertView]:
        """A page of the owner's alerts, newest first: those of one session, of one kind, both, or all.

        `kind` is budget, expiry, pace, claim_intercepted or unasked. `is_open`: those that nobody acknowledged, or the
        others. Raises InvalidInput for a kind that there is none of.
        """
        page = await self._alert_page(session, kind, is_open, limit, offset)
        return page.alerts

    async def iter_alerts(
        self,
        *,
        session: SessionInfo | str | None = None,
        kind: AlertKind | str | None = None,
        is_open: bool | None = None,
    ) -> AsyncGenerator[AlertView]:
        """Every alert that `alerts` lists, newest first, page by page; not those that are raised meanwhile."""
        seen: set[str] = set()
        offset = 0
        while True:
            page = await self._alert_page(session, kind, is_open, PAGE, offset)
            for alert in page.alerts:
                if alert.alert_id not in seen:
                    seen.add(alert.alert_id)
                    yield alert
            offset += len(page.alerts)
            if not page.alerts or offset >= page.total:
                return

    async def acknowledge_alert(self, alert: AlertView | str) -> AlertView:
        """Say that an alert was seen; whoever says so first is kept. Raises NotFound."""
        alert_id = alert.alert_id if isinstance(alert, AlertView) else alert
        path = f"/alerts/{segment(alert_id)}/acknowledge"
        return await self._client.send("POST", path, AlertView, repeat=True)

    async def _alert_page(
        self,
        session: SessionInfo | str | None,
        kind: AlertKind | str | None,
        is_open: bool | None,
        limit: int,
        offset: int,
    ) -> AlertPage:
        session_id = session.session_id if isinstance(session, SessionInfo) else session
        query = {
            "session": session_id,
            "kind": None if kind is None else str(_kind(kind)),
            "open": None if is_open is None else str(is_open).lower(),
            "limit": limit,
            "offset": offset,
        }
        asked = {name: value for name, value in query.items() if value is not None}
        return await self._client.get("/alerts", AlertPage, asked)


def _kind(text: AlertKind | str) -> AlertKind:
    try:
        return AlertKind(text)
    except ValueError:
        raise InvalidInput(f"the kind of an alert is one of {', '.join(AlertKind)}", field="kind") from None
