"""Talking to a server by bytes, as a client that keeps no rule does."""

import socket
from urllib.parse import urlsplit

SECONDS = 20.0


def connect(base_url: str) -> socket.socket:
    """A connection to the server of this URL."""
    parts = urlsplit(base_url)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), timeout=SECONDS)


def rest(line: socket.socket) -> bytes:
    """Everything until the other side closes."""
    found = b""
    while part := line.recv(65_536):
        found += part
    return found


def exchange(base_url: str, sent: bytes) -> bytes:
    """Send bytes, and read until the other side closes."""
    with connect(base_url) as line:
        line.sendall(sent)
        return rest(line)


def begun(base_url: str, credential: str, method: str, path: str, body: bytes) -> socket.socket:
    """A request of which everything but the last byte of its body was sent."""
    line = connect(base_url)
    head = (
        f"{method} /api/v1{path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {credential}\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    line.sendall(head.encode() + body[:-1])
    return line


def ended(line: socket.socket, body: bytes) -> tuple[int, bytes]:
    """Send the last byte of such a request; the status and what else was answered."""
    line.sendall(body[-1:])
    answer = rest(line)
    line.close()
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[2]
