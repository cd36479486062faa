"""Receiving webhooks: a small HTTP server in a thread that believes nothing whose signature does not hold."""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from valetkey.core.errors import InvalidInput
from valetkey.crypto.secret import Secret
from valetkey.wire import js_json
from valetkey.wire.http import JSON_TYPE, SIGNATURE_HEADER
from valetkey.wire.webhooks import WebhookError, verify_header

BODY_BYTES_MAX = 4 * 1_048_576
LENGTH_DIGITS_MAX = 10
IDLE_SECONDS = 15.0

Handler = Callable[[dict[str, Any]], None]
"""Gets one event as parsed JSON. What it raises answers 500, and the platform sends the event again later."""


def read_webhook(
    secret: Secret | str, header: str | None, body: bytes, now: int | None = None
) -> dict[str, Any]:
    """The event in a webhook that the secret signed; for servers of your own.

    `header` is that of X-Abbababa-Signature, `body` what arrived, byte for byte; `now` is unix seconds. Raises
    WebhookError for a signature that does not hold, InvalidInput for a body that is no JSON object.
    """
    known = Secret(secret) if isinstance(secret, str) else secret
    verify_header(known, header, body, int(time.time()) if now is None else now)
    event = js_json.parse(body)
    if not isinstance(event, dict):
        raise InvalidInput("a webhook is a JSON object")
    return event


class WebhookReceiver:
    """Listens for webhooks until `close`. Answers 200, 401 for a bad signature, 400, 404 and 500 as the peer does.

    `port` 0 is any free one; `url` is what to pass as `callback_url` when a proxy does not stand in front.
    """

    def __init__(
        self,
        secret: Secret | str,
        handler: Handler,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        path: str = "/webhook",
    ) -> None:
        known = Secret(secret) if isinstance(secret, str) else secret
        if not known:
            raise InvalidInput("a receiver needs the secret that signs the webhooks")
        kind = _Server6 if ":" in host else _Server
        self._server = kind((host, port), _handler_class(known, handler, path))
        self.port = int(self._server.server_address[1])
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}{path}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening. Safe to call twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is no news; anything else is a bug, and shows."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Server6(_Server):
    address_family = socket.AF_INET6


def _handler_class(secret: Secret, handler: Handler, path: str) -> type[BaseHTTPRequestHandler]:
    class _Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "valetkey"
        sys_version = ""
        timeout = IDLE_SECONDS

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            plain = length.isdecimal() and len(length) <= LENGTH_DIGITS_MAX
            if not plain or int(length) > BODY_BYTES_MAX:
                self.close_connection = True
                self._answer(400, {"error": "a body of bounded length is required"})
                return
            body = self.rfile.read(int(length))
            if self.path != path:
                self._answer(404, {"error": "not found"})
                return
            try:
                event = read_webhook(secret, self.headers.get(SIGNATURE_HEADER), body)
            except WebhookError:
                self._answer(401, {"error": "invalid signature"})
                return
            except InvalidInput:
                self._answer(400, {"error": "invalid JSON"})
                return
            try:
                handler(event)
            except Exception:  # noqa: BLE001 - the handler is the user's; the sender is told to try again
                self._answer(500, {"error": "the handler failed"})
                return
            self._answer(200, {"received": True})

        def do_GET(self) -> None:
            self.close_connection = True
            self._answer(404, {"error": "not found"})

        do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: the terminal is the user's."""

        def _answer(self, status: int, value: dict[str, Any]) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", JSON_TYPE)
            self.send_header("Content-Length", str(len(body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

    return _Receiver
