"""Routes of sign-ins."""

from valetkey.platform.answers import JsonResponse
from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.limits import Limit
from valetkey.platform.room import Lane
from valetkey.platform.sign_ins import service
from valetkey.wire.http import API_PREFIX, IDEMPOTENCY_HEADER
from valetkey.wire.keys import KeyView
from valetkey.wire.sign_in import PATH, SignedIn, SignInChallenge, SignInRequest


async def challenge(call: Call) -> SignInChallenge:
    return service.challenge(call.platform)


async def sign_in(call: Call) -> JsonResponse:
    server = call.request.scope.get("server")
    port = server[1] if server else None
    body = await service.sign_in(
        call.platform, call.body(SignInRequest), call.header(IDEMPOTENCY_HEADER), port
    )
    return JsonResponse(body, 201, call.head.request_id)


async def sign_out(call: Call) -> KeyView:
    return await service.sign_out(call.platform, call.caller)


ENDPOINTS = [
    Endpoint(
        method="POST",
        path=f"{PATH}/challenge",
        handler=challenge,
        summary="A nonce for a sign-in by wallet signature (EIP-4361), good for five minutes",
        gives=SignInChallenge,
        access=Access.PUBLIC,
        limit=Limit.SIGN_IN,
        status=201,
        remembers=False,
    ),
    Endpoint(
        method="POST",
        path=PATH,
        handler=sign_in,
        summary="Sign in by a wallet's signature: an API key that ends within half a day; its secret is shown once",
        takes=SignInRequest,
        gives=SignedIn,
        access=Access.PUBLIC,
        limit=Limit.SIGN_IN,
        status=201,
        secret=True,
        remembers=False,
    ),
    Endpoint(
        method="POST",
        path=f"{API_PREFIX}/agents/sign-out",
        handler=sign_out,
        lane=Lane.STOP,
        summary="End the API key that calls, if a sign-in gave it",
        gives=KeyView,
        access=Access.OPEN,
        remembers=False,
    ),
]
