"""Routes of alerts."""

from valetkey.core.api_key import Scope
from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.paging import page_limit
from valetkey.platform.refusing import NotFound
from valetkey.ports.alerts import AlertQuery
from valetkey.wire.alerts import AlertListQuery, AlertPage, AlertView, alert_view
from valetkey.wire.http import API_PREFIX

ALERTS = f"{API_PREFIX}/alerts"


async def listed(call: Call) -> AlertPage:
    query, limit = call.query(AlertListQuery), page_limit(call.query(AlertListQuery).limit)
    found, total = await call.platform.store.alerts(
        AlertQuery(
            call.caller.agent.id,
            session_id=query.session,
            kind=None if query.kind is None else str(query.kind),
            is_open=None if query.open is None else query.open == "true",
            limit=limit,
            offset=query.offset,
        )
    )
    return AlertPage(alerts=[alert_view(one) for one in found], total=total, limit=limit, offset=query.offset)


async def acknowledge(call: Call) -> AlertView:
    caller = call.caller
    seen = await call.platform.store.acknowledge_alert(caller.agent.id, call.path("id"), caller.actor)
    if seen is None:
        raise NotFound("Alert not found")
    return alert_view(seen)


ENDPOINTS = [
    Endpoint(
        method="GET",
        path=ALERTS,
        handler=listed,
        summary="What the owner was told of its sessions unasked, newest first",
        query=AlertListQuery,
        gives=AlertPage,
        access=Access.OWNER,
        scope=Scope.SESSIONS_READ,
    ),
    Endpoint(
        method="POST",
        path=ALERTS + "/{id}/acknowledge",
        handler=acknowledge,
        summary="Say that an alert was seen; the first time and key stay",
        gives=AlertView,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
        remembers=False,
    ),
]
