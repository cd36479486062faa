"""Routes of the operator, whose token is in the settings."""

from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.operator import service
from valetkey.wire.granting import RelayView
from valetkey.wire.http import API_PREFIX
from valetkey.wire.operator import OpenDisputeView, ResolveRequest

DISPUTE = f"{API_PREFIX}/operator/transactions/{{id}}/dispute"


async def show(call: Call) -> OpenDisputeView:
    return await service.show(call.platform, call.path("id"))


async def resolve(call: Call) -> RelayView:
    return await service.resolve(call.platform, call.path("id"), call.body(ResolveRequest))


async def relay(call: Call) -> RelayView:
    return await service.relay(call.platform, call.path("id"))


ENDPOINTS = [
    Endpoint(
        method="GET",
        path=DISPUTE,
        handler=show,
        summary="A dispute with the evidence of both sides, for the operator",
        gives=OpenDisputeView,
        access=Access.OPERATOR,
    ),
    Endpoint(
        method="POST",
        path=f"{DISPUTE}/resolve",
        handler=resolve,
        summary="Decide a dispute: the resolver's account sends it, and the platform follows the chain",
        takes=ResolveRequest,
        gives=RelayView,
        access=Access.OPERATOR,
        status=202,
        remembers=False,
    ),
    Endpoint(
        method="GET",
        path=f"{API_PREFIX}/operator/relays/{{id}}",
        handler=relay,
        summary="What became of a decision, for the operator",
        gives=RelayView,
        access=Access.OPERATOR,
    ),
]
