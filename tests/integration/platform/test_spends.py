"""Spends that are no purchases, over HTTP: held, tried out, signed, captured, voided, refunded, and their keys."""

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.platform.serving import Agent, Server

PAYEE = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
PAYMENT = {"payload": base64.b64encode(b"a signed payment").decode(), "reference": "0x" + "ab" * 32}


def spend(session: Agent, amount: Any = "20", **fields: Any) -> Any:
    headers = {"Idempotency_Key": fields.pop("key")} if "key" in fields else {}
    return session.ask("POST", "/spends", {"amount": amount, "payee": PAYEE, **fields}, **headers)


def held(session: Agent, amount: Any = "20", **fields: Any) -> Any:
    answer = spend(session, amount, **fields)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def owner(server: Server) -> Agent:
    return server.register()


def test_NO_OVERSPEND_seven_at_once_five_pass(owner: Agent) -> None:
    session = owner.session(budgetUsdc=100)
    with ThreadPoolExecutor(7) as pool:
        answers = list(pool.map(lambda _: spend(session), range(7)))
    assert sorted(one.status_code for one in answers) == [201] * 5 + [403] * 2
    refused = next(one for one in answers if one.status_code == 403).json()
    assert refused["details"] == {
        "code": "budget_exceeded",
        "rule": "budget",
        "message": "asked 20 USDC, left 0 USDC of 100 USDC (100 USDC used, 100 USDC of it held)",
        "asked": "20",
        "limit": "100",
        "remaining": "0",
        "resetsAt": None,
        "hint": "ask for at most 0 USDC, or ask the owner for 20 USDC more",
        "currency": "USDC",
        "reasons": refused["details"]["reasons"],
    }
    view = session.data("GET", "/agents/session/self")
    assert (view["heldUsdc"], view["remainingUsdc"], view["status"]) == ("100", "0", "exhausted")


def test_every_rule_says_no_by_its_name(owner: Agent) -> None:
    session = owner.session(
        budgetUsdc=10,
        allowedPayees=["0x" + "11" * 20],
        allowedChains=[8453],
        allowedOperations=["transfer"],
        allowedAssets=[],
        allowedServiceIds=["svc_1"],
    )
    answer = spend(session, 20)
    assert code(answer) == (403, "service_not_allowed")
    assert [one["code"] for one in answer.json()["details"]["reasons"]] == [
        "service_not_allowed",
        "operation_not_allowed",
        "payee_not_allowed",
        "chain_not_allowed",
        "asset_not_allowed",
        "budget_exceeded",
    ]


def test_a_payee_is_the_same_in_any_case_of_its_letters(owner: Agent) -> None:
    session = owner.session(allowedPayees=[PAYEE.lower()])
    assert spend(session, 1).status_code == 201
    assert code(spend(session, 1, payee=None)) == (403, "payee_not_allowed")


def test_a_currency_without_a_limit_of_its_own_cannot_be_spent(owner: Agent) -> None:
    without = owner.session()
    assert code(spend(without, "0.001", currency="ETH")) == (403, "no_limit_for_asset")
    session = owner.session(
        limits=[
            {
                "currency": "ETH",
                "budget": 0.5,
                "perSpend": "0.2",
                "windows": [{"seconds": 3600, "limit": 0.3}],
            }
        ]
    )
    first = held(session, "0.2", currency="ETH")
    assert first["asset"] == "eip155:84532/slip44:60"
    assert code(spend(session, "0.2", currency="ETH")) == (403, "window_exceeded")
    assert held(session, 50)["currency"] == "USDC"
    view = session.data("GET", "/agents/session/self")
    assert view["limits"] == [
        {
            "currency": "ETH",
            "budget": "0.5",
            "remaining": "0.3",
            "held": "0.2",
            "spent": "0",
            "perSpend": "0.2",
            "windows": [{"seconds": 3600, "limit": "0.3", "left": "0.1"}],
        }
    ]


def test_the_dry_run_says_the_same_and_holds_nothing(owner: Agent) -> None:
    session = owner.session(budgetUsdc=30, approvalAboveUsdc=10)
    body = {"amount": "20", "payee": PAYEE}
    said = session.data("POST", "/spends/check", body)
    assert (said["allowed"], said["needsApproval"], said["remaining"]) == (False, True, "10")
    assert said["reasons"][0]["code"] == "approval_required"
    assert session.data("POST", "/spends/check", {**body, "amount": 5}) == {
        "allowed": True,
        "needsApproval": False,
        "currency": "USDC",
        "asked": "5",
        "remaining": "25",
        "reasons": [],
    }
    refused = session.data("POST", "/spends/check", {**body, "amount": 31})
    assert refused["allowed"] is False
    assert refused["reasons"] == spend(session, 31).json()["details"]["reasons"]
    assert session.data("GET", "/agents/session/self")["heldUsdc"] == "0"


def test_UNKNOWN_STAYS_HELD_what_was_signed_is_kept_first(owner: Agent) -> None:
    session = owner.session()
    one = held(session)
    path = f"/spends/{one['spendId']}"
    assert session.data("POST", f"{path}/signed", PAYMENT)["state"] == "unknown"
    assert session.data("POST", f"{path}/signed", PAYMENT)["reference"] == PAYMENT["reference"]
    other = {**PAYMENT, "payload": base64.b64encode(b"another payment").decode()}
    assert code(session.ask("POST", f"{path}/signed", other)) == (409, "contradiction")
    assert code(session.ask("POST", f"{path}/void")) == (409, "contradiction")
    assert code(session.ask("POST", f"{path}/void", {"proven": True})) == (403, "owner_only")
    assert code(owner.ask("POST", f"{path}/void")) == (409, "contradiction")
    assert session.data("GET", "/agents/session/self")["heldUsdc"] == "20"
    assert owner.data("POST", f"{path}/void", {"proven": True})["state"] == "voided"
    assert session.data("GET", "/agents/session/self")["heldUsdc"] == "0"


