"""Routes of allotments."""

from valetkey.core.api_key import Scope
from valetkey.platform.allotments import service
from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.limits import Limit
from valetkey.wire.allotments import AllotmentView, GiveAllotmentRequest
from valetkey.wire.http import API_PREFIX

ALLOTMENT = f"{API_PREFIX}/agents/session/{{id}}/allotment"


async def give(call: Call) -> AllotmentView:
    return await service.give(call.platform, call.caller, call.path("id"), call.body(GiveAllotmentRequest))


async def show(call: Call) -> AllotmentView:
    return await service.show(call.platform, call.caller, call.path("id"))


ENDPOINTS = [
    Endpoint(
        method="POST",
        path=ALLOTMENT,
        handler=give,
        summary="Keep the revocation that ends a session on Solana; the platform submits it when the session is over",
        takes=GiveAllotmentRequest,
        gives=AllotmentView,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
        limit=Limit.FUND,
        status=201,
        remembers=False,
    ),
    Endpoint(
        method="GET",
        path=ALLOTMENT,
        handler=show,
        summary="The account of a session on Solana and how it ends, for its owner and its holder",
        gives=AllotmentView,
        scope=Scope.SESSIONS_READ,
    ),
]
