"""A loopback proxy that lets a test act at an exact moment: before a request arrives, or before its answer does."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import httpx

Hook = Callable[[str, bytes], None]
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "content-encoding", "host"}


class Cut(Exception):
    """Raised by a hook: the connection ends here, without an answer."""


def nothing(_where: str, _body: bytes) -> None:
    """A hook that does not act."""


class Proxy:
    """Forwards to `target`. `before` and `after` see "POST /path" and the request's body, and may raise Cut."""

    def __init__(self, target: str, *, before: Hook = nothing, after: Hook = nothing) -> None:
        self.before = before
        self.after = after
        upstream = httpx.Client(base_url=target, timeout=60, trust_env=False)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                where = f"{self.command} {self.path}"
                sent = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
                try:
                    outer.before(where, body)
                    answer = upstream.request(self.command, self.path, content=body, headers=sent)
                    outer.after(where, body)
                except (Cut, httpx.HTTPError):
                    self.close_connection = True
                    return
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: tests tell what they see themselves."""

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.forward)
        self._upstream = upstream
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._upstream.close()
        self._thread.join(10)
