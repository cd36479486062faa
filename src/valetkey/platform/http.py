"""How a request becomes a call of a domain and its result becomes JSON. Every answer, also to nonsense, is JSON."""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from valetkey.core.api_key import Scope
from valetkey.core.errors import Contradiction, InvalidInput, ValetkeyError
from valetkey.core.refusal import Code
from valetkey.crypto.secret import Secret
from valetkey.platform.callers import Caller, authenticate
from valetkey.platform.context import Platform
from valetkey.platform.idempotency import Remembering
from valetkey.platform.limits import Limit
from valetkey.platform.refusing import PayloadTooLarge, RateLimited, RefusedRequest, Unauthenticated
from valetkey.wire.errors import error_body, refusal_body, row_of
from valetkey.wire.http import (
    API_KEY_HEADER,
    AUTHORIZATION_HEADER,
    IDEMPOTENCY_HEADER,
    JSON_TYPE,
    REQUEST_ID_HEADER,
    RETRY_AFTER_HEADER,
    InvalidRequest,
    Problem,
    credential,
    decode_body,
    decode_query,
    encode,
    success_body,
)

T = TypeVar("T")

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_numbers = random.Random()  # noqa: S311 - a name in a log, no secret: the system's randomness costs a system call
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SEEN_SECONDS = 300
"""How exactly the platform remembers when an agent called last, and when a key was used."""

AT_ONCE_SECONDS = 0.01
"""A body that takes longer than this was waited for; one that came with its head takes a thousandth of it."""

BODY_SECONDS = 30.0
"""How long a body may take to arrive."""

REPLAYED = {"Idempotency-Replayed": "true"}
"""Says that an answer is that of an earlier request with the same key."""

RETRY_SECONDS = 2
"""What a caller is told to wait when the same request may succeed later."""


class Access(Enum):
    """Who may call an endpoint. OPEN is for everybody, but a credential that is sent must be a living one."""

    PUBLIC = "public"
    OPEN = "open"
    CALLER = "caller"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, understood: who asks the platform for what."""

    platform: Platform
    request: Request
    raw: bytes
    _caller: Caller | None
    remembering: Remembering = field(default_factory=Remembering)

    @property
    def caller(self) -> Caller:
        """The authenticated caller; only endpoints that ask for one have it."""
        if self._caller is None:
            raise Unauthenticated("An API key or session token is required")
        return self._caller

    @property
    def visitor(self) -> Caller | None:
        """The caller, or None when nobody said who they are."""
        return self._caller

    def body(self, kind: type[T]) -> T:
        """The request body as a Struct. Raises InvalidRequest."""
        return decode_body(self.raw, kind)

    def optional_body(self, kind: type[T]) -> T:
        """The request body as a Struct that needs no member; no body at all is an empty one."""
        return decode_body(self.raw or b"{}", kind)

    def query(self, kind: type[T]) -> T:
        """The query as a Struct. Raises InvalidRequest."""
        return decode_query(self.request.query_params, kind)

    def path(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def header(self, name: str) -> str | None:
        """A header's value."""
        return self.request.headers.get(name)

    async def still_owner(self) -> None:
        """Look the owner's credential up again, for an answer that takes long. Raises as at the beginning."""
        platform = self.platform
        caller = await authenticate(platform.store, _credential(self.request), platform.clock.now())
        caller.require_owner()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is not plain `data` with status 200. `flat` puts its members beside `success`."""

    data: object
    status: int = 200
    message: str | None = None
    flat: bool = False
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One line of the API. `takes`, `query` and `gives` are the Structs that OpenAPI is written from.

    `media`: what it answers when that is no JSON. `secret`: its answer shows a secret. `remembers`: an
    Idempotency-Key keeps its answer; the others are reads, remember by themselves, or are for callers that nobody
    knows yet. `scope` is the one that an owner's key needs; what everybody may have needs none.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    gives: Any
    takes: Any = None
    query: Any = None
    access: Access = Access.CALLER
    scope: Scope = Scope.FULL
    limit: Limit = Limit.GENERAL
    owner_code: Code = Code.OWNER_ONLY
    status: int = 200
    flat: bool = False
    media: tuple[str, ...] = ()
    secret: bool = False
    remembers: bool = True


def request_id_of(request: Request) -> str:
    """The id under which this request is logged: the caller's own when it is a plain one."""
    known: str | None = request.scope.get("valetkey.request_id")
    if known is None:
        sent = request.headers.get(REQUEST_ID_HEADER, "")
        known = sent if _REQUEST_ID.fullmatch(sent) else f"{_numbers.getrandbits(64):016x}"
        request.scope["valetkey.request_id"] = known
    return known


