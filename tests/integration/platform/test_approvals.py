"""Spends above a threshold wait for their owner, are bound to what was asked, and are decided again."""

import time
from typing import Any

import pytest

from tests.integration.platform.serving import Agent, Server
from tests.integration.platform.test_spends import PAYEE, code, held, spend


@pytest.fixture
def owner(server: Server) -> Agent:
    return server.register()


def test_a_spend_waits_is_approved_and_goes_on(owner: Agent) -> None:
    session = owner.session(budgetUsdc=50, approvalAboveUsdc=10)
    assert held(session, 10)["state"] == "held"
    waiting = held(session, 20)
    assert waiting["state"] == "pending_approval"
    path = f"/spends/{waiting['spendId']}"
    assert session.data("GET", "/agents/session/self")["heldUsdc"] == "30"
    refused = session.ask("POST", f"{path}/execute")
    assert code(refused) == (403, "approval_required")
    details = refused.json()["details"]
    assert (details["approvalId"], details["approvable"]) == (waiting["spendId"], True)
    # Asking again is no second hold.
    assert held(session, 20)["spendId"] == waiting["spendId"]
    (listed,) = owner.data("GET", "/approvals")["spends"]
    assert listed == waiting
    approve = f"/approvals/{waiting['spendId']}/approve"
    assert code(session.ask("POST", approve)) == (403, "owner_only")
    assert owner.data("POST", approve)["state"] == "approved"
    assert owner.data("POST", approve)["state"] == "approved"
    assert owner.data("GET", "/approvals")["total"] == 0
    assert session.data("POST", f"{path}/execute")["state"] == "held"
    assert session.data("POST", f"{path}/execute")["state"] == "held"
    assert session.data("GET", "/agents/session/self")["heldUsdc"] == "30"


def test_a_purchase_is_made_again_when_it_is_approved(server: Server, owner: Agent) -> None:
    service = server.register().offer(price=20)
    session = owner.session(approvalAboveUsdc=10)
    first = session.buy(service, key="purchase 1")
    assert code(first) == (403, "approval_required")
    approval = first.json()["details"]["approvalId"]
    again = session.buy(service, key="purchase 1")
    assert again.json()["details"]["approvalId"] == approval
    assert session.data("GET", "/transactions")["total"] == 0
    owner.data("POST", f"/approvals/{approval}/approve")
    bought = session.buy(service, key="purchase 1")
    assert bought.status_code == 201, bought.text
    assert session.buy(service, key="purchase 1").json()["data"] == bought.json()["data"]
    assert session.data("GET", "/agents/session/self")["heldUsdc"] == "20.4"
    # The approval was for one purchase.
    assert code(session.buy(service)) == (403, "approval_required")


def test_an_approval_is_no_way_around_anything(owner: Agent) -> None:
    session = owner.session(budgetUsdc=50, approvalAboveUsdc=10)
    one = held(session, 20)
    owner.data("POST", f"/approvals/{one['spendId']}/approve")
    execute = f"/spends/{one['spendId']}/execute"
    path = f"/agents/session/{session.session_id}"
    owner.data("POST", f"{path}/pause")
    assert code(session.ask("POST", execute)) == (403, "session_paused")
    owner.data("POST", f"{path}/resume")
    # The rules changed: what was approved was approved under others.
    owner.data("POST", f"{path}/extend", {"expiry": 7_200, "budgetUsdc": 60})
    assert code(session.ask("POST", execute)) == (409, "approval_stale")
    assert held(session, 20)["state"] == "pending_approval"
    owner.data("DELETE", path)
    assert session.ask("POST", execute).status_code == 401


def test_a_rejected_spend_gives_its_money_back(owner: Agent) -> None:
    session = owner.session(budgetUsdc=50, approvalAboveUsdc=10)
    one = held(session, 50)
    assert code(spend(session, 1)) == (403, "budget_exceeded")
    reject = f"/approvals/{one['spendId']}/reject"
    assert owner.data("POST", reject)["state"] == "voided"
    assert owner.data("POST", reject)["state"] == "voided"
    assert code(owner.ask("POST", reject.replace("reject", "approve"))) == (409, "contradiction")
    assert held(session, 1)["state"] == "held"
    assert held(session, 20)["spendId"] != one["spendId"]


def test_what_waits_too_long_lapses(start: Any) -> None:
    server = start(VALETKEY_APPROVAL_SECONDS="1")
    owner = server.register()
    session = owner.session(budgetUsdc=20, approvalAboveUsdc=10)
    one = held(session, 20)
    time.sleep(1.2)
    approve = f"/approvals/{one['spendId']}/approve"
    answer = owner.ask("POST", approve)
    assert answer.status_code == 409, answer.text
    again = held(session, 20)
    assert again["spendId"] != one["spendId"]
    assert owner.data("GET", f"/spends/{one['spendId']}")["state"] == "expired"


def test_the_owner_s_url_is_told(server: Server, owner: Agent) -> None:
    assert code(owner.ask("PUT", "/agents/webhook", {"url": "ftp://nowhere"}))[0] == 400
    url = "http://127.0.0.1:9/hook"
    assert owner.data("PUT", "/agents/webhook", {"url": url}) == {"url": url}
    session = owner.session(approvalAboveUsdc=0)
    held(session, 1, payee=PAYEE)
    assert owner.data("PUT", "/agents/webhook", {"url": None}) == {"url": None}
