"""What every request passes first: the name it was sent to, where it comes from, who sits behind its cookie.

A web page of somebody else's must neither call the studio nor show it in a frame, and a text from an agent must not
become a script.
"""

import re
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from valetkey.studio.plan import LOOPBACK, Plan
from valetkey.studio.sittings import COOKIE, Sitting, Sittings

SITTING = "valetkey.sitting"
"""Where the scope of a request holds the sitting."""

NONCE_BYTES = 18
SIGN_IN = "/sign-in"
OPEN = (SIGN_IN, "/favicon.ico", "/healthz")
"""What strangers get, and assets, and what the door's script posts. The libraries of the pages are not among it."""

SOCKET = "/_nicegui_ws/"
BODY_BYTES_MAX = 65_536
_SCRIPT = re.compile(rb"<script(?=[\s>])")


class Gate:
    """An ASGI application around the studio's."""

    def __init__(self, app: ASGIApp, plan: Plan, sittings: Sittings) -> None:
        self.app = app
        self._plan = plan
        self._sittings = sittings
        names = (*plan.hosts, *(("127.0.0.1", "localhost", "[::1]") if plan.host in LOOPBACK else ()))
        self._names = frozenset(one.lower() for one in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = _headers(scope)
        problem = self._problem(scope, headers)
        if problem:
            await _refuse(scope, send, problem, b"403")
            return
        sitting = self._sittings.find(_cookie(headers))
        path = scope["path"]
        if sitting is None and not _is_open(scope):
            await _turn_away(scope, send)
            return
        scope[SITTING] = sitting
        # Nobody's word about a prefix counts: it would be written into pages.
        scope["headers"] = [one for one in scope["headers"] if not one[0].startswith(b"x-forwarded-")]
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        if sitting is not None and not path.startswith(("/_nicegui", "/assets/")):
            self._sittings.touch(sitting)
        await self.app(scope, _Bounded(receive), _Dressed(send, self._plan).send)

    def _problem(self, scope: Scope, headers: dict[str, str]) -> str:
        """Why a request is none of ours; empty when it is."""
        host = headers.get("host", "").lower()
        if host not in self._names and _without_port(host) not in self._names:
            return "this studio is not reached by that name"
        if scope["path"].startswith(SOCKET) and scope["type"] == "http":
            return "pages speak over a websocket alone"
        plain = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if plain:
            return ""
        origin = headers.get("origin")
        if (
            origin is None
            and scope["type"] == "http"
            and headers.get("sec-fetch-site") in (None, "same-origin")
        ):
            # No web page sends a form without saying where it is from; a program may.
            return ""
        return (
            ""
            if origin is not None and urlsplit(origin).netloc.lower() == host
            else "it comes from another site"
        )


class _Bounded:
    """Reads no more of a body than a form of ours has."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._read = receive, 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read > BODY_BYTES_MAX:
            return {"type": "http.disconnect"}
        return message


class _Dressed:
    """Puts headers on answers, and a nonce on the scripts of pages: no other script runs in them.

    What an agent or an owner wrote is escaped in a page before it comes here, so that each `<script` is the studio's.
    """

    def __init__(self, send: Send, plan: Plan) -> None:
        self._send, self._plan = send, plan
        self._start: Message | None = None
        self._body: list[bytes] = []
        self._nonce = secrets.token_urlsafe(NONCE_BYTES)

    async def send(self, message: Message) -> None:
        """One message of an answer."""
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            is_page = any(
                name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in headers
            )
            headers = [(name, value) for name, value in headers if name.lower() not in _OURS]
            headers += self._headers(is_page)
            message = {**message, "headers": headers}
            if is_page:
                self._start = message
                return
        elif self._start is not None:
            self._body.append(message.get("body", b""))
            if message.get("more_body"):
                return
            body = _SCRIPT.sub(f'<script nonce="{self._nonce}"'.encode(), b"".join(self._body))
            kept = [one for one in self._start["headers"] if one[0].lower() != b"content-length"]
            await self._send({**self._start, "headers": [*kept, (b"content-length", b"%d" % len(body))]})
            message = {"type": "http.response.body", "body": body}
        await self._send(message)

    def _headers(self, is_page: bool) -> list[tuple[bytes, bytes]]:
        told = dict(_ALWAYS)
        told[b"content-security-policy"] = (
            _POLICY.format(nonce=self._nonce) if is_page else "default-src 'none'; frame-ancestors 'none'"
        ).encode()
        if self._plan.secure:
            told[b"strict-transport-security"] = b"max-age=31536000"
        return list(told.items())


_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
"""NiceGUI compiles templates in the browser, which is what `unsafe-eval` is for, and writes styles into its pages."""

_ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_OURS = {*_ALWAYS, b"content-security-policy", b"server"}


def sitting_of(scope: Any) -> Sitting:
    """The sitting behind a request that the gate let through."""
    sitting = scope[SITTING]
    assert isinstance(sitting, Sitting), "the gate lets no stranger through to a page"
    return sitting


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _cookie(headers: dict[str, str]) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if found is None else found.value


def _is_open(scope: Scope) -> bool:
    path = scope["path"]
    posts = scope["type"] == "http" and scope["method"] == "POST"
    return path in OPEN or path.startswith("/assets/") or (posts and path.startswith(f"{SIGN_IN}/"))


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


async def _turn_away(scope: Scope, send: Send) -> None:
    """A stranger: a page is shown the way to the door, everything else is told no."""
    headers = _headers(scope)
    if scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        wanted = scope["path"] + (
            f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        )
        place = SIGN_IN if wanted == "/" else f"{SIGN_IN}?next={quote(wanted, safe='/')}"
        await _refuse(scope, send, "", b"303", [(b"location", place.encode("latin-1"))])
        return
    await _refuse(scope, send, "sign in first", b"401")


async def _refuse(
    scope: Scope, send: Send, text: str, status: bytes, more: list[tuple[bytes, bytes]] | None = None
) -> None:
    if scope["type"] == "websocket":
        # A websocket that is closed before it is accepted is answered 403.
        await send({"type": "websocket.close", "code": 4403})
        return
    body = text.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *_ALWAYS.items(),
        *(more or []),
    ]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
