"""What every request passes first: it gets an id, is counted, traced and told in the log, whatever answers it."""

import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from valetkey.platform.answers import internal_error
from valetkey.platform.callers import Caller
from valetkey.platform.head import head_of
from valetkey.platform.http import CALLER, ROUTE
from valetkey.platform.observing.logs import WORRYING_STATUS, Lines, Log, broken, request_line
from valetkey.platform.observing.metrics import Metrics
from valetkey.platform.observing.watch import Watcher
from valetkey.platform.serving import METHODS
from valetkey.platform.settings import LOG_LEVELS
from valetkey.ports.watching import unwatch, watch_with

NEVER = 1_000
"""A status that no answer has."""

Serve = Callable[[Request], Awaitable[Response]]
"""What answers the requests of one path."""


def first_told(log_level: str) -> int:
    """The lowest status of the requests that are told at a level of the log.

    Their lines go past the log, which would take longer, so its level is asked here.
    """
    if LOG_LEVELS[log_level] > LOG_LEVELS["warning"]:
        return NEVER
    return 0 if LOG_LEVELS[log_level] <= LOG_LEVELS["info"] else WORRYING_STATUS


class Application(Starlette):
    """Starlette behind the door."""

    door: "Door"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self.door(scope, receive, send)


class Door:
    """Every request passes it: it gets an id, is counted and logged, and a bug behind it becomes a plain 500.

    Paths without parameters are looked up here; the router tries one pattern after another.
    """

    def __init__(
        self,
        app: ASGIApp,
        plain: Mapping[str, Serve],
        log: Log,
        lines: Lines,
        watcher: Watcher,
        metrics: Metrics,
    ) -> None:
        self._app = app
        self._plain = plain
        self._log = log
        self._lines = lines
        self._watcher = watcher
        self._metrics = metrics
        self.open = 0
        """How many requests are being answered."""
        self.trace_id: Callable[[], str] = str
        """The id of the trace that we are in; nothing where no traces are made."""
        self.line_from = 0
        """Requests with this status or a higher one are told in the log."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = head_of(scope).request_id
        status = 0
        watching = watch_with(self._watcher)
        self.open += 1
        spans = self._watcher.spans
        span = None if spans is None else spans.request(head_of(scope).get("traceparent"))

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            serve = self._plain.get(scope["path"])
            if serve is None:
                await self._app(scope, receive, watched)
            else:
                response = await serve(Request(scope, receive, send))
                status = response.status_code
                await response(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - a bug: told to the operator without the caller's input
            self._metrics.bugs.inc()
            self._log.error("bug", request_id=request_id, **broken(error))
            if status == 0:
                await internal_error(Request(scope), error)(scope, receive, watched)
        finally:
            self.open -= 1
            unwatch(watching)
            trace = self.trace_id()
            if spans is not None:
                spans.answered(span, _method(scope), _route(scope), status)
        self._told(scope, request_id, status, time.perf_counter() - began, trace)

    def _told(self, scope: Scope, request_id: str, status: int, seconds: float, trace: str) -> None:
        route, method = _route(scope), _method(scope)
        self._metrics.answered(route, method, status, seconds)
        if status < self.line_from:
            return
        caller: Caller | None = scope.get(CALLER)
        owner = "" if caller is None else caller.agent.id
        session = "" if caller is None or caller.session is None else caller.session.session.id
        self._lines.later(
            request_line(
                request_id, method, route, status, seconds, owner=owner, session=session, trace=trace
            )
        )


def _route(scope: Scope) -> str:
    """The route's pattern, not the path: somebody may have pasted a secret into the path."""
    return str(scope.get(ROUTE) or "unmatched")


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else "other"
