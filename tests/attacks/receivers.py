"""Receivers of webhooks as strangers run them: honest, slow, broken, hostile."""

import socket
import threading
from collections.abc import Callable

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Receiver:
    """Keeps every request that came, and answers bytes; `None` is no answer until it is closed."""

    def __init__(self, answer: bytes | None = ANSWER, before: Callable[[], None] | None = None) -> None:
        self.answer = answer
        self.before = before
        self.requests: list[bytes] = []
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/hook"
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def bodies(self) -> list[bytes]:
        return [request.partition(b"\r\n\r\n")[2] for request in self.requests]

    def header(self, number: int, name: str) -> str:
        """One header of a request that came."""
        for line in self.requests[number].partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]:
            found, _, value = line.partition(": ")
            if found.lower() == name.lower():
                return value
        raise AssertionError(f"the request has no {name}")

    def close(self) -> None:
        self._closed.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with line:
            try:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += self._some(line)
                head, _, body = request.partition(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                while len(body) < length:
                    part = self._some(line)
                    body, request = body + part, request + part
                self.requests.append(request)
                if self.before is not None:
                    self.before()
                if self.answer is None:
                    self._closed.wait(60)
                else:
                    line.sendall(self.answer)
            except OSError:
                # The sender lost its patience: what came is kept.
                return

    def _some(self, line: socket.socket) -> bytes:
        part = line.recv(65_536)
        if not part:
            raise ConnectionError("the sender hung up")
        return part
