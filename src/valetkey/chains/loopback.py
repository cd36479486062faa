"""An HTTP endpoint on loopback for an embedded chain: bodies in, bodies out; whoever serves it makes the answers."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOOPBACK = "127.0.0.1"
BODY_BYTES_MAX = 8 * 2**20
IDLE_SECONDS = 300.0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "valetkey"
    sys_version = ""
    timeout = IDLE_SECONDS
    # Head and body leave as one write, and at once: else every answer waits for the client's delayed ACK.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: "LoopbackServer"

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self._refuse(411, "a Content-Length is required")
        elif int(length) > BODY_BYTES_MAX:
            self._refuse(413, f"a body may have at most {BODY_BYTES_MAX} bytes")
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                self._answer(200, self.server.answer(body), "application/json")

    def do_GET(self) -> None:
        self._refuse(405, "POST JSON-RPC here")

    do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: whoever started the chain owns the terminal."""

    def _refuse(self, status: int, message: str) -> None:
        # What is left of the request is not read, so the connection cannot be used again.
        self.close_connection = True
        self._answer(status, message.encode(), "text/plain")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class LoopbackServer(ThreadingHTTPServer):
    """Serves each connection in a thread of its own."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, port: int, answer: Callable[[bytes], bytes]) -> None:
        """Listen on a port of loopback, 0 for any free one. Raises OSError. `answer` never raises."""
        self.answer = answer
        super().__init__((LOOPBACK, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up in the middle is no news."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.server_address[1]}"
