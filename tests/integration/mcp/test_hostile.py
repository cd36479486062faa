"""What a hostile seller, model or neighbour sends: each answer is structured, and one that paid is no error."""

import asyncio
import gzip
import json
import math
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.integration.mcp.conftest import Served, Sessions
from tests.integration.mcp.serving import Answer, check_silent, http_server
from tests.integration.mcp.test_pays_once import FEE, called, server_of
from valetkey.crypto.secret import Secret
from valetkey.mcp import bodies
from valetkey.mcp.bodies import decoded
from valetkey.mcp.checking import check
from valetkey.mcp.tools import paying_http
from valetkey.mcp.tools.shown import transaction
from valetkey.mcp.withholding import WITHHELD, Withholding
from valetkey.sdk.state import StateFolder, StateUnusable

# What a seller answers


@pytest.mark.parametrize(
    "charset",
    [
        "utf-7",
        "unicode_escape",
        "raw_unicode_escape",
        "idna",
        "punycode",
        "undefined",
        "hex",
        "nope",
        "utf-16",
    ],
)
def test_every_charset_gives_text_that_json_carries(charset: str) -> None:
    for body in (b"+2AA-", b"\\ud800", b"\xff\xfe\x00\xd8", b"\xed\xa0\x80", b"plain", bytes(range(256))):
        decoded(body, charset).encode("utf-8")


Offering = Callable[[bytes, dict[str, str]], str]