def json_response(
    body: bytes, status: int, request_id: str, headers: dict[str, str] | None = None
) -> Response:
    """A response with a JSON body; nothing of it may be cached."""
    return Response(
        body,
        status,
        {REQUEST_ID_HEADER: request_id, "Cache-Control": "no-store", **(headers or {})},
        media_type=JSON_TYPE,
    )


def routes(endpoints: list[Endpoint]) -> list[Route]:
    """Starlette's routes of endpoints. Each serves exactly its method: no HEAD beside GET."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    return [_route(path, by_method) for path, by_method in by_path.items()]


def _route(path: str, by_method: dict[str, Endpoint]) -> Route:
    async def serve(request: Request) -> Response:
        request.scope["valetkey.route"] = path
        endpoint = by_method.get(request.method)
        if endpoint is None:
            return method_not_allowed(request, sorted(by_method))
        return await _serve(endpoint, request)

    return Route(path, serve, methods=METHODS)


async def _serve(endpoint: Endpoint, request: Request) -> Response:
    request_id = request_id_of(request)
    try:
        call = await _understand(endpoint, request)
        return await _answer(endpoint, call, request_id)
    except ValetkeyError as error:
        return error_response(error, request_id)


async def _answer(endpoint: Endpoint, call: Call, request_id: str) -> Response:
    remembering, store = call.remembering, call.platform.store
    first = await remembering.first(store)
    if first is not None:
        return json_response(first[0], first[1], request_id, REPLAYED)
    try:
        result = await endpoint.handler(call)
    except Contradiction:
        # The same request at the same time: one of the two was first, and both get its answer.
        first = await remembering.first(store)
        if first is None:
            raise
        return json_response(first[0], first[1], request_id, REPLAYED)
    if isinstance(result, Response):
        return result
    reply = result if isinstance(result, Reply) else Reply(result)
    body = encode(reply.data) if reply.flat else success_body(reply.data, reply.message)
    status = endpoint.status if reply.status == 200 else reply.status
    answer = remembering.kept(body, status)
    if answer is not None:
        await store.remember(answer)
    return json_response(body, status, request_id, reply.headers)


async def _understand(endpoint: Endpoint, request: Request) -> Call:
    platform: Platform = request.app.state.platform
    secret = _credential(request) if endpoint.access is not Access.PUBLIC else None
    client = f"address {request.client.host if request.client else ''}".encode()
    # Before the look-up: a flood of requests must not reach the database.
    key = sha256(secret.reveal().encode("utf-8", "surrogatepass")).digest() if secret else client
    platform.limiter.take(key, endpoint.limit)
    caller = None
    if endpoint.access in (Access.CALLER, Access.OWNER) or (endpoint.access is Access.OPEN and secret):
        try:
            caller = await authenticate(platform.store, secret, platform.clock.now())
        except Unauthenticated:
            # Guessing is counted by where it comes from; every guess has a key of its own.
            platform.limiter.take(client, Limit.GUESS)
            raise
        await _remember_use(platform, caller)
        if endpoint.access is Access.OWNER:
            caller.require_owner(endpoint.owner_code)
        if endpoint.access is not Access.OPEN:
            caller.require_scope(endpoint.scope)
    before = time.monotonic()
    raw = await _read(request, platform.settings.body_bytes_max)
    if caller is not None and time.monotonic() - before > AT_ONCE_SECONDS:
        # The body came slowly, and the key or the session may have been revoked meanwhile.
        caller = await authenticate(platform.store, secret, platform.clock.now())
    return Call(platform, request, raw, caller, _remembering(endpoint, request, secret, caller, raw))


async def _remember_use(platform: Platform, caller: Caller) -> None:
    """That the agent called, and with which key: coarse, so that hardly a request writes."""
    now, key = platform.clock.now(), caller.key
    if now - caller.agent.last_seen_at >= SEEN_SECONDS:
        await platform.store.seen(caller.agent.id)
    if key is not None and (key.last_used_at is None or now - key.last_used_at >= SEEN_SECONDS):
        await platform.store.key_used(key.owner_id, key.id)


def _remembering(
    endpoint: Endpoint, request: Request, secret: Secret | None, caller: Caller | None, raw: bytes
) -> Remembering:
    if endpoint.method == "GET" or not endpoint.remembers or caller is None:
        return Remembering()
    return Remembering.of(
        caller.name,
        secret,
        request.headers.get(IDEMPOTENCY_HEADER),
        endpoint.method,
        request.url.path,
        raw,
        holds_secret=endpoint.secret,
    )


def _credential(request: Request) -> Secret | None:
    """The request's credential; None also when a header comes twice, of which a proxy may have seen the other."""
    twice = any(len(request.headers.getlist(name)) > 1 for name in (API_KEY_HEADER, AUTHORIZATION_HEADER))
    return None if twice else credential(request.headers)


