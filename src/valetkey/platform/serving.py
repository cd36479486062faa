"""How a request becomes a call of an endpoint and its result becomes JSON. Every answer, also to nonsense, is JSON."""

import asyncio
import hmac
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from valetkey.core.errors import Contradiction, ValetkeyError
from valetkey.crypto.credentials import credential_hash
from valetkey.crypto.secret import Secret
from valetkey.platform.answers import JsonResponse, error_response, method_not_allowed
from valetkey.platform.callers import Caller, authenticate
from valetkey.platform.context import Platform
from valetkey.platform.head import Head, head_of
from valetkey.platform.http import CALLER, ROUTE, Access, Call, Endpoint, Reply, client_of
from valetkey.platform.idempotency import NOTHING, Remembering
from valetkey.platform.limits import Limit
from valetkey.platform.proving import Asked, prove
from valetkey.platform.refusing import PayloadTooLarge, RefusedRequest, Unauthenticated
from valetkey.wire.http import IDEMPOTENCY_HEADER, InvalidRequest, encode, success_body

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SEEN_SECONDS = 300
"""How exactly the platform remembers when an agent called last, and when a key was used."""

AT_ONCE_SECONDS = 0.01
"""A body that takes longer than this was waited for; one that came with its head takes a thousandth of it."""

ARRIVED = "valetkey.arrived"
"""In an ASGI scope: the body is here, nobody has to wait for it. See cli/http_protocol.py."""

BODY_SECONDS = 30.0
"""How long a body may take to arrive."""

REPLAYED = {"Idempotency-Replayed": "true"}
"""Says that an answer is that of an earlier request with the same key."""


