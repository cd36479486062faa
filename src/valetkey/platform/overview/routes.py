"""Routes of the overview."""

from valetkey.core.api_key import Scope
from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.overview import service
from valetkey.wire.http import API_PREFIX
from valetkey.wire.overview import OverviewQuery, OverviewView, SpendingQuery, SpendingView


async def overview(call: Call) -> OverviewView:
    return await service.overview(call.platform, call.caller, call.query(OverviewQuery))


async def spending(call: Call) -> SpendingView:
    asked = call.query(SpendingQuery)
    return await service.spending(call.platform, call.caller, call.path("id"), asked)


ENDPOINTS = [
    Endpoint(
        method="GET",
        path=f"{API_PREFIX}/overview",
        handler=overview,
        summary="Sums over the owner's sessions: what is at risk, was spent and refused, is unknown, ends soon",
        query=OverviewQuery,
        gives=OverviewView,
        access=Access.OWNER,
        scope=Scope.SPENDS_READ,
    ),
    Endpoint(
        method="GET",
        path=f"{API_PREFIX}/agents/session/{{id}}/spending",
        handler=spending,
        summary="What a session spent over time, in buckets, by its owner or its own token",
        query=SpendingQuery,
        gives=SpendingView,
        scope=Scope.SPENDS_READ,
    ),
]