async def _read(request: Request, bytes_max: int) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _whole(request, bytes_max)
    except TimeoutError:
        raise InvalidRequest(f"The request body did not arrive within {BODY_SECONDS:g} s") from None


async def _whole(request: Request, bytes_max: int) -> bytes:
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > bytes_max:
        raise PayloadTooLarge(f"A request body has at most {bytes_max} bytes")
    parts: list[bytes] = []
    total = 0
    try:
        async for part in request.stream():
            total += len(part)
            if total > bytes_max:
                raise PayloadTooLarge(f"A request body has at most {bytes_max} bytes")
            parts.append(part)
    except ClientDisconnect:
        raise InvalidRequest("The request body ended early") from None
    return b"".join(parts)


def error_response(error: ValetkeyError, request_id: str) -> Response:
    """The JSON of a typed error, with the status of its code."""
    if isinstance(error, RefusedRequest):
        body = refusal_body(error.refused, request_id, extra=error.extra)
    else:
        body = error_body(error.code, str(error), _details(error), request_id)
    row = row_of(error)
    headers: dict[str, str] = {}
    if isinstance(error, RateLimited):
        headers[RETRY_AFTER_HEADER] = str(error.retry_after)
    elif row.retryable:
        headers[RETRY_AFTER_HEADER] = str(RETRY_SECONDS)
    return json_response(encode(body), row.http_status, request_id, headers)


def _details(error: ValetkeyError) -> object:
    """What is wrong where, for who sent it; None when only the message says it."""
    if isinstance(error, InvalidRequest) and error.problems:
        return error.problems
    if isinstance(error, InvalidInput) and error.field is not None:
        return (Problem([error.field], str(error)),)
    return None


def method_not_allowed(request: Request, allowed: list[str]) -> Response:
    """405, and which methods there are."""
    request_id = request_id_of(request)
    body = error_body("method_not_allowed", "This method is not allowed here", None, request_id)
    return json_response(encode(body), 405, request_id, {"Allow": ", ".join(allowed)})


async def http_exception(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: an unknown path above all."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "not_found", 405: "method_not_allowed"}.get(status, "invalid_input")
    message = {404: "There is nothing here", 405: "This method is not allowed here"}.get(
        status, "Bad request"
    )
    request_id = request_id_of(request)
    return json_response(encode(error_body(code, message, None, request_id)), status, request_id)


def internal_error(request: Request) -> Response:
    """A bug of ours: the caller learns the request id and nothing else."""
    request_id = request_id_of(request)
    body = error_body("internal", "Something went wrong on our side", None, request_id)
    return json_response(encode(body), 500, request_id)
