"""uvicorn's HTTP protocol with bounds on what comes before a request is authenticated: its head, and its time.

httptools keeps a header until it is whole, however long it grows: one connection could stall all others.
"""

import asyncio
from functools import partial

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from valetkey.platform.answers import AT_ONCE, RawHeaders
from valetkey.platform.serving import ARRIVED
from valetkey.wire.errors import error_body
from valetkey.wire.http import JSON_TYPE, encode

HEAD_BYTES_MAX = 65_536
HEAD_SECONDS_MAX = 15.0
"""From the opening of a connection, or the first byte of a request, to the end of its head."""


class BoundedHttp(HttpToolsProtocol):
    """Refuses a head that is too long or too slow. What is no HTTP is answered in JSON like everything else."""

    _head_bytes = 0
    _in_head = False
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_head()
        self._timer = self.loop.call_later(HEAD_SECONDS_MAX, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._in_head and self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS_MAX, self._late)
        # What is counted arrived in chunks of bounded size; the last one may hold a body as well.
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(431, "payload_too_large", f"A request's head has at most {HEAD_BYTES_MAX} bytes")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycle.scope[AT_ONCE] = partial(_answered, self.cycle)  # type: ignore[literal-required]

    def on_message_complete(self) -> None:
        super().on_message_complete()
        # Most bodies come with their head, and the application begins only afterwards: it need not watch the clock.
        self.cycle.scope[ARRIVED] = True  # type: ignore[literal-required]  # a key of ours

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the words are ours
        self._refuse(400, "invalid_input", "This is not a valid HTTP request")

    def _begin_head(self) -> None:
        self._end_head()
        self._head_bytes, self._in_head = 0, True

    def _end_head(self) -> None:
        self._in_head = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._end_head()
        if self.transport.is_closing():
            return
        body = encode(error_body(code, message, None, ""))
        head = (
            f"HTTP/1.1 {status} Refused\r\ncontent-type: {JSON_TYPE}\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()


def _answered(cycle: RequestResponseCycle, status: int, headers: RawHeaders, body: bytes) -> bool:
    """Answer a request whole, by one call of the system. False when that has to go the usual way: as uvicorn does it.

    Its two calls, and its looks at headers that are ours, cost as much as deciding a spend.
    """
    if (
        cycle.response_started
        or cycle.disconnected
        or cycle.flow.write_paused
        or cycle.scope["method"] == "HEAD"
    ):
        return False
    parts = [STATUS_LINE[status]]
    for name, value in (*cycle.default_headers, *headers):
        parts += (name, b": ", value, b"\r\n")
    if not cycle.keep_alive:
        parts.append(b"connection: close\r\n")
    parts += (b"\r\n", body)
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(b"".join(parts))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True
