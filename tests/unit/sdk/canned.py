"""A platform that answers what a test put into its mouth, and remembers what it was asked."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An answer; `hang_up` ends the connection without one."""

    body: bytes = b'{"success":true,"data":{}}'
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    hang_up: bool = False


class Canned:
    """Gives its replies in order, the last one for ever."""

    def __init__(self, *replies: Reply) -> None:
        self.asked: list[Asked] = []
        outer, waiting = self, list(replies)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.asked.append(Asked(self.command, self.path, headers, body))
                given = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                if given.hang_up:
                    self.close_connection = True
                    return
                self.send_response(given.status)
                for name, value in given.headers:
                    self.send_header(name, value)
                if given.status != 204:
                    self.send_header("Content-Length", str(len(given.body)))
                self.end_headers()
                if given.status != 204:
                    self.wfile.write(given.body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: tests tell what they see themselves."""

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.reply)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