def test_only_the_owner_says_that_less_moved(owner: Agent) -> None:
    session = owner.session(budgetUsdc=20)
    one = held(session)
    path = f"/spends/{one['spendId']}"
    assert code(session.ask("POST", f"{path}/capture", {"amount": 1})) == (403, "owner_only")
    done = owner.data("POST", f"{path}/capture", {"amount": "12.5"})
    assert (done["state"], done["captured"]) == ("captured", "12.5")
    assert owner.data("POST", f"{path}/capture", {"amount": "12.5"}) == done
    assert code(owner.ask("POST", f"{path}/capture", {"amount": 3})) == (409, "contradiction")
    view = session.data("GET", "/agents/session/self")
    assert (view["spentUsdc"], view["remainingUsdc"], view["heldUsdc"]) == ("12.5", "7.5", "0")


@pytest.mark.parametrize(("restores", "left"), [(True, "15"), (False, "0")])
def test_a_refund_is_budget_again_only_when_the_policy_says_so(
    owner: Agent, restores: bool, left: str
) -> None:
    session = owner.session(budgetUsdc=20, refundsRestore=restores)
    one = held(session)
    path = f"/spends/{one['spendId']}"
    assert code(owner.ask("POST", f"{path}/refund", {"amount": 1})) == (409, "contradiction")
    session.data("POST", f"{path}/capture")
    assert session.ask("POST", f"{path}/refund", {"amount": 15}).status_code == 403
    for _ in range(2):
        assert owner.data("POST", f"{path}/refund", {"amount": 15})["refunded"] == "15"
    assert code(owner.ask("POST", f"{path}/refund", {"amount": 21})) == (409, "contradiction")
    assert session.data("GET", "/agents/session/self")["remainingUsdc"] == left


def test_IDEMPOTENT_the_same_key_is_one_hold(owner: Agent) -> None:
    session = owner.session(budgetUsdc=100)
    with ThreadPoolExecutor(8) as pool:
        found = {one["spendId"] for one in pool.map(lambda _: held(session, key="k 1"), range(16))}
    assert len(found) == 1
    assert session.data("GET", "/agents/session/self")["heldUsdc"] == "20"
    assert code(spend(session, 21, key="k 1")) == (422, "idempotency_mismatch")
    assert held(session, key="k 2")["spendId"] not in found
    # Another session's key is another key.
    assert held(owner.session(), key="k 1")["spendId"] not in found


def test_who_may_see_and_settle_a_spend(server: Server, owner: Agent) -> None:
    session, sibling, stranger = owner.session(), owner.session(), server.register()
    one = held(session, note="lunch")
    path = f"/spends/{one['spendId']}"
    assert session.data("GET", path) == owner.data("GET", path)
    for other in (sibling, stranger, stranger.session()):
        assert code(other.ask("GET", path)) == (404, "not_found")
        for step in ("capture", "void", "execute"):
            assert other.ask("POST", f"{path}/{step}").status_code == 404
        assert other.ask("POST", f"{path}/signed", PAYMENT).status_code == 404
    assert code(owner.ask("POST", "/spends", {"amount": 1})) == (403, "wrong_party")
    assert owner.session(role="seller").ask("POST", "/spends", {"amount": 1}).status_code == 403
    assert owner.data("GET", "/spends")["total"] == 1
    assert sibling.data("GET", "/spends")["total"] == 0
    assert owner.data("GET", f"/spends?session={session.session_id}&state=held")["total"] == 1
    assert owner.data("GET", "/spends?state=captured")["total"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"amount": -1},
        {"amount": "NaN"},
        {"amount": "1e99"},
        {"amount": "0.0000001"},
        {"amount": 1, "currency": "DOGE"},
        {"amount": 1, "payee": "0x12"},
        {"amount": 1, "payee": PAYEE.replace("C", "c", 1)},
        {"amount": 1, "operation": "purchase"},
        {"amount": 1, "operation": "Buy It"},
        {"amount": 1, "seconds": 0},
        {"amount": 1, "note": "x" * 501},
        {"amount": 1, "chainId": 0},
    ],
)
def test_bad_input_is_a_clear_error(owner: Agent, body: dict[str, Any]) -> None:
    session = owner.session()
    for path in ("/spends", "/spends/check"):
        answer = session.ask("POST", path, body)
        assert answer.status_code == 400, answer.text
    assert session.data("GET", "/spends")["total"] == 0


def test_a_purchase_is_settled_by_the_chain_alone(server: Server, owner: Agent) -> None:
    session = owner.session()
    bought = session.buy(server.register().offer(price=1)).json()["data"]
    (one,) = session.data("GET", "/spends")["spends"]
    assert (one["operation"], one["transactionId"]) == ("purchase", bought["transactionId"])
    for step in ("capture", "void", "execute"):
        assert code(owner.ask("POST", f"/spends/{one['spendId']}/{step}")) == (409, "wrong_status")
