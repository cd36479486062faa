"""Every answer is JSON that the third-party client can read, also to nonsense; nothing answers 500."""

from typing import Any

import httpx
import pytest

from tests.integration.platform.serving import Agent, Server
from valetkey.platform.api import ENDPOINTS


@pytest.fixture(scope="module")
def owner(server: Server) -> Agent:
    return server.register()


def check(answer: httpx.Response) -> Any:
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert isinstance(body, dict)
    assert body["success"] is (answer.status_code < 300)
    if not body["success"]:
        assert isinstance(body["error"], str)
        assert body["error"]
        assert isinstance(body["code"], str)
        assert body["requestId"] == answer.headers["x-request-id"]
    assert answer.status_code < 500 or body["code"] == "chain_unavailable"
    return body


@pytest.mark.parametrize("path", ["/", "/nope", "/api/v1", "/api/v1/services/", "/api/v1/memory", "/api/v1/messages",
                                  "/api/v1/channels", "/api/v1/agents/%ff/x", "/api/v1/%00"])  # fmt: skip
def test_what_is_not_there_is_404(server: Server, owner: Agent, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = server.http.request(method, path, headers={"X-API-Key": owner.credential})
        assert answer.status_code == 404
        check(answer)


@pytest.mark.parametrize("method", ["TRACE", "QUERY", "PROPFIND", "OPTIONS", "HEAD"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/services/x", "DELETE, GET, PATCH"),
        ("/api/v1/checkout", "POST"),
        ("/healthz", "GET, HEAD"),
        ("/claim/x", "GET, HEAD"),
    ],
)
def test_whatever_method_is_asked_for_it_is_told_which_there_are(
    server: Server, method: str, path: str, allowed: str
) -> None:
    answer = server.http.request(method, path)
    if method in allowed:
        assert answer.status_code == 200
        return
    assert (answer.status_code, answer.headers.get("allow")) == (405, allowed)


def test_another_method_is_405(server: Server, owner: Agent) -> None:
    answer = owner.ask("PUT", "/services")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"
    check(answer)


def test_a_long_body_is_413(server: Server, owner: Agent) -> None:
    headers = {"X-API-Key": owner.credential}
    answer = server.http.post("/api/v1/checkout", content=b" " * 1_048_577, headers=headers)
    assert answer.status_code == 413
    check(answer)
    parts = (b" " * 65_536 for _ in range(17))
    answer = server.http.post("/api/v1/checkout", content=parts, headers=headers)
    assert answer.status_code == 413
    check(answer)


WRITES = [endpoint for endpoint in ENDPOINTS if endpoint.takes is not None]
NONSENSE = [b"", b"null", b"[]", b"1", b'"x"', b"{", b"{}", b"\xff\xfe", b"NaN", b'{"a":1}garbage', b"[" * 20_000,
            b'{"price":1e999,"budgetUsdc":1e999,"expiry":1e999,"quantity":1e999}', b'{"a":"\\ud800"}']  # fmt: skip


@pytest.mark.parametrize("endpoint", WRITES, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_nonsense_is_the_callers_fault(server: Server, owner: Agent, endpoint: Any) -> None:
    path = endpoint.path.replace("{id}", "x")
    for body in NONSENSE:
        answer = server.http.request(
            endpoint.method, path, content=body, headers={"X-API-Key": owner.credential}
        )
        assert 400 <= answer.status_code < 500, body
        check(answer)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_ids_and_queries_may_be_anything(server: Server, owner: Agent, endpoint: Any) -> None:
    for strange in ("x", "%27%3B--", "0x" + "0" * 64, "%F0%9F%98%80", "a" * 3_000):
        path = endpoint.path.replace("{id}", strange)
        query = {"limit": strange[:50], "offset": "-1", "q": strange, "address": strange, "network": strange}
        answer = server.http.request(
            endpoint.method, path, params=query, headers={"X-API-Key": owner.credential}
        )
        if endpoint.path.endswith("/audit") and answer.status_code == 200:
            # A file, not an answer.
            assert answer.headers["content-type"] == "application/jsonl"
            continue
        check(answer)


def test_credentials(server: Server, owner: Agent) -> None:
    url = "/api/v1/transactions"
    other = server.register()
    for headers, status in [
        ({}, 401),
        ({"X-API-Key": ""}, 401),
        ({"X-API-Key": "aba_" + "0" * 64}, 401),
        ({"X-API-Key": "x" * 10_000}, 401),
        ({"Authorization": "Basic eDp5"}, 401),
        ({"Authorization": owner.credential}, 401),
        ({"X-API-Key": owner.credential}, 200),
        ({"Authorization": f"Bearer {owner.credential}"}, 200),
        ({"Authorization": f"bearer {owner.credential}"}, 200),
        ({"X-API-Key": owner.credential, "Authorization": f"Bearer {owner.credential}"}, 200),
        ({"X-API-Key": owner.credential, "Authorization": f"Bearer {other.credential}"}, 401),
    ]:
        answer = server.http.get(url, headers=headers)
        assert answer.status_code == status, headers
        check(answer)


def test_a_dead_credential_is_refused_where_none_is_needed(server: Server) -> None:
    assert server.http.get("/api/v1/services").status_code == 200
    assert server.http.get("/api/v1/services", headers={"X-API-Key": "dead"}).status_code == 401


def test_posts_without_a_body_are_understood(server: Server, owner: Agent) -> None:
    answer = server.http.post(
        "/api/v1/transactions/txn_none/confirm", headers={"X-API-Key": owner.credential}
    )
    assert answer.status_code == 404
    assert check(answer)["error"] == "Transaction not found"


def test_a_plain_request_id_is_kept_and_a_strange_one_is_not(server: Server) -> None:
    assert server.http.get("/healthz", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert server.http.get("/healthz", headers={"X-Request-Id": "a b"}).headers["x-request-id"] != "a b"


def test_health(server: Server) -> None:
    assert server.http.get("/healthz").status_code == 200
    ready = server.http.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["details"] == {"failing": ["base-sepolia"]}
    page = server.http.get("/metrics").text
    assert "valetkey_http_requests_total" in page


def test_a_chain_that_does_not_answer_is_503_and_worth_another_try(server: Server, owner: Agent) -> None:
    answer = owner.ask("GET", "/agents/score")
    assert answer.status_code == 503
    assert check(answer)["code"] == "chain_unavailable"
    assert int(answer.headers["retry-after"]) >= 1


def test_network_and_pulse_are_for_everybody(server: Server) -> None:
    network = server.http.get("/api/v1/network").json()["data"]
    assert (network["chain"], network["chainId"], network["testMode"]) == ("baseSepolia", 84532, True)
    pulse = server.http.get("/api/v1/marketplace/pulse", headers={"X-API-Key": "dead"}).json()["data"]
    assert pulse["settlement"]["supportedTokens"] == ["USDC"]
