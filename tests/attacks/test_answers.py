"""Answers that leave whole keep the rules of HTTP: their order, their connection, and what HEAD leaves out."""

import json
import socket
from typing import BinaryIO

import pytest

from tests.attacks.wire import connect, exchange, rest
from tests.integration.platform.serving import Agent, Server


@pytest.fixture(scope="module")
def owner(server: Server) -> Agent:
    return server.register()


def asked(owner: Agent, path: str, *heads: str, method: str = "GET", version: str = "1.1") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: x", f"X-API-Key: {owner.credential}", *heads]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def one(answers: BinaryIO) -> tuple[bytes, bytes]:
    """Head and body of the next answer."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = answers.readline()
        assert part, "it hung up"
        head += part
    length = next(
        int(part.split(b":")[1]) for part in head.split(b"\r\n") if part.startswith(b"content-length")
    )
    return head, answers.read(length)


def test_pipelined_requests_are_answered_in_their_order(server: Server, owner: Agent) -> None:
    with connect(server.base_url) as line:
        line.sendall(
            b"".join(asked(owner, "/api/v1/spends", f"X-Request-Id: number-{number}") for number in range(20))
        )
        answers = line.makefile("rb")
        for number in range(20):
            head, body = one(answers)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert f"x-request-id: number-{number}\r\n".encode() in head
            assert json.loads(body)["success"] is True


def test_a_head_comes_once_and_names_its_date(server: Server, owner: Agent) -> None:
    with connect(server.base_url) as line:
        line.sendall(asked(owner, "/api/v1/spends"))
        answers = line.makefile("rb")
        head, _ = one(answers)
    names = [part.split(b":")[0] for part in head.split(b"\r\n")[1:] if part]
    assert {b"cache-control", b"content-length", b"content-type", b"date", b"x-request-id"} <= set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("version", "heads"), [("1.0", ()), ("1.1", ("Connection: close",)), ("1.1", ("Connection: Close",))]
)
def test_who_wants_no_more_is_hung_up_on(
    server: Server, owner: Agent, version: str, heads: tuple[str, ...]
) -> None:
    answer = exchange(server.base_url, asked(owner, "/api/v1/spends", *heads, version=version))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head.split(b"\r\n")
    assert json.loads(body)["success"] is True


def test_HEAD_is_answered_without_a_body(server: Server, owner: Agent) -> None:
    answer = exchange(server.base_url, asked(owner, "/api/v1/nowhere", "Connection: close", method="HEAD"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ")
    assert body == b""


def test_who_waits_for_leave_to_send_a_body_may_be_refused_before_it(server: Server, owner: Agent) -> None:
    with connect(server.base_url) as line:
        line.sendall(
            b"POST /api/v1/spends HTTP/1.1\r\nHost: x\r\nX-API-Key: nobody's\r\nExpect: 100-continue\r\n"
            b"Content-Length: 900000\r\nConnection: close\r\n\r\n"
        )
        assert rest(line).startswith(b"HTTP/1.1 401 ")


def test_who_reads_nothing_is_not_written_to_without_end(server: Server, owner: Agent) -> None:
    """Answers wait for room; whoever reads at last gets all of them, in their order."""
    many = 2_000
    with connect(server.base_url) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        sent = b"".join(asked(owner, "/api/v1/nowhere", f"X-Request-Id: n-{n}") for n in range(many))
        line.settimeout(0.5)
        gone = 0
        try:
            while gone < len(sent):
                gone += line.send(sent[gone : gone + 65_536])
        except TimeoutError:
            pass
        line.settimeout(20)
        answers = line.makefile("rb")
        whole = sent[:gone].count(b"\r\n\r\n")
        for number in range(whole):
            head, _ = one(answers)
            assert f"x-request-id: n-{number}\r\n".encode() in head
