"""The HTTP endpoint of the py-evm chain on loopback: bodies in, bodies out; the answers are rpc.py's."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from valetkey.chains.devchain.archive import Archive
from valetkey.chains.devchain.chain import Chain
from valetkey.chains.devchain.engines import LOOPBACK
from valetkey.chains.devchain.rpc import Rpc

BODY_BYTES_MAX = 8 * 2**20
IDLE_SECONDS = 300.0
STACK_BYTES = 256 * 2**20
"""A contract may call itself a thousand times deep, and each level is a few of Python's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "valetkey-devchain"
    sys_version = ""
    timeout = IDLE_SECONDS
    # Head and body leave as one write, and at once: else every answer waits for the client's delayed ACK.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: "_Server"

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self._refuse(411, "a Content-Length is required")
        elif int(length) > BODY_BYTES_MAX:
            self._refuse(413, f"a body may have at most {BODY_BYTES_MAX} bytes")
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                self._answer(200, self.server.rpc.answer(body), "application/json")

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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, port: int, rpc: Rpc) -> None:
        self.rpc = rpc
        super().__init__((LOOPBACK, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up in the middle is no news."""


class PyEvmEngine:
    """The chain and its endpoint, in threads of this process."""

    name = "py-evm"

    def __init__(self, port: int, archive: Path | None, chain_id: int) -> None:
        self._archive = Archive(None if archive is None else str(archive))
        try:
            self._rpc = Rpc(Chain(self._archive, chain_id))
            self._server = _Server(port, self._rpc)
        except BaseException:
            self._archive.close()
            raise
        self.rpc_url = f"http://{LOOPBACK}:{self._server.server_address[1]}"
        threading.stack_size(STACK_BYTES)
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def wait(self, stdin: int) -> None:
        while os.read(stdin, 4096):
            pass

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        # Whatever runs finishes first: nothing is cut off in the middle of a block.
        with self._rpc.lock:
            self._archive.close()
