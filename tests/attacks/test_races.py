"""Many at once, and just too late: revocation, idempotency, registration, budgets."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.attacks.conftest import Rows
from tests.attacks.wire import begun, ended
from tests.integration.platform.serving import Agent, Server, registration
from valetkey.crypto.keys import PrivateKey
from valetkey.wire.registration import sign_registration

CROWD = 16


@pytest.fixture(scope="module")
def seller(server: Server) -> Agent:
    return server.register()


@pytest.fixture(scope="module")
def owner(server: Server) -> Agent:
    return server.register()


def test_REVOKED_IS_DEAD_no_purchase_succeeds_after_the_answer(owner: Agent, seller: Agent) -> None:
    """Purchases hammer while the owner revokes; what was answered 201 began before the revocation was answered."""
    service = seller.offer(price=1)
    for _ in range(3):
        session = owner.session(budgetUsdc=None)
        gone = [float("inf")]

        def hammer(_: int, session: Agent = session, gone: list[float] = gone) -> list[tuple[float, int]]:
            seen = []
            while time.monotonic() < gone[0] + 0.3:
                began = time.monotonic()
                seen.append((began, session.buy(service).status_code))
            return seen

        with ThreadPoolExecutor(CROWD) as pool:
            hammering = [pool.submit(hammer, number) for number in range(CROWD)]
            time.sleep(0.3)
            owner.data("DELETE", f"/agents/session/{session.session_id}")
            gone[0] = time.monotonic()
            seen = [one for each in hammering for one in each.result()]
        assert {status for began, status in seen if began > gone[0]} == {401}
        assert {status for _, status in seen} <= {201, 401, 403}
        held = owner.data("GET", f"/agents/session/{session.session_id}")["heldUsdc"]
        bought = sum(status == 201 for _, status in seen)
        assert float(held) == pytest.approx(bought * 1.02)


@pytest.mark.parametrize("what", ["checkout", "list", "deliver"])
def test_REVOKED_IS_DEAD_also_for_a_request_that_began_before(
    server: Server, owner: Agent, seller: Agent, rows: Rows, what: str
) -> None:
    """A thief opens requests and holds the last byte back until the session was revoked."""
    service = seller.offer()
    bought = owner.buy(service).json()["data"]["transactionId"]
    rows(server, "UPDATE transactions SET status = 'escrowed', payment_status = 'paid' WHERE id = ?", bought)
    who = seller if what == "deliver" else owner
    session = who.session(role="seller" if what == "deliver" else "buyer")
    method, path, body = {
        "checkout": ("POST", "/checkout", json.dumps({"serviceId": service["id"]}).encode()),
        "list": ("GET", "/transactions", b"{}"),
        "deliver": ("POST", f"/transactions/{bought}/deliver", b'{"responsePayload":1}'),
    }[what]
    line = begun(server.base_url, session.credential, method, path, body)
    time.sleep(0.3)
    who.data("DELETE", f"/agents/session/{session.session_id}")
    status, answer = ended(line, body)
    assert (status, json.loads(answer)["code"]) == (401, "session_revoked")


def test_IDEMPOTENT_a_hundred_purchases_with_one_key(owner: Agent, seller: Agent, rows: Rows) -> None:
    service = seller.offer(price=1)
    session = owner.session(budgetUsdc=3)
    with ThreadPoolExecutor(CROWD) as pool:
        answers = list(pool.map(lambda _: session.buy(service, key="one and only"), range(100)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({json.dumps(answer.json()["data"]) for answer in answers}) == 1
    assert session.data("GET", "/agents/session/self")["heldUsdc"] == "1.02"
    assert session.data("GET", "/transactions")["total"] == 1


def test_IDEMPOTENT_one_key_for_two_bodies_at_once(owner: Agent, seller: Agent) -> None:
    service = seller.offer(price=1)
    session = owner.session(budgetUsdc=None)

    def buy(number: int) -> tuple[int, int]:
        quantity = 1 + number % 2
        answer = session.buy(service, key="two bodies", quantity=quantity)
        return answer.status_code, quantity

    with ThreadPoolExecutor(CROWD) as pool:
        seen = Counter(pool.map(buy, range(60)))
    assert {status for status, _ in seen} == {201, 422}
    assert len({quantity for status, quantity in seen if status == 201}) == 1
    assert session.data("GET", "/transactions")["total"] == 1


def test_NO_OVERSPEND_sessions_and_keys_of_all_kinds_at_once(owner: Agent, seller: Agent) -> None:
    """Different prices, quantities and half of them with keys: the sum never passes the budget."""
    services = [seller.offer(price=price) for price in ("0.1", "0.2", "0.333333", "1")]
    session = owner.session(budgetUsdc="7.000001")

    def buy(number: int) -> tuple[int, Any]:
        more = {"key": f"k{number // 2}"} if number % 2 else {}
        answer = session.buy(services[number % 4], quantity=1 + number % 3, **more)
        return answer.status_code, answer.json().get("data", {}).get("transactionId")

    with ThreadPoolExecutor(CROWD) as pool:
        seen = list(pool.map(buy, range(120)))
    assert {status for status, _ in seen} == {201, 403}
    ids = {made for status, made in seen if status == 201}
    listed = session.data("GET", "/transactions?limit=100")["transactions"]
    assert {one["id"] for one in listed} == ids
    units = sum(round(one["totalCharged"] * 10**6) for one in listed)
    view = session.data("GET", "/agents/session/self")
    assert round(float(view["heldUsdc"]) * 10**6) == units <= 7_000_001


def test_one_registration_gives_one_key(server: Server) -> None:
    body = registration(PrivateKey.generate())
    with ThreadPoolExecutor(CROWD) as pool:
        answers = list(
            pool.map(lambda _: httpx.post(f"{server.base_url}/api/v1/agents/register", json=body), range(50))
        )
    seen = Counter((answer.status_code, answer.json().get("code")) for answer in answers)
    assert seen == {(201, None): 1, (409, "registration_replayed"): 49}


def test_one_wallet_is_one_agent_however_often_it_registers_at_once(server: Server) -> None:
    key, now = PrivateKey.generate(), int(time.time())

    def register(number: int) -> httpx.Response:
        message, signature = sign_registration(key, now - number)
        body = {
            **registration(key),
            "message": message,
            "signature": signature,
            "agentName": f"{key.address} {number}",
        }
        return httpx.post(f"{server.base_url}/api/v1/agents/register", json=body)

    with ThreadPoolExecutor(CROWD) as pool:
        answers = list(pool.map(register, range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["agentId"] for answer in answers}) == 1
    assert len({answer.json()["apiKey"] for answer in answers}) == 50


def test_one_name_belongs_to_one_wallet(server: Server) -> None:
    name = f"the one {PrivateKey.generate().address}"
    spellings = (name, name.upper(), f"  {name} ", name.replace("o", "\N{FULLWIDTH LATIN SMALL LETTER O}"))

    def register(number: int) -> tuple[int, str | None]:
        body = registration(PrivateKey.generate(), spellings[number % len(spellings)])
        answer = httpx.post(f"{server.base_url}/api/v1/agents/register", json=body)
        return answer.status_code, answer.json().get("code")

    with ThreadPoolExecutor(CROWD) as pool:
        seen = Counter(pool.map(register, range(50)))
    assert seen == {(201, None): 1, (409, "agent_name_taken"): 49}


@pytest.mark.parametrize("hidden", ["\u200b", "\u202e", "\n", "\u00ad", "\x07", "\u2028"])
def test_a_name_that_only_looks_like_another_is_refused(server: Server, hidden: str) -> None:
    name = f"honest {PrivateKey.generate().address}"
    server.register(name)
    body = registration(PrivateKey.generate(), name[:6] + hidden + name[6:])
    answer = server.http.post("/api/v1/agents/register", json=body)
    assert (answer.status_code, answer.json().get("code")) == (400, "validation_failed")