def routes(endpoints: list[Endpoint]) -> list[Route]:
    """Starlette's routes of endpoints. Each serves exactly its method: no HEAD beside GET."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    return [_route(path, by_method) for path, by_method in by_path.items()]


def _route(path: str, by_method: dict[str, Endpoint]) -> Route:
    async def serve(request: Request) -> Response:
        request.scope[ROUTE] = path
        endpoint = by_method.get(request.method)
        if endpoint is None:
            return method_not_allowed(request, sorted(by_method))
        return await _serve(endpoint, request)

    route = Route(path, serve)
    # Also what nobody heard of is told which methods there are, by us.
    route.methods = None
    return route


async def _serve(endpoint: Endpoint, request: Request) -> Response:
    head = head_of(request.scope)
    platform: Platform = request.app.state.platform
    try:
        # Before the limits: who is sent away for want of room has not used up what it may ask.
        with platform.room.admit(endpoint.lane):
            call = await _understand(endpoint, request, head)
            return await _answer(endpoint, call, head.request_id)
    except ValetkeyError as error:
        return error_response(error, head.request_id)


async def _answer(endpoint: Endpoint, call: Call, request_id: str) -> Response:
    remembering, store = call.remembering, call.platform.store
    first = await remembering.first(store) if remembering is not NOTHING else None
    if first is not None:
        return JsonResponse(first[0], first[1], request_id, REPLAYED)
    try:
        result = await endpoint.handler(call)
    except RefusedRequest:
        if call.is_recent:
            # Who was stopped since is told so as everywhere else.
            await call.look_again()
        raise
    except Contradiction:
        # The same request at the same time: one of the two was first, and both get its answer.
        first = await remembering.first(store)
        if first is None:
            raise
        return JsonResponse(first[0], first[1], request_id, REPLAYED)
    if isinstance(result, Response):
        return result
    reply = result if isinstance(result, Reply) else Reply(result)
    body = encode(reply.data) if reply.flat else success_body(reply.data, reply.message)
    status = endpoint.status if reply.status == 200 else reply.status
    answer = remembering.kept(body, status)
    if answer is not None:
        await store.remember(answer)
    return JsonResponse(body, status, request_id, reply.headers)


async def _understand(endpoint: Endpoint, request: Request, head: Head) -> Call:
    platform: Platform = request.app.state.platform
    secret = head.credential() if endpoint.access is not Access.PUBLIC else None
    # Before the look-up: a flood of requests must not reach the database.
    key = credential_hash(secret.reveal()) if secret else client_of(request)
    platform.limiter.take(key, endpoint.limit)
    caller, known = None, False
    if endpoint.access is Access.OPERATOR:
        _check_operator(platform, request, secret)
    if endpoint.access in (Access.CALLER, Access.OWNER) or (endpoint.access is Access.OPEN and secret):
        now = platform.clock.now()
        found = platform.recent.caller(key, now) if endpoint.decided else None
        if found is None:
            found = await _authenticated(platform, request, secret, key, now, decided=endpoint.decided)
        else:
            known = True
        caller = request.scope[CALLER] = found
        if endpoint.access is Access.OWNER:
            caller.require_owner(endpoint.owner_code)
        if endpoint.access is not Access.OPEN:
            caller.require_scope(endpoint.scope)
    if request.scope.get(ARRIVED):
        raw = await _whole(request, platform.settings.body_bytes_max)
    else:
        before = time.monotonic()
        with platform.room.aside(endpoint.lane):
            raw = await _waited_for(request, platform.settings.body_bytes_max)
        if caller is not None and time.monotonic() - before > AT_ONCE_SECONDS:
            # The body came slowly, and the key or the session may have been revoked meanwhile.
            caller = await authenticate(platform.store, secret, platform.clock.now())
    record = None if caller is None else caller.session
    if record is not None and record.proof_key is not None:
        await _prove(platform, Asked(request, head, raw), record.proof_key, key, endpoint.limit)
    return Call(platform, request, raw, caller, _remembering(endpoint, request, secret, caller, raw), known)


async def _prove(platform: Platform, asked: Asked, proof_key: bytes, bucket: bytes, limit: Limit) -> None:
    try:
        await prove(platform, asked, proof_key)
    except RefusedRequest:
        # Whoever has the token alone must not use up what its session may ask.
        platform.limiter.give_back(bucket, limit)
        platform.limiter.take(client_of(asked.request), Limit.GUESS)
        raise


def _check_operator(platform: Platform, request: Request, secret: Secret | None) -> None:
    """Raise Unauthenticated unless the operator calls; without a token in the settings nobody is."""
    tokens = platform.settings.operator_tokens
    if tokens and secret is not None:
        said = credential_hash(secret.reveal())
        if any(hmac.compare_digest(credential_hash(one.reveal()), said) for one in tokens):
            return
        platform.limiter.take(client_of(request), Limit.GUESS)
    raise Unauthenticated("The operator's token is required, as a Bearer token")


async def _authenticated(
    platform: Platform, request: Request, secret: Secret | None, key: bytes, now: int, *, decided: bool
) -> Caller:
    try:
        caller = await authenticate(platform.store, secret, now, platform.recent if decided else None)
    except Unauthenticated:
        # Guessing is counted by where it comes from; every guess has a key of its own.
        platform.limiter.take(client_of(request), Limit.GUESS)
        raise
    await _remember_use(platform, caller, now)
    platform.recent.keep(key, caller)
    return caller


async def _remember_use(platform: Platform, caller: Caller, now: int) -> None:
    """That the agent called, and with which key: coarse, so that hardly a request writes."""
    key = caller.key
    if now - caller.agent.last_seen_at >= SEEN_SECONDS:
        await platform.store.seen(caller.agent.id)
    if key is not None and (key.last_used_at is None or now - key.last_used_at >= SEEN_SECONDS):
        await platform.store.key_used(key.owner_id, key.id)


def _remembering(
    endpoint: Endpoint, request: Request, secret: Secret | None, caller: Caller | None, raw: bytes
) -> Remembering:
    if endpoint.method == "GET" or not endpoint.remembers or caller is None:
        return NOTHING
    return Remembering.of(
        caller.name,
        secret,
        head_of(request.scope).get(IDEMPOTENCY_HEADER),
        endpoint.method,
        request.url.path,
        raw,
        holds_secret=endpoint.secret,
    )


async def _waited_for(request: Request, bytes_max: int) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _whole(request, bytes_max)
    except TimeoutError:
        raise InvalidRequest(f"The request body did not arrive within {BODY_SECONDS:g} s") from None


async def _whole(request: Request, bytes_max: int) -> bytes:
    length = head_of(request.scope).get("content-length") or "0"
    if length.isdecimal() and int(length[:20]) > bytes_max:
        raise PayloadTooLarge(f"A request body has at most {bytes_max} bytes")
    parts: list[bytes] = []
    total, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequest("The request body ended early")
        part: bytes = message.get("body", b"")
        total += len(part)
        if total > bytes_max:
            raise PayloadTooLarge(f"A request body has at most {bytes_max} bytes")
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)
