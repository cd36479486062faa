"""A great many of everything: keys that nobody has, sessions, purchases. Memory stays bounded and pages stay right."""

import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.attacks.killing import Killed
from tests.attacks.test_kill import call, offered, read, register
from valetkey.platform.limits import KEYS_MAX, PER_MINUTE, Limit

CALLERS = 12
GROWTH_MAX = 60 * 2**20


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Killed]:
    """A platform that counts requests."""
    made = Killed(tmp_path, VALETKEY_RATE_LIMITS="1", VALETKEY_RATE_PUBLIC="100000")
    yield made
    made.kill()


@pytest.fixture
def open_to_all(tmp_path: Path) -> Iterator[Killed]:
    made = Killed(tmp_path)
    yield made
    made.kill()


def many(of: Killed, count: int, one: Any) -> list[Any]:
    """So many calls, by a few callers that keep their connections."""
    local = threading.local()
    clients: list[httpx.Client] = []

    def work(number: int) -> Any:
        if not hasattr(local, "http"):
            local.http = httpx.Client(base_url=of.base_url, timeout=60)
            clients.append(local.http)
        return one(local.http, number)

    with ThreadPoolExecutor(CALLERS) as pool:
        found = list(pool.map(work, range(count)))
    for client in clients:
        client.close()
    return found


@pytest.mark.slow
def test_guessing_keys_fills_no_memory_and_locks_nobody_out(guarded: Killed) -> None:
    owner = register(guarded)
    before = guarded.memory()

    def guess(http: httpx.Client, _: int) -> int:
        headers = {"X-API-Key": "aba_" + secrets.token_hex(32)}
        return http.get("/api/v1/transactions", headers=headers).status_code

    seen = Counter(many(guarded, KEYS_MAX + 2_000, guess))
    assert set(seen) == {401, 429}
    assert seen[401] < 2 * PER_MINUTE[Limit.GUESS] + KEYS_MAX // 100
    assert guarded.memory() - before < GROWTH_MAX
    # Whoever has a key at the same address is served, and looks up what is public.
    assert call(guarded, owner, "GET", "/transactions")["total"] == 0
    assert httpx.get(f"{guarded.base_url}/api/v1/network").status_code == 200


@pytest.mark.slow
def test_ten_thousand_sessions_are_listed_each_once(open_to_all: Killed) -> None:
    owner, other = register(open_to_all), register(open_to_all)
    asked = {"budgetUsdc": 1, "expiry": 3_600}
    call(open_to_all, other, "POST", "/agents/session", asked)

    def make(http: httpx.Client, number: int) -> str:
        body = {**asked, "label": f"number {number}"}
        answer = http.post("/api/v1/agents/session", json=body, headers={"X-API-Key": owner})
        return str(answer.json()["data"]["sessionId"])

    made = many(open_to_all, 10_000, make)

    def page(http: httpx.Client, number: int) -> list[str]:
        path = f"/api/v1/agents/sessions?limit=100&offset={number * 100}"
        data = http.get(path, headers={"X-API-Key": owner}).json()["data"]
        assert data["total"] == 10_000
        return [one["sessionId"] for one in data["sessions"]]

    listed = [one for each in many(open_to_all, 101, page) for one in each]
    assert sorted(listed) == sorted(made)
    last = listed[-1]
    call(open_to_all, owner, "DELETE", f"/agents/session/{last}")
    assert call(open_to_all, owner, "GET", f"/agents/session/{last}")["status"] == "revoked"


@pytest.mark.slow
def test_thousands_of_purchases_of_one_session_keep_the_budget_and_their_pages(open_to_all: Killed) -> None:
    owner, seller = register(open_to_all), register(open_to_all)
    service = offered(open_to_all, seller)
    asked = {"budgetUsdc": 3_060, "expiry": 3_600}
    token = str(call(open_to_all, owner, "POST", "/agents/session", asked)["token"])
    scoped = {"budgetUsdc": 0, "expiry": 3_600, "role": "seller", "allowedServiceIds": [service]}
    worker = str(call(open_to_all, seller, "POST", "/agents/session", scoped)["token"])

    def buy(http: httpx.Client, _: int) -> int:
        body = {"serviceId": service, "requestPayload": {"text": "x" * 1_000}}
        return http.post("/api/v1/checkout", json=body, headers={"X-API-Key": token}).status_code

    assert Counter(many(open_to_all, 4_000, buy)) == {201: 3_000, 403: 1_000}
    view = call(open_to_all, token, "GET", "/agents/session/self")
    assert (view["heldUsdc"], view["remainingUsdc"], view["status"]) == ("3060", "0", "exhausted")
    for caller in (token, owner, seller, worker):
        page = call(open_to_all, caller, "GET", "/transactions?limit=100&offset=2950")
        assert (page["total"], len(page["transactions"])) == (3_000, 50)
    assert read(open_to_all, "SELECT count(*) FROM holds") == [(3_000,)]


def test_pages_of_long_payloads_are_bounded_in_bytes(open_to_all: Killed) -> None:
    """Forty purchases of a megabyte: each is listed once, and a few readers at a time cost little memory."""
    owner, seller = register(open_to_all), register(open_to_all)
    order = {"serviceId": offered(open_to_all, seller), "requestPayload": "x" * 950_000}
    made = [call(open_to_all, owner, "POST", "/checkout", order)["transactionId"] for _ in range(40)]
    small = call(open_to_all, owner, "POST", "/checkout", {**order, "requestPayload": "x"})["transactionId"]
    before = open_to_all.memory()

    def read_all(http: httpx.Client, _: int) -> list[str]:
        found: list[str] = []
        while True:
            path = f"/api/v1/transactions?limit=100&offset={len(found)}"
            answer = http.get(path, headers={"X-API-Key": seller})
            assert len(answer.content) < 2_200_000
            page = answer.json()["data"]
            assert (page["total"], page["limit"]) == (41, 100)
            found += [one["id"] for one in page["transactions"]]
            if not page["transactions"] or len(found) >= page["total"]:
                return found

    for listed in many(open_to_all, 5, read_all):
        assert listed == [small, *reversed(made)]
    assert open_to_all.memory() - before < 2 * GROWTH_MAX


def test_evidence_of_a_party_is_bounded(open_to_all: Killed) -> None:
    """In pieces and in bytes; what one party sends takes nothing from the other."""
    owner, seller = register(open_to_all), register(open_to_all)
    made = call(open_to_all, owner, "POST", "/checkout", {"serviceId": offered(open_to_all, seller)})
    sql = "UPDATE transactions SET status = 'disputed', payment_status = 'paid', dispute_reason = 'no' WHERE id = ?"
    read(open_to_all, sql, made["transactionId"])
    path = f"/transactions/{made['transactionId']}/dispute"
    piece = {"evidenceType": "text", "description": "see above"}

    def submit(body: dict[str, Any]) -> Any:
        def one(http: httpx.Client, _: int) -> tuple[int, str | None]:
            answer = http.post(f"/api/v1{path}/evidence", json=body, headers={"X-API-Key": owner})
            return answer.status_code, answer.json().get("code")

        return one

    long = {**piece, "metadata": "x" * 1_000_000}
    assert Counter(many(open_to_all, 7, submit(long))) == {(201, None): 4, (409, "conflict"): 3}
    assert Counter(many(open_to_all, 60, submit(piece))) == {(201, None): 46, (409, "conflict"): 14}
    call(open_to_all, seller, "POST", f"{path}/evidence", long)
    assert call(open_to_all, owner, "GET", path)["evidenceCount"] == 51