@pytest.fixture
def answering() -> Iterator[Offering]:
    """A server that answers every request with the same body and headers."""
    ends: list[socket.socket] = []

    def serve(body: bytes, headers: dict[str, str]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        ends.append(listener)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        answer = f"HTTP/1.1 200 OK\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body

        def work() -> None:
            while True:
                try:
                    taken, _ = listener.accept()
                except OSError:
                    return
                with taken:
                    taken.recv(65_536)
                    try:
                        taken.sendall(answer)
                    except OSError:
                        continue

        threading.Thread(target=work, daemon=True).start()
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    for one in ends:
        one.shutdown(socket.SHUT_RDWR)
        one.close()


def asked(served: Served, host: str, **more: Any) -> Answer:
    async def work() -> Answer:
        server = server_of(served, pay_hosts=(host,))
        answer = await called(server, "pay_x402", **{"url": f"http://{host}/", "max_amount": "1"} | more)
        # It leaves as the official package sends it.
        raw = await server.call("pay_x402", {"url": f"http://{host}/", "max_amount": "1"} | more)
        json.loads(raw.model_dump_json())
        await server.desk.close()
        return answer

    return asyncio.run(work())


def test_bodies_are_bounded_and_readable(sessions: Sessions, answering: Offering) -> None:
    served = sessions(funded=False)
    bomb = gzip.compress(b"a" * 50_000_000)
    assert len(bomb) < 100_000
    for body, headers, text, is_cut in (
        (b'"\\ud800"', {"Content-Type": "text/plain; charset=unicode_escape"}, '"\\ud800"', False),
        (b"+2AA-", {"Content-Type": "text/plain; charset=utf-7"}, "\ufffd", False),
        (b"hello", {"Content-Type": "text/plain; charset=idna"}, "hello", False),
        (b"hello", {"Content-Type": "text/plain; charset=undefined"}, "hello", False),
        (gzip.compress(b"packed"), {"Content-Encoding": "gzip"}, "packed", False),
        (zlib.compress(b"packed"), {"Content-Encoding": "deflate"}, "packed", False),
        (gzip.compress(b"packed" * 99)[:-9], {"Content-Encoding": "gzip"}, "packed" * 99, True),
        (b"not packed", {"Content-Encoding": "gzip"}, "", True),
        (b"\x28\xb5\x2f\xfd", {"Content-Encoding": "zstd"}, "", True),
        (bomb, {"Content-Encoding": "gzip"}, "a" * bodies.SHOWN_CHARS_MAX, True),
        (b"b" * 3_000_000, {}, "b" * bodies.SHOWN_CHARS_MAX, True),
    ):
        told = asked(served, answering(body, headers))
        assert (told.failed, told["state"]) == (False, "free"), told.told
        assert (told["body"], told["is_cut"]) == (text, is_cut), headers
    long = asked(served, answering(b"", {"Content-Type": "x" * 5_000}))
    assert len(long["content_type"]) == paying_http.CONTENT_TYPE_CHARS_MAX


def test_a_server_that_never_ends_is_left(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    served = sessions(funded=False)
    listener = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(paying_http, "CALL_SECONDS", 1)
    answer = asked(served, f"127.0.0.1:{listener.getsockname()[1]}")
    listener.close()
    assert (answer.failed, answer["code"], answer["retryable"]) == (True, "network", True)


def test_one_spelling_of_a_request_is_one_call(sessions: Sessions, answering: Offering) -> None:
    served = sessions(funded=False)
    host = answering(b"x", {})
    assert asked(served, host, headers={"X-A": "1"})["state"] == "free"
    twice = asked(served, host, headers={"X-A": "1", "x-a": "2"})
    assert (twice.failed, twice["field"]) == (True, "headers")
    packed = asked(served, host, headers={"Accept-Encoding": "gzip"})
    assert (packed.failed, packed["field"]) == (True, "headers")


class _View:
    """A purchase as far as it is shown."""

    service = None

    def __getattr__(self, name: str) -> Any:
        return 1 if name in ("total_charged", "quantity") else "x"


def test_a_delivery_that_is_nested_without_end_is_shown_as_text() -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    told = transaction(_View(), {"a": deep})  # type: ignore[arg-type]
    assert told["payload"].startswith('{"a":[[[')
    assert transaction(_View(), {"a": [{"b": 1}]})["payload"] == {"a": [{"b": 1}]}  # type: ignore[arg-type]


# What leaves


def test_a_secret_is_found_wherever_it_is_and_however_it_is_written() -> None:
    secret = "0x" + "ab" * 32
    withholding = Withholding(
        [Secret(secret), Secret("# created\nAGE-SECRET-KEY-1QQQQQQQQQQ\n"), Secret("short")]
    )
    # Two letters come of one in lower case: what is behind them is not where it seems.
    for text in (secret, secret.upper(), "İ" * 50 + secret[2:], f"x{secret}y{secret}"):
        clean = withholding.text(text)
        assert WITHHELD in clean
        assert "abab" not in clean.lower()
    assert withholding.text("age-secret-key-1qqqqqqqqqq") == WITHHELD
    assert withholding.text("a short word") == "a short word"
    assert withholding.value({"a": ["\ud800", math.inf, {"b": secret}]}) == {
        "a": ["\ufffd", None, {"b": WITHHELD}]
    }


# What a model sends


@pytest.mark.parametrize(
    "number",
    [10**5_000, 2**60, -(2**60), math.nan, math.inf],
    ids=["endless", "large", "negative", "nan", "infinite"],
)
def test_numbers_that_are_read_differently_elsewhere_are_refused(sessions: Sessions, number: Any) -> None:
    served = sessions(funded=False)

    async def work() -> None:
        server = server_of(served)
        for tool, asked in (
            ("purchase", {"service_id": served.market.service_id, "request": {"n": number}}),
            ("purchase", {"service_id": served.market.service_id, "quantity": number}),
            ("pay_x402", {"url": "https://example.com/", "max_amount": "1", "body": [number]}),
            ("transfer", {"to": served.payee(), "amount": number}),
        ):
            answer = await called(server, tool, **asked)
            assert (answer.failed, answer["code"]) == (True, "invalid_input"), answer.told
        await server.desk.close()

    asyncio.run(work())
    assert check(2**53, {}) is None


# What fails on this machine


def test_a_state_folder_that_fails_after_a_payment_is_no_error(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = sessions()
    payee = served.payee()

    async def work() -> None:
        server = server_of(served)
        calls = type(server.desk.calls)

        def full(*_: Any) -> None:
            raise StateUnusable("no space left")

        monkeypatch.setattr(calls, "done", full)
        paid = await called(server, "transfer", to=payee, amount="1")
        assert (paid.failed, paid["state"]) == (False, "paid")
        monkeypatch.undo()
        again = await called(server, "transfer", to=payee, amount="1")
        assert (again.failed, again["state"], again["repeated"]) == (False, "paid", True)
        # What was begun may have paid: whatever fails in it later, it is unknown.
        begun = {"to": payee, "amount": "2"}
        server.desk.calls.begin(server.desk.calls.key("transfer", begun), "2026-01-01T00:00:00.000Z")
        agent = await server.desk.holder()  # type: ignore[attr-defined]

        async def broken(*_: Any, **__: Any) -> None:
            raise RuntimeError("a bug that nobody expects")

        monkeypatch.setattr(agent, "ask", broken)
        odd = await called(server, "transfer", **begun)
        assert (odd.failed, odd["state"], odd["repeated"]) == (False, "unknown", True)
        await server.desk.close()

    asyncio.run(work())
    assert served.units(payee) == 1_000_000


def test_a_host_that_is_gone_after_it_was_paid_is_no_error(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = sessions(funded=False)

    async def work() -> None:
        server = server_of(served)
        call = {"url": "https://gone.invalid/", "max_amount": "1"}
        fresh = await called(server, "pay_x402", **call)
        assert (fresh.failed, fresh["code"]) == (True, "network")
        assert StateFolder(served.home).names("mcp-calls") == []
        request = paying_http._request(call)
        key = paying_http.key_of(server.desk.calls, call, request)
        server.desk.calls.begin(key, "2026-01-01T00:00:00.000Z")
        again = await called(server, "pay_x402", **call)
        assert (again.failed, again["state"], again["problem"]["code"]) == (False, "unknown", "network")
        server.desk.calls.done(key, "2026-01-01T00:00:00.000Z", {"state": "paid", "body": "x"})
        again = await called(server, "pay_x402", **call)
        assert (again.failed, again["state"], again["repeated"]) == (False, "paid", True)
        await server.desk.close()

    asyncio.run(work())


@pytest.mark.parametrize("pause", [0.02, 0.2, 0.6])
def test_a_client_that_hangs_up_and_calls_again_pays_once(sessions: Sessions, pause: float) -> None:
    served = sessions()
    payee = served.payee()

    async def work() -> None:
        server = server_of(served)
        await called(server, "check_session_inventory")
        calls: dict[str, dict[str, Any]] = {
            "transfer": {"to": payee, "amount": "2"},
            "purchase": {"service_id": served.market.service_id, "request": {"n": 1}},
        }
        for tool, asked in calls.items():
            for _ in range(2):
                hanging = asyncio.ensure_future(called(server, tool, **asked))
                await asyncio.wait([hanging], timeout=pause)
                hanging.cancel()
                await asyncio.wait([hanging])
            answer = await called(server, tool, **asked)
            assert (answer.failed, answer["state"]) == (False, "paid"), answer.told
        await server.desk.close()

    asyncio.run(work())
    assert served.units(payee) == 2_000_000
    assert served.committed() == 2 + FEE


# The door


def test_the_door_of_http_holds(sessions: Sessions) -> None:
    served = sessions(funded=False)
    with http_server(served.env, log=served.log) as server:
        modern = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
        right = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {server.token}"}

        def post(body: bytes, **more: str) -> httpx.Response:
            headers = {"Content-Type": "application/json", **right, **more}
            return httpx.post(server.url, content=body, headers=headers, timeout=30, trust_env=False)

        def opening(**more: str) -> httpx.Response:
            told = {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "initialize",
                "params": {
                    "protocolVersion": "2025-06-18",
                    "capabilities": {},
                    "clientInfo": {"name": "x", "version": "1"},
                },
            }
            return post(json.dumps(told).encode(), **more)

        # Every method, and every path, is behind the token.
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"):
            for url in (server.url, server.url.removesuffix("/mcp") + "/", server.url + "/x"):
                bare = httpx.request(method, url, timeout=30, trust_env=False)
                assert bare.status_code == 401
                assert bare.headers["WWW-Authenticate"].startswith("Bearer")
        # Two credentials are none, and a token in the address is none.
        two = [("Authorization", f"Bearer {server.token}")] * 2
        assert httpx.post(server.url, headers=two, json={}, timeout=30, trust_env=False).status_code == 401
        in_address = httpx.post(
            server.url, params={"access_token": server.token}, json={}, timeout=30, trust_env=False
        )
        assert in_address.status_code == 401

        # Session ids are made here: one that somebody brings is none, also with the token.
        chosen = "a" * 32
        assert opening(**{"Mcp-Session-Id": chosen}).status_code == 404
        opened = opening()
        assert opened.status_code == 200
        made = opened.headers["Mcp-Session-Id"]
        assert made != chosen
        assert opening().headers["Mcp-Session-Id"] != made
        # An id without the token opens nothing.
        with_id = {**right, "Mcp-Session-Id": made, "Content-Type": "application/json"}
        del with_id["Authorization"]
        stolen = httpx.post(server.url, headers=with_id, content=b"{}", timeout=30, trust_env=False)
        assert stolen.status_code == 401
        ended = httpx.delete(server.url, headers=with_id, timeout=30, trust_env=False)
        assert ended.status_code == 401

        # Bodies: too large, said or not; nested without end; no JSON; numbers that are none.
        large = b" " * 1_100_000
        deep = (
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
            + b"[" * 400_000
            + b"]" * 400_000
            + b"}"
        )
        for more in ({}, modern):
            assert post(large, **more).status_code == 413
            pieces = httpx.post(
                server.url,
                content=(b" " * 100_000 for _ in range(12)),
                headers={"Content-Type": "application/json", **right, **more},
                timeout=30,
                trust_env=False,
            )
            assert pieces.status_code == 413
            for body in (deep, b"{", b"\xff", b"[]", b"null", b"NaN", b'{"id":NaN}'):
                assert 400 <= post(body, **more).status_code < 500, (body[:20], more)
            assert 400 <= post(b"{}", **{**more, "Content-Type": "text/plain"}).status_code < 500
        # It lives, and is as it was.
        assert opening().status_code == 200
        log = server.log.read_text()
        assert "Traceback" not in log
        check_silent(log, [*served.secrets, server.token])


def test_a_token_of_another_server_opens_nothing(sessions: Sessions) -> None:
    one, other = sessions(funded=False), sessions(funded=False)
    # Also where they share a state folder.
    other.home, second_log = one.home, one.log.with_suffix(".second")
    with http_server(one.env, log=one.log) as first, http_server(other.env, log=second_log) as second:
        assert first.token != second.token
        headers = {"Authorization": f"Bearer {first.token}"}
        told = httpx.post(second.url, json={}, headers=headers, timeout=30, trust_env=False)
        assert told.status_code == 401
