"""What domains know of HTTP: an endpoint, who may call it, the call that it gets and its reply."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from starlette.requests import Request

from valetkey.core.api_key import Scope
from valetkey.core.refusal import Code
from valetkey.crypto.credentials import credential_hash
from valetkey.platform.callers import Caller, authenticate
from valetkey.platform.context import Platform
from valetkey.platform.head import Head, head_of
from valetkey.platform.idempotency import NOTHING, Remembering
from valetkey.platform.limits import Limit
from valetkey.platform.proving import Asked, prove
from valetkey.platform.refusing import RefusedRequest, Unauthenticated
from valetkey.platform.room import Lane
from valetkey.wire.http import decode_body, decode_query

T = TypeVar("T")

CALLER = "valetkey.caller"
"""In an ASGI scope: who calls, once that is known."""

ROUTE = "valetkey.route"
"""In an ASGI scope: the pattern of the path, for log, metrics and traces."""


class Access(Enum):
    """Who may call an endpoint. OPEN is for everybody, but a credential that is sent must be a living one.

    OPERATOR is whoever has the operator's token, which is in the settings and is no agent's.
    """

    PUBLIC = "public"
    OPEN = "open"
    CALLER = "caller"
    OWNER = "owner"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, understood: who asks the platform for what."""

    platform: Platform
    request: Request
    raw: bytes
    _caller: Caller | None
    remembering: Remembering = NOTHING
    is_recent: bool = False
    """Whether the caller was not looked up for this request: the gate looks at its session itself."""

    @property
    def head(self) -> Head:
        """The headers of the request."""
        return head_of(self.request.scope)

    @property
    def caller(self) -> Caller:
        """The authenticated caller; only endpoints that ask for one have it."""
        if self._caller is None:
            raise Unauthenticated("An API key or session token is required")
        return self._caller

    async def prove(self, key: bytes) -> None:
        """Return when the holder of this Ed25519 key made this request. Raises a refusal, which counts as a guess."""
        try:
            await prove(self.platform, Asked(self.request, self.head, self.raw), key)
        except RefusedRequest:
            self.count_guess()
            raise

    def count_guess(self) -> None:
        """Count that something was asked for which whoever knows it does not ask for. Raises RateLimited."""
        self.platform.limiter.take(client_of(self.request), Limit.GUESS)

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
        return self.head.get(name)

    async def look_again(self) -> Caller:
        """Look the credential up now. Raises as at the beginning of a request."""
        platform, secret = self.platform, self.head.credential()
        if secret is not None:
            platform.recent.forget(credential_hash(secret.reveal()))
        return await authenticate(platform.store, secret, platform.clock.now())

    async def still_owner(self) -> None:
        """Look the owner's credential up again, for an answer that takes long. Raises as at the beginning."""
        (await self.look_again()).require_owner()


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
    knows yet. `scope` is the one that an owner's key needs; what everybody may have needs none. `decided`: all it does
    is to ask the gate, which looks at the session's life in its own transaction, so the look-up of a session that
    called a moment ago is spared. `may_be_empty`: no body at all is an empty one. `lane` says whom it may keep
    waiting: see room.py.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    gives: Any
    takes: Any = None
    may_be_empty: bool = False
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
    decided: bool = False
    lane: Lane = Lane.WORK


def client_of(request: Request) -> bytes:
    """Where a request comes from, as what counts for a limit."""
    return f"address {caller_address(request)}".encode()


def caller_address(request: Request) -> str:
    """The network address that a request comes from, as a trusted proxy says it where there is one."""
    return request.client.host if request.client else ""
