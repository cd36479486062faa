"""ASGI middleware whose routes ask for money first: the official package judges and settles, this carries it out.

Plain ASGI: Starlette, FastAPI or anything else below it. What an answer costs is settled before the answer leaves.
"""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from valetkey.sdk.x402.asked import Request

if TYPE_CHECKING:
    from x402.http import x402HTTPResourceServer
    from x402.http.types import HTTPProcessResult, HTTPRequestContext


Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
App = TypeVar("App", bound=Callable[..., Any])

REMEMBERED_BYTES_MAX = 32 << 20
"""Of answers that were paid for and are kept for whoever did not get them."""

ERROR_STATUS = 400

_log = logging.getLogger("valetkey.x402")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a status, headers in lower case, and the whole body."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def with_headers(self, more: dict[str, str]) -> "Answer":
        """The same with these headers in place of those of the same names."""
        added = {name.lower().encode("latin-1"): value.encode("latin-1") for name, value in more.items()}
        kept = tuple(one for one in self.headers if one[0].lower() not in added)
        return Answer(self.status, (*kept, *added.items()), self.body)

    async def send(self, send: Send) -> None:
        """Tell the client."""
        headers = [one for one in self.headers if one[0] != b"content-length"]
        headers.append((b"content-length", str(len(self.body)).encode("ascii")))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class PaidRoutes:
    """The middleware: `app.add_middleware(PaidRoutes, server=...)`, or around any ASGI application.

    A route that is not named in the server's is free. HEAD never runs a paid route: it answers what a GET would ask
    for. An answer of 400 or more costs nothing. The same payment again, for the same request, gets the answer that it
    paid for: whoever lost it on the way pays once.
    """

    def __init__(self, app: Application, server: "x402HTTPResourceServer") -> None:
        self._app = app
        self._server = server
        self._is_ready = False
        self._readying = asyncio.Lock()
        self._paid = Paid()
        self._under_way: dict[bytes, asyncio.Lock] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        context = request.context()
        if not self._server.requires_payment(context):
            await self._app(scope, receive, send)
            return
        await (await self._answer(request, context, scope, receive)).send(send)

    async def _answer(
        self, request: Request, context: "HTTPRequestContext", scope: Message, receive: Receive
    ) -> Answer:
        if context.payment_header is None:
            return await self._sold(context, scope, receive)
        key = request.key(context.payment_header)
        alone = self._under_way.setdefault(key, asyncio.Lock())
        try:
            # Two copies of one payment: the second waits, and finds what the first one bought.
            async with alone:
                known = self._paid.get(key)
                return known if known is not None else await self._sold(context, scope, receive, key)
        finally:
            # Who waits has the lock itself; who comes after it finds the answer, or is judged anew.
            if not alone.locked():
                self._under_way.pop(key, None)

    async def _sold(
        self, context: "HTTPRequestContext", scope: Message, receive: Receive, key: bytes = b""
    ) -> Answer:
        if not await self._ready():
            return _told(503, {"error": "payments cannot be taken at the moment"}, {"Retry-After": "5"})
        judged = await self._judged(context)
        if isinstance(judged, Answer):
            return judged
        answer = await self._made(judged, scope, receive)
        if answer.status >= ERROR_STATUS:
            return answer
        settled = await self._settled(judged, context, answer)
        if settled.status < ERROR_STATUS:
            self._paid.keep(key, settled)
        return settled

    async def _ready(self) -> bool:
        """Whether the facilitator said once that it settles what these routes ask for."""
        async with self._readying:
            if not self._is_ready:
                try:
                    # The package asks in a blocking call, and whoever answers may live in this loop.
                    await asyncio.to_thread(self._server.initialize)
                except Exception:  # noqa: BLE001 - whatever it was: asked anew by the next request, and told in the log
                    _log.exception("the facilitator does not settle what these routes ask for")
                    return False
                self._is_ready = True
        return True

    async def _judged(self, context: "HTTPRequestContext") -> "HTTPProcessResult | Answer":
        """A payment that was verified, or what is answered instead."""
        try:
            result = await self._server.process_http_request(context)
        except Exception:  # noqa: BLE001 - nothing was served, nothing was taken
            _log.exception("a payment could not be verified")
            return _told(502, {"error": "the payment could not be verified"})
        if result.type == "payment-verified":
            return result
        told = result.response
        if told is None:
            return _told(402, {"error": "payment required"})
        return _told(told.status, told.body, told.headers, is_text=told.is_html)

    async def _made(self, judged: "HTTPProcessResult", scope: Message, receive: Receive) -> Answer:
        """What the application answers. The payment is let go when that is an error."""
        from x402.schemas import VerifiedPaymentCancelOptions

        dispatcher = judged.cancellation_dispatcher
        try:
            answer = await _collected(self._app, scope, receive)
        except Exception as error:
            if dispatcher is not None:
                await dispatcher.cancel(VerifiedPaymentCancelOptions(reason="handler_threw", error=error))
            raise
        if answer.status >= ERROR_STATUS and dispatcher is not None:
            cancelled = VerifiedPaymentCancelOptions(reason="handler_failed", response_status=answer.status)
            await dispatcher.cancel(cancelled)
        return answer

    async def _settled(
        self, judged: "HTTPProcessResult", context: "HTTPRequestContext", answer: Answer
    ) -> Answer:
        """The answer with its receipt, once the money is the seller's."""
        assert judged.payment_payload is not None
        assert judged.payment_requirements is not None
        try:
            result = await self._server.process_settlement(
                judged.payment_payload,
                judged.payment_requirements,
                context=context,
                declared_extensions=judged.declared_extensions,
                before_handler_settlement=judged.before_handler_settlement,
            )
        except Exception:  # noqa: BLE001 - what was not certainly paid is not handed out
            # Whether it settled is not known here: the payer's side keeps its money held until the chain tells.
            _log.exception("a payment could not be settled")
            return _told(502, {"error": "the payment could not be settled"})
        if not result.success:
            told = result.response
            if told is None:
                return _told(402, {"error": "the payment was not settled"}, result.headers)
            return _told(told.status, told.body, told.headers, is_text=told.is_html)
        return answer.with_headers({**result.headers, "Cache-Control": "private, no-store"})


