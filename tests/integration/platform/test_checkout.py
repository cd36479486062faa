"""The purchase over HTTP: exact totals, one gate, and refusals that explain themselves."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.integration.platform.serving import Agent, Server
from valetkey.wire.proofs import escrow_id


@pytest.fixture(scope="module")
def seller(server: Server) -> Agent:
    return server.register()


@pytest.fixture(scope="module")
def owner(server: Server) -> Agent:
    return server.register()


@pytest.fixture(scope="module")
def service(seller: Agent) -> Any:
    return seller.offer(price=2.5)


def refusal(answer: httpx.Response, status: int, code: str) -> Any:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    details = answer.json()["details"]
    assert details["reasons"][0]["code"] == code == details["code"]
    return details


def test_how_to_pay(owner: Agent, seller: Agent, service: Any) -> None:
    session = owner.session()
    answer = session.buy(service, quantity=2)
    assert answer.status_code == 201
    made = json.loads(answer.text, parse_float=Decimal)["data"]
    assert (made["status"], made["totalCharged"], made["currency"]) == ("pending", Decimal("5.1"), "USDC")
    assert made["service"] == {
        "id": service["id"],
        "title": service["title"],
        "seller": service["agent"]["agentName"],
    }
    pay = made["paymentInstructions"]
    assert (pay["type"], pay["chain"], pay["chainId"]) == ("crypto", "baseSepolia", 84532)
    assert (pay["amount"], pay["totalWithFee"], pay["tokenDecimals"]) == ("5000000", "5100000", 6)
    assert pay["sellerAddress"] == seller.key.address
    assert pay["escrowId"] == "0x" + escrow_id(made["transactionId"]).hex()
    assert pay["fundEndpoint"] == f"/api/v1/transactions/{made['transactionId']}/fund"
    assert session.data("GET", "/agents/session/self")["heldUsdc"] == "5.1"


@pytest.mark.parametrize(
    ("price", "quantity", "total"),
    [
        ("0.000001", 1, "0.000001"), ("0.000049", 1, "0.000049"), ("0.00005", 1, "0.000051"), ("0.1", 3, "0.306"),
        ("0.29", 1, "0.2958"), ("1.005", 1, "1.0251"), ("99999.999999", 7, "713999.999992"),
    ],
)  # fmt: skip
def test_totals_are_exact(owner: Agent, seller: Agent, price: str, quantity: int, total: str) -> None:
    answer = owner.buy(seller.offer(price=price), quantity=quantity)
    made = json.loads(answer.text, parse_float=Decimal)["data"]
    assert made["totalCharged"] == Decimal(total)
    assert int(made["paymentInstructions"]["totalWithFee"]) == int(Decimal(total) * 10**6)


def test_over_budget_teaches(owner: Agent, service: Any) -> None:
    session = owner.session(budgetUsdc=5)
    assert session.buy(service).status_code == 201
    details = refusal(session.buy(service), 403, "budget_exceeded")
    assert (details["asked"], details["limit"], details["remaining"]) == ("2.55", "5", "2.45")
    assert details["hint"]
    assert session.data("GET", "/agents/session/self")["remainingUsdc"] == "2.45"


def test_the_fee_counts_against_the_budget(owner: Agent, service: Any) -> None:
    refusal(owner.session(budgetUsdc=2.5).buy(service), 403, "budget_exceeded")
    assert owner.session(budgetUsdc=2.55).buy(service).status_code == 201


def test_other_limits(owner: Agent, service: Any) -> None:
    refusal(owner.session(perSpendUsdc=2).buy(service), 403, "per_spend_exceeded")
    refusal(owner.session(allowedServiceIds=["svc_other"]).buy(service), 403, "service_not_allowed")
    refusal(owner.session(budgetUsdc=0).buy(service), 403, "budget_exceeded")
    refusal(owner.session(notBefore=int(time.time()) + 1_000).buy(service), 403, "session_pending")
    refusal(owner.session(role="seller").buy(service), 403, "wrong_party")
    assert owner.session(allowedServiceIds=[service["id"]]).buy(service).status_code == 201
    assert owner.session(budgetUsdc=None).buy(service, quantity=100_000).status_code == 201


def test_all_reasons_come_at_once(owner: Agent, service: Any) -> None:
    session = owner.session(budgetUsdc=1, perSpendUsdc=1, allowedServiceIds=["svc_other"])
    codes = [reason["code"] for reason in session.buy(service).json()["details"]["reasons"]]
    assert codes == ["service_not_allowed", "per_spend_exceeded", "budget_exceeded"]


def test_the_owner_buys_without_limits(owner: Agent, service: Any) -> None:
    assert owner.buy(service, quantity=1_000).status_code == 201


def test_what_cannot_be_bought(server: Server, owner: Agent, seller: Agent) -> None:
    own = seller.offer()
    refusal(seller.buy(own), 403, "self_purchase")
    refusal(seller.session().buy(own), 403, "self_purchase")
    refusal(owner.session(sessionWallet=seller.key.address).buy(own), 403, "self_purchase")
    refusal(owner.buy(own, network="base"), 400, "network_mismatch")
    assert owner.buy(own, network="base-sepolia").status_code == 201
    seller.data("PATCH", f"/services/{own['id']}", {"status": "paused"})
    refusal(owner.buy(own), 409, "service_unavailable")
    assert owner.buy({"id": "svc_none"}).status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 0}, {"quantity": -1}, {"quantity": 1.5}, {"quantity": "2"}, {"quantity": 10**7},
        {"paymentMethod": "cash"}, {"callbackUrl": "http://example.com/"}, {"callbackUrl": "https://10.0.0.1/"},
        {"callbackUrl": "https://169.254.169.254/latest/meta-data"}, {"callbackUrl": "file:///etc/passwd"},
        {"disputeWindow": 299}, {"disputeWindow": 86_401}, {"abandonmentGrace": 3_599}, {"criteriaHash": "0x12"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(owner: Agent, service: Any, changes: dict[str, Any]) -> None:
    assert owner.buy(service, **changes).status_code == 400


def test_http_callbacks_are_for_tests_alone(strict: Server) -> None:
    offered = strict.register().offer()
    owner = strict.register()
    answer = owner.buy(offered, callbackUrl="http://127.0.0.1:9/hook")
    assert (answer.status_code, answer.json()["code"]) == (400, "callback_url_refused")
    assert owner.buy(offered, callbackUrl="https://buyer.example/hook").status_code == 201


def test_windows_go_into_the_instructions(owner: Agent, service: Any) -> None:
    pay = owner.buy(service, disputeWindow=300, abandonmentGrace=3_600, criteriaHash="0x" + "ab" * 32).json()[
        "data"
    ]["paymentInstructions"]
    assert (pay["disputeWindow"], pay["abandonmentGrace"], pay["criteriaHash"]) == (
        300,
        3_600,
        "0x" + "ab" * 32,
    )


def test_idempotent(owner: Agent, seller: Agent) -> None:
    own = seller.offer()
    session = owner.session(budgetUsdc=5)
    first = session.buy(own, key="order-1").json()["data"]
    again = session.buy(own, key="order-1").json()["data"]
    assert again == first
    refusal(session.buy(own, key="order-1", quantity=2), 422, "idempotency_mismatch")
    assert session.data("GET", "/agents/session/self")["heldUsdc"] == "2.55"
    other = owner.session(budgetUsdc=5).buy(own, key="order-1").json()["data"]
    assert other["transactionId"] != first["transactionId"]
    seller.data("PATCH", f"/services/{own['id']}", {"status": "paused", "price": 1})
    assert session.buy(own, key="order-1").json()["data"]["transactionId"] == first["transactionId"]
    assert (
        session.ask("POST", "/checkout", {"serviceId": own["id"]}, Idempotency_Key="x" * 256).status_code
        == 400
    )


def test_payloads_are_kept_byte_for_byte(server: Server, owner: Agent, seller: Agent, service: Any) -> None:
    payload = b'{"z":1.0,"1":[1e2, 12345678901234567890],"a":"\\u00e9 \xc3\xa9"}'
    body = b'{"serviceId":"%s","paymentMethod":"usdc","requestPayload":%s}' % (
        service["id"].encode(),
        payload,
    )
    answer = server.http.post("/api/v1/checkout", content=body, headers={"X-API-Key": owner.credential})
    made = answer.json()["data"]["transactionId"]
    assert payload in seller.ask("GET", f"/transactions/{made}").content


def test_each_sees_its_own(server: Server, owner: Agent, seller: Agent, service: Any) -> None:
    session, other = owner.session(), owner.session()
    made = session.buy(service, callbackUrl="https://buyer.example/hook").json()["data"]["transactionId"]
    path = f"/transactions/{made}"
    mine, owners, sellers = (who.data("GET", path) for who in (session, owner, seller))
    assert mine["buyerAgentId"] == owners["buyerAgentId"] == owner.agent_id
    assert (mine["myRole"], owners["myRole"], sellers["myRole"]) == ("buyer", "buyer", "seller")
    assert sellers["buyerAgentId"].startswith("byr_")
    assert owner.agent_id not in json.dumps(sellers)
    assert "callbackUrl" not in sellers
    key = server.http.get(f"/api/v1/agents/{sellers['buyerAgentId']}/public-key").json()["data"]["publicKey"]
    assert key == session.key.public_key_compressed.hex()
    for stranger in (other, server.register(), seller.session(), owner.session(role="seller")):
        assert stranger.ask("GET", path).status_code == 404
        for step, body in [
            ("fund", {"txHash": "0x" + "1" * 64}),
            ("signed", {"txHash": "0x" + "1" * 64}),
            ("deliver", {"responsePayload": 1}),
            ("confirm", None),
            ("dispute", {"reason": "x"}),
            ("dispute/evidence", {"evidenceType": "x", "description": "x"}),
        ]:
            assert stranger.ask("POST", f"{path}/{step}", body).status_code == 404
        assert made not in stranger.ask("GET", "/transactions").text
    for worker in (
        seller.session(role="seller"),
        seller.session(role="seller", allowedServiceIds=[service["id"]]),
    ):
        assert worker.data("GET", path)["myRole"] == "seller"
        assert made in worker.ask("GET", "/transactions?role=seller&status=pending").text
    assert seller.session(role="seller", allowedServiceIds=["svc_x"]).ask("GET", path).status_code == 404
    assert (
        seller.session(role="seller", allowedServiceIds=["svc_x"]).data("GET", "/transactions")["total"] == 0
    )


def test_the_wrong_party_is_told_so(owner: Agent, seller: Agent, service: Any) -> None:
    made = owner.session().buy(service).json()["data"]["transactionId"]
    refusal(seller.ask("POST", f"/transactions/{made}/confirm"), 403, "wrong_party")
    refusal(seller.ask("POST", f"/transactions/{made}/fund", {"txHash": "0x" + "1" * 64}), 403, "wrong_party")
    refusal(owner.ask("POST", f"/transactions/{made}/deliver", {"responsePayload": 1}), 403, "wrong_party")
    refusal(seller.ask("POST", f"/transactions/{made}/deliver", {"responsePayload": 1}), 409, "wrong_status")


def test_pages_of_transactions(server: Server, service: Any) -> None:
    owner = server.register()
    made = [owner.buy(service).json()["data"]["transactionId"] for _ in range(5)]
    page = owner.data("GET", "/transactions?role=buyer&status=pending&limit=2&offset=1")
    assert (page["total"], page["limit"], page["offset"]) == (5, 2, 1)
    assert [view["id"] for view in page["transactions"]] == made[::-1][1:3]
    assert owner.data("GET", "/transactions?role=seller")["total"] == 0
    assert owner.ask("GET", "/transactions?status=lost").status_code == 400


def test_a_signed_payment_keeps_its_money_held(owner: Agent, service: Any) -> None:
    session = owner.session(budgetUsdc=5)
    made = session.buy(service).json()["data"]["transactionId"]
    for _ in range(2):
        session.data("POST", f"/transactions/{made}/signed", {"txHash": "0x" + "1" * 64})
    assert session.data("GET", "/agents/session/self")["heldUsdc"] == "2.55"


def test_no_overspend_two_clients_a_hundred_purchases(owner: Agent, server: Server, seller: Agent) -> None:
    cheap = seller.offer(price=1)
    session = owner.session(budgetUsdc=25)

    def client(number: int) -> list[int]:
        with httpx.Client(base_url=server.base_url, timeout=60) as http, ThreadPoolExecutor(8) as pool:

            def one(_: int) -> int:
                body = {"serviceId": cheap["id"], "paymentMethod": "crypto"}
                headers = {"X-API-Key": session.credential}
                return http.post("/api/v1/checkout", json=body, headers=headers).status_code

            return list(pool.map(one, range(50)))

    with ThreadPoolExecutor(2) as clients:
        statuses = [status for answers in clients.map(client, range(2)) for status in answers]
    # 25 / 1.02, rounded down
    assert (statuses.count(201), statuses.count(403)) == (24, 76)
    view = session.data("GET", "/agents/session/self")
    assert (view["heldUsdc"], view["remainingUsdc"]) == ("24.48", "0.52")


def test_a_price_that_was_raised_is_not_paid(server: Server) -> None:
    seller, owner = server.register(), server.register()
    service, session = seller.offer(price=1), owner.session()
    assert session.buy(service, maxTotal=1.02).status_code == 201
    seller.data("PATCH", f"/services/{service['id']}", {"price": 1.01})
    refused = session.buy(service, maxTotal=1.02)
    assert (refused.status_code, refused.json()["code"]) == (409, "price_exceeds_max")
    details = refused.json()["details"]
    assert (details["asked"], details["limit"], details["rule"]) == ("1.0302", "1.02", "max_total")
    view = owner.data("GET", f"/agents/session/{session.session_id}")
    assert view["heldUsdc"] == "1.02"
    assert session.buy(service, maxTotal="-1").status_code == 400
