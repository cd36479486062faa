"""Routes of claims."""

from valetkey.core.api_key import Scope
from valetkey.platform.claims import service
from valetkey.platform.http import Access, Call, Endpoint, caller_address
from valetkey.platform.limits import Limit
from valetkey.platform.refusing import NotFound
from valetkey.platform.room import Lane
from valetkey.wire.claims import ClaimView, MakeClaimRequest, OpenClaimRequest, OpenedClaim
from valetkey.wire.http import API_PREFIX

CLAIMS = f"{API_PREFIX}/claims"


async def make(call: Call) -> ClaimView:
    return await service.make(call.platform, call.caller, call.body(MakeClaimRequest))


async def show(call: Call) -> ClaimView:
    return await service.show(call.platform, call.caller, call.path("id"))


async def cancel(call: Call) -> ClaimView:
    return await service.cancel(call.platform, call.caller, call.path("id"))


async def open_one(call: Call) -> OpenedClaim:
    address = caller_address(call.request)
    opened = await service.open_one(call.platform, call.path("id"), call.body(OpenClaimRequest), address)
    if opened is None:
        # Whoever guesses is counted by where it comes from.
        call.platform.limiter.take(f"address {address}".encode(), Limit.GUESS)
        raise NotFound("There is no such claim")
    return opened


ENDPOINTS = [
    Endpoint(
        method="POST",
        path=CLAIMS,
        handler=make,
        summary="Keep a session's bundle, as ciphertext, for the one who opens its link first",
        takes=MakeClaimRequest,
        gives=ClaimView,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
        status=201,
        remembers=False,
    ),
    Endpoint(
        method="GET",
        path=CLAIMS + "/{id}",
        handler=show,
        summary="Where a claim stands: who opened it, when and from where",
        gives=ClaimView,
        access=Access.OWNER,
        scope=Scope.SESSIONS_READ,
    ),
    Endpoint(
        method="DELETE",
        path=CLAIMS + "/{id}",
        handler=cancel,
        lane=Lane.STOP,
        summary="Take a claim back that nobody opened; its session lives on",
        gives=ClaimView,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
        remembers=False,
    ),
    Endpoint(
        method="POST",
        path=CLAIMS + "/{id}/open",
        handler=open_one,
        summary="Open a claim: its first claimant gets the ciphertext, a second one stops the session",
        takes=OpenClaimRequest,
        gives=OpenedClaim,
        access=Access.PUBLIC,
        limit=Limit.CLAIM,
        remembers=False,
    ),
]
