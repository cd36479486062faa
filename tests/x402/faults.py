"""A loopback proxy before a seller, which loses, delays and replaces answers after the payment was settled."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import httpx

HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "content-encoding"}
PAYMENT_HEADERS = ("payment-signature", "x-payment")


@dataclass
class Exchange:
    """A request that was answered by the seller, before the client hears of it. `paid`: it carried a payment."""

    where: str
    paid: str | None
    status: int
    headers: dict[str, str]
    content: bytes


class Lost(Exception):
    """Raised by a fault: the connection ends without an answer."""


Fault = Callable[[Exchange], None]


def lose(exchange: Exchange) -> None:
    """The answer never arrives."""
    raise Lost


def fail(exchange: Exchange) -> None:
    """The seller's proxy answers 500 in its place, without a receipt."""
    exchange.status, exchange.content = 500, b"proxy error"
    exchange.headers = {"Content-Type": "text/plain"}


def slowly(seconds: float) -> Fault:
    """The answer comes so many seconds late."""

    def wait(_exchange: Exchange) -> None:
        time.sleep(seconds)

    return wait


class FaultyProxy:
    """Forwards to `target`. `fault` meets the next `times` answers that a payment earned; the rest passes.

    `paid` are the payment headers that came by, in order; `answered` counts what was let through or replaced.
    """

    def __init__(self, target: str, fault: Fault | None = None, *, times: int = 1) -> None:
        self.fault = fault
        self.times = times
        self.paid: list[str] = []
        self.requests = 0
        self._lock = threading.Lock()
        self._upstream = httpx.Client(base_url=target, timeout=60, trust_env=False)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self) -> None:
                try:
                    exchange = outer._ask(self)
                except (Lost, httpx.HTTPError):
                    self.close_connection = True
                    return
                self.send_response(exchange.status)
                for name, value in exchange.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(exchange.content)))
                self.end_headers()
                self.wfile.write(exchange.content)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: tests tell what they see themselves."""

        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.forward)
        return Handler

    def _ask(self, request: BaseHTTPRequestHandler) -> Exchange:
        body = request.rfile.read(int(request.headers.get("content-length") or 0))
        # The name by which the client asked stays: the seller quotes for that address.
        sent = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        paid = next((request.headers[name] for name in PAYMENT_HEADERS if name in request.headers), None)
        answer = self._upstream.request(request.command, request.path, content=body, headers=sent)
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
        where = f"{request.command} {request.path}"
        exchange = Exchange(where, paid, answer.status_code, headers, answer.content)
        with self._lock:
            self.requests += 1
            if paid is not None:
                self.paid.append(paid)
            strikes = self.fault is not None and paid is not None and answer.is_success and self.times > 0
            if strikes:
                self.times -= 1
        if strikes and self.fault is not None:
            self.fault(exchange)
        return exchange

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._upstream.close()
        self._thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
