"""A node that lies, stalls and breaks: a real HTTP server on loopback whose every answer is a test's choice."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

CHAIN_ID = "0x14a34"


class Node:
    """`results` are by method: a value, or a function of the parameters. `body`, `status`, `delay` spoil answers."""

    def __init__(self) -> None:
        self.results: dict[str, Any] = {"eth_chainId": CHAIN_ID}
        self.body: bytes | Callable[[Any], bytes] | None = None
        self.status = 200
        self.headers: dict[str, str] = {}
        self.delay = 0.0
        self.hang_up_first = 0
        self.asked: list[tuple[str, list[Any]]] = []
        self.connections = 0
        self.busy = 0
        self.busiest = 0
        self.lock = threading.Lock()
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.node = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]

    def wait(self) -> None:
        self._stopping.wait(self.delay)

    def answer(self, request: Any) -> bytes:
        method, params = request["method"], request["params"]
        if self.body is not None and method != "eth_chainId":
            return self.body if isinstance(self.body, bytes) else self.body(request)
        if method not in self.results:
            error = {"code": -32601, "message": f"no {method} at {self.url}"}
            return json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}).encode()
        result = self.results[method]
        if callable(result):
            result = result(*params)
        return json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    node: Node

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gave up is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        with self.server.node.lock:
            self.server.node.connections += 1

    def do_POST(self) -> None:
        node = self.server.node
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with node.lock:
            node.asked.append((request["method"], request["params"]))
            node.busy += 1
            node.busiest = max(node.busiest, node.busy)
            hang_up = node.hang_up_first > 0
            node.hang_up_first -= hang_up
        try:
            if hang_up:
                self.close_connection = True
                return
            if node.delay:
                node.wait()
            body = node.answer(request)
            # The check of the chain id is let through, so that the answer under test is reached.
            status = 200 if request["method"] == "eth_chainId" else node.status
            self.send_response(status)
            for name, value in node.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        finally:
            with node.lock:
                node.busy -= 1

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