class Paid:
    """Answers that were paid for, the newest of them, so that one which was lost on the way is not paid twice."""

    def __init__(self, bytes_max: int = REMEMBERED_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()

    def get(self, key: bytes) -> Answer | None:
        return self._answers.get(key)

    def keep(self, key: bytes, answer: Answer) -> None:
        if not key or len(answer.body) > self._bytes_max // 8:
            return
        if (before := self._answers.pop(key, None)) is not None:
            self._bytes -= len(before.body)
        self._answers[key] = answer
        self._bytes += len(answer.body)
        while self._bytes > self._bytes_max:
            _, oldest = self._answers.popitem(last=False)
            self._bytes -= len(oldest.body)


def protected(app: App, server: "x402HTTPResourceServer") -> App:
    """The application with its paid routes: Starlette's and FastAPI's own object, or one around any other."""
    if hasattr(app, "add_middleware"):
        app.add_middleware(PaidRoutes, server=server)
        return app
    return PaidRoutes(app, server)  # type: ignore[return-value]


async def _collected(app: Application, scope: Message, receive: Receive) -> Answer:
    """An application's whole answer."""
    status, body = 500, bytearray()
    headers: tuple[tuple[bytes, bytes], ...] = ()

    async def collect(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = tuple((bytes(name), bytes(value)) for name, value in message.get("headers", ()))
        elif message["type"] == "http.response.body":
            body.extend(message.get("body", b""))

    await app(scope, receive, collect)
    return Answer(status, headers, bytes(body))


def _told(status: int, body: Any, headers: dict[str, str] | None = None, *, is_text: bool = False) -> Answer:
    """An answer of the middleware's own."""
    content = str(body).encode() if is_text else json.dumps(body or {}).encode()
    answer = Answer(status, ((b"content-type", b"application/json"),), content)
    return answer.with_headers(headers or {})
