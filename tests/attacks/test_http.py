"""Bytes that no client of ours sends: broken JSON, deep JSON, slow bodies, strange headers and paths."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.attacks.receivers import Receiver
from tests.attacks.wire import begun, connect, exchange, rest
from tests.integration.platform.conftest import ADDRESS, Start
from tests.integration.platform.serving import Agent, Server
from valetkey.platform.api import ENDPOINTS
from valetkey.platform.http import Access, Endpoint
from valetkey.wire import js_json

WRITES = [endpoint for endpoint in ENDPOINTS if endpoint.takes is not None]
NOT_OURS = ("Traceback", 'File "', "sqlite", "apsw", "SELECT", "UPDATE ", "msgspec", "/src/", ".py", "0x7f")


@pytest.fixture(scope="module")
def owner(server: Server) -> Agent:
    return server.register()


@pytest.fixture(scope="module")
def seller(server: Server) -> Agent:
    return server.register()


def named(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def checked(answer: httpx.Response, status_below: int = 500) -> Any:
    """An answer that a client can read and that tells an attacker nothing."""
    assert answer.status_code < status_below or answer.json()["code"] == "chain_unavailable", answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    if answer.status_code >= 300:
        assert isinstance(body["error"], str)
        assert not any(word in answer.text for word in NOT_OURS), answer.text
    return body


BROKEN = [
    b'{"a":', b'{"a":1,}', b"{'a':1}", b'{"a":01}', b'{"a":+1}', b'{"a":.5}', b'{"a":1.}', b'{"a":NaN}',
    b'{"a":-Infinity}',
    b'{"a":"\x00"}', b'{"a":"\n"}', b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\\ud800"}', b'{"a":"\\x41"}',
    b"\xef\xbb\xbf{}", b'{"a":1}{"b":2}', b"[" * 900_000, b'{"a":' * 150_000, b"[" * 100_000 + b"]" * 100_000,
    b'"' * 100_000, b"\\" * 100_000, b"\x1f\x8b\x08\x00", b"\x00" * 1_000, b"null" * 1_000, b"-", b"1" * 900_000,
]  # fmt: skip


@pytest.mark.parametrize("endpoint", WRITES, ids=named)
def test_broken_bodies_are_the_callers_fault(server: Server, owner: Agent, endpoint: Endpoint) -> None:
    path = endpoint.path.replace("{id}", "x")
    for body in BROKEN:
        answer = server.http.request(
            endpoint.method, path, content=body, headers={"X-API-Key": owner.credential}
        )
        checked(answer)
        assert 400 <= answer.status_code < 500, body[:40]


@pytest.mark.parametrize("endpoint", WRITES, ids=named)
def test_every_member_takes_every_kind_of_value(server: Server, owner: Agent, endpoint: Endpoint) -> None:
    """One hostile value in each member in turn: 4xx or a success, never a bug."""
    values: list[Any] = [
        None, True, -1, 0, 2**63, 10**29, 1e308, "", "\x00", "x" * 20_000, "\u202e", [], [[]], {}, {"$ne": None},
        "' OR 1=1 --", "../../etc/passwd", "${jndi:ldap://x}", "-0", "1e5", "\n2.5", "0x" + "0" * 64, "NaN",
    ]  # fmt: skip
    path = endpoint.path.replace("{id}", "x")
    for member in endpoint.takes.__struct_encode_fields__:
        for value in values:
            answer = server.http.request(
                endpoint.method, path, json={member: value}, headers={"X-API-Key": owner.credential}
            )
            checked(answer)


@pytest.mark.parametrize("depth", [js_json.DEPTH_MAX + 1, 950, 5_000, 100_000, 170_000])
@pytest.mark.parametrize("mark", [b"[]", b"{}"])
def test_a_payload_that_nobody_could_read_is_refused(
    server: Server, owner: Agent, seller: Agent, depth: int, mark: bytes
) -> None:
    """It would make every page that it is on unreadable for the seller."""
    inside, opening = (b"", b"[") if mark == b"[]" else (b"1", b'{"":')
    payload = opening * depth + inside + mark[1:] * depth
    body = b'{"serviceId":"%s","requestPayload":%s}' % (seller.offer()["id"].encode(), payload)
    answer = server.http.post("/api/v1/checkout", content=body, headers={"X-API-Key": owner.credential})
    checked(answer)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * js_json.DEPTH_MAX + b"]" * js_json.DEPTH_MAX,
        b'["' + b"[{" * 5_000 + b'\\\\\\""]', b"[" + b'"[",' * 9_000 + b"1]",
        b"[" + b"[]," * 9_000 + b"1]",
    ],
    ids=["deep", "in a text", "in texts", "side by side"],
)  # fmt: skip
def test_what_only_looks_deep_passes(server: Server, owner: Agent, seller: Agent, payload: bytes) -> None:
    body = b'{"serviceId":"%s","requestPayload":%s}' % (seller.offer()["id"].encode(), payload)
    answer = server.http.post("/api/v1/checkout", content=body, headers={"X-API-Key": owner.credential})
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]["transactionId"]
    assert payload in seller.ask("GET", f"/transactions/{made}").content


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
def test_ids_lead_nowhere(server: Server, owner: Agent, endpoint: Endpoint) -> None:
    if endpoint.media:
        # What it answers to its owner is no JSON; it takes no id, and has tests of its own.
        assert "{id}" not in endpoint.path
        return
    for strange in (
        "%2e%2e%2f%2e%2e%2fmetrics", "..%2f..%2fetc%2fpasswd", "%00", "x%00y", "%0d%0aX-Injected:%201", "%ff%fe",
        "%27%20OR%201=1--", "*", "txn_%25", "%5c..%5c", "a" * 8_000, "%e2%80%ae", ";id=x", "%3fid=x", "%23",
    ):  # fmt: skip
        path = endpoint.path.replace("{id}", strange)
        headers = {"X-API-Key": owner.credential}
        answer = server.http.request(endpoint.method, path, json={}, headers=headers)
        checked(answer)
        assert "x-injected" not in answer.headers
        if "{id}" in endpoint.path:
            closed = (401,) if endpoint.access is Access.OPERATOR else ()
            assert answer.status_code in (400, 404, 405, *closed), (endpoint.path, strange)


def test_headers_do_not_come_back(server: Server, owner: Agent, seller: Agent) -> None:
    service = seller.offer()
    for name, value in (
        ("X-Request-Id", b"a\tb"), ("X-Request-Id", b"x" * 65), ("X-Request-Id", "é".encode()),
        ("X-Request-Id", b"<b>"),
        ("Idempotency-Key", b"\xff\xfe"), ("Idempotency-Key", b""), ("Idempotency-Key", b"a\tb"),
        ("Idempotency-Key", b"k" * 256),
    ):  # fmt: skip
        headers = [(b"X-API-Key", owner.credential.encode()), (name.encode(), value)]
        answer = server.http.post("/api/v1/checkout", json={"serviceId": service["id"]}, headers=headers)
        checked(answer)
        assert not value or value not in b"\n".join(part for pair in answer.headers.raw for part in pair)


def test_line_breaks_in_headers_end_the_connection(server: Server) -> None:
    for head in (
        b"X-Request-Id: a\nX: b",
        b"X-Request-Id: a\r\n b",
        b"X A: b",
        b"X-\x00: b",
        b": b",
        b"Content-Length: -1",
    ):
        answer = exchange(
            server.base_url,
            b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + head + b"\r\n\r\n",
        )
        assert b"\nX: b" not in answer
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 200"))


def test_two_lengths_are_refused(server: Server) -> None:
    """What a proxy takes for one request must not be two."""
    inner = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    for head in (
        b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Content-Length: 5\r\nContent-Length: 6",
        b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: xchunked", b"Content-Length: 5 6",
    ):  # fmt: skip
        sent = b"POST /api/v1/checkout HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n0\r\n\r\n" + inner
        answer = exchange(server.base_url, sent)
        assert answer.startswith(b"HTTP/1.1 400"), head
        assert b"valetkey_http" not in answer


def test_a_body_that_does_not_come_is_not_waited_for(
    server: Server, owner: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("valetkey.platform.serving.BODY_SECONDS", 0.5)
    lines = [begun(server.base_url, owner.credential, "POST", "/checkout", b"{ }") for _ in range(50)]
    began = time.monotonic()
    for line in lines:
        answer = rest(line)
        line.close()
        assert answer.startswith(b"HTTP/1.1 400")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "validation_failed"
    assert time.monotonic() - began < 10


def test_bodies_of_strangers_are_not_read(server: Server) -> None:
    with connect(server.base_url) as line:
        head = (
            "POST /api/v1/checkout HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 900000\r\n\r\n"
        )
        line.sendall(head.encode())
        assert rest(line).startswith(b"HTTP/1.1 401")


def test_callers_that_hang_up_harm_nobody(server: Server, owner: Agent, seller: Agent) -> None:
    service = seller.offer()
    body = json.dumps({"serviceId": service["id"]}).encode()
    for _ in range(30):
        begun(server.base_url, owner.credential, "POST", "/checkout", body).close()
    assert owner.data("GET", "/transactions?role=buyer")["total"] >= 0
    assert service["id"] not in owner.ask("GET", "/transactions?role=buyer&limit=100").text
    assert server.http.get("/healthz").status_code == 200


def test_the_last_of_two_members_counts_everywhere(server: Server, owner: Agent, seller: Agent) -> None:
    """JSON with a member twice means what JavaScript reads: a proxy that looks at it the same way agrees."""
    cheap, dear = seller.offer(price=1)["id"], seller.offer(price=40)["id"]
    body = f'{{"serviceId":"{dear}","serviceId":"{cheap}","quantity":9,"quantity":1}}'
    answer = server.http.post("/api/v1/checkout", content=body, headers={"X-API-Key": owner.credential})
    made = answer.json()["data"]
    assert (made["service"]["id"], made["totalCharged"]) == (cheap, 1.02)


def test_everybody_may_ask_whether_it_is_ready_and_nobody_keeps_it_busy(start: Start) -> None:
    """A look costs a count of the tables and a call of the operator's node: askers of one second share it."""
    node = Receiver(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
    network = {
        "network": "base-sepolia",
        "rpcUrl": node.url,
        "escrow": ADDRESS,
        "score": ADDRESS,
        "usdc": ADDRESS,
    }
    asked = start(VALETKEY_NETWORKS=json.dumps([network]), VALETKEY_RECONCILE_SECONDS="3600")
    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        statuses = set(pool.map(lambda _: httpx.get(f"{asked.base_url}/readyz").status_code, range(64)))
    seconds = time.monotonic() - began
    node.close()
    assert statuses == {503}
    assert 1 <= len(node.requests) <= seconds + 2


SEARCHES = [
    '"', "'", "*", "a*", '"a" OR "b"', "NEAR(a b)", "title:x", "-x", "^x", "(", ")", "a AND", "\x00", "%", "_", "\\",
    "'; DROP TABLE services; --", "x" * 200, "\u202e", "🙂", "a" + "\u0301" * 150, " ", "\t\n", "{", "}", "+",
]  # fmt: skip


@pytest.mark.parametrize("text", SEARCHES)
def test_what_is_searched_for_is_only_words(server: Server, seller: Agent, text: str) -> None:
    mark = seller.key.address.lower()
    if not seller.answers:
        seller.answers.append(seller.ask("POST", "/services", {
            "title": f"findme{mark}", "description": "d", "category": "other", "price": 1, "priceUnit": "flat",
        }))  # fmt: skip
    for path, name in (("/api/v1/services", "q"), ("/api/v1/agents", "search")):
        checked(server.http.get(path, params={name: text}))
        body = checked(server.http.get(path, params={name: f"zzz{text}"[:200]}))
        data = body["data"]
        assert (data["total"] if isinstance(data, dict) else len(data)) == 0
    found = server.http.get("/api/v1/services", params={"q": f"findme{mark}"}).json()["data"]
    assert found["total"] == 1


def test_paging_has_bounds(server: Server, owner: Agent) -> None:
    for path in ("/services", "/agents", "/agents/sessions", "/transactions"):
        for query, status in (
            ("limit=0", 400), ("limit=-1", 400), ("limit=101", 200), ("limit=99999999999999999999", 200),
            ("limit=1.5", 400),
            ("limit=nan", 400), ("limit=", 400), ("offset=-1", 400), ("offset=1000001", 400), ("offset=1000000", 200),
            ("limit=1e2", 200), ("limit=" + "9" * 5_000, 400), ("limit=%00", 400),
        ):  # fmt: skip
            answer = owner.ask("GET", f"{path}?{query}")
            assert answer.status_code == status, (path, query[:40])
            checked(answer)
