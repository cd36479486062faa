"""Before a request is authenticated: a head too long, too slow or no HTTP, and callers who lie about where they are."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.attacks.killing import Killed


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    running = Killed(tmp_path_factory.mktemp("served"), VALETKEY_RATE_LIMITS="1")
    yield running
    running.kill()


def told(served: Killed, *parts: bytes) -> bytes:
    """What the platform answers before it closes the connection."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:
            pass  # it closed already, which is the point
        answer = b""
        try:
            while more := connection.recv(65_536):
                answer += more
        except ConnectionResetError:
            pass
        return answer


def test_an_endless_header_is_cut_off_and_costs_nobody_anything(served: Killed) -> None:
    before = served.memory()
    began = time.monotonic()
    answer = told(served, b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-long: ", *[b"a" * 1_000_000] * 60)
    assert time.monotonic() - began < 10
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    assert served.answers()
    assert served.memory() - before < 30_000_000


def test_a_long_head_of_many_headers_is_refused_in_json(served: Killed) -> None:
    headers = b"".join(b"x-%d: %s\r\n" % (number, b"a" * 100) for number in range(3_000))
    answer = told(served, b"GET /healthz HTTP/1.1\r\nhost: a\r\n", headers)
    assert answer.startswith(b"HTTP/1.1 431 ")
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (body["success"], body["code"]) == (False, "payload_too_large")


@pytest.mark.parametrize("nonsense", [b"FOO\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_no_http_is_answered_in_json(served: Killed, nonsense: bytes) -> None:
    answer = told(served, nonsense)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert isinstance(json.loads(answer.partition(b"\r\n\r\n")[2])["error"], str)


@pytest.mark.slow
@pytest.mark.parametrize("begin", [b"", b"GET /healthz HTTP/1.1\r\nhost: a\r\n"])
def test_a_head_that_does_not_end_is_not_waited_for(served: Killed, begin: bytes) -> None:
    began = time.monotonic()
    assert told(served, begin) == b""
    assert 10 < time.monotonic() - began < 25


def test_a_body_may_be_larger_than_a_head(served: Killed) -> None:
    with httpx.Client(base_url=served.base_url, timeout=30) as http:
        for _ in range(3):
            answer = http.post("/api/v1/agents/register", json={"agentName": "a" * 500_000})
            assert answer.status_code == 400
            assert http.get("/healthz").status_code == 200


def test_a_caller_is_not_believed_about_its_address(served: Killed) -> None:
    with httpx.Client(base_url=served.base_url, timeout=30) as http:
        statuses = [
            http.get(
                "/api/v1/transactions",
                headers={"X-API-Key": f"aba_{number:064x}", "X-Forwarded-For": f"10.0.{number}.1"},
            ).status_code
            for number in range(130)
        ]
    assert (statuses[0], statuses[-1]) == (401, 429)


def test_a_named_proxy_is_believed(tmp_path: Path) -> None:
    proxied = Killed(tmp_path, VALETKEY_RATE_LIMITS="1", VALETKEY_TRUSTED_PROXIES="127.0.0.1")
    try:
        with httpx.Client(base_url=proxied.base_url, timeout=30) as http:
            for number in range(130):
                headers = {"X-API-Key": f"aba_{number:064x}", "X-Forwarded-For": f"10.0.{number}.1"}
                assert http.get("/api/v1/transactions", headers=headers).status_code == 401
    finally:
        proxied.kill()
