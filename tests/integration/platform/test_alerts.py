"""Alerts over HTTP: raised by debits and by time, listed, acknowledged, and told by signed webhooks."""

import json
from typing import Any

import pytest

from tests.attacks.receivers import Receiver
from tests.integration.platform.claiming import a_claim, opening
from tests.integration.platform.onchain import eventually
from tests.integration.platform.serving import Agent, Server
from valetkey.sdk.webhooks import read_webhook


@pytest.fixture
def owner(server: Server) -> Agent:
    return server.register()


def listed(owner: Agent, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = owner.data("GET", f"/alerts{query}")["alerts"]
    return found


def test_a_debit_is_told_at_once_in_the_list_and_by_a_signed_webhook(server: Server, owner: Agent) -> None:
    receiver = Receiver()
    owner.data("PUT", "/agents/webhook", {"url": receiver.url})
    secret = owner.data("POST", "/agents/webhook-secret")["webhookSecret"]
    session = owner.session(budgetUsdc=10, label="worker", delegate="a program")
    session.data("POST", "/spends", {"amount": 4.99})
    assert listed(owner) == []
    session.data("POST", "/spends", {"amount": 3.01})
    newest, oldest = listed(owner)
    assert newest == {
        "alertId": newest["alertId"],
        "sessionId": session.session_id,
        "kind": "budget",
        "message": 'The session "worker" has reached 80 % of its budget of 10 USDC: 0 spent, 8 held',
        "raisedAt": newest["raisedAt"],
        "label": "worker",
        "delegate": "a program",
        "currency": "USDC",
        "percent": 80,
        "budget": "10",
        "spent": "0",
        "held": "8",
    }
    eventually(lambda: len(receiver.bodies), 2)
    told = [
        read_webhook(secret, receiver.header(number, "X-Abbababa-Signature"), body)
        for number, body in enumerate(receiver.bodies)
    ]
    assert sorted(told, key=lambda one: one["percent"]) == [
        {**one, "event": "alert.raised"} for one in (oldest, newest)
    ]
    receiver.close()


@pytest.mark.slow
def test_time_tells_of_an_end_once(owner: Agent) -> None:
    session = owner.session(budgetUsdc=10, expiry=10)
    eventually(lambda: [one["kind"] for one in listed(owner)], ["expiry"])
    (alert,) = listed(owner, "?kind=expiry")
    assert alert["expiresAt"] == owner.data("GET", f"/agents/session/{session.session_id}")["expiresAt"]


def test_a_link_that_two_opened_is_told_by_its_own_webhook_alone(server: Server, owner: Agent) -> None:
    receiver = Receiver()
    owner.data("PUT", "/agents/webhook", {"url": receiver.url})
    asked = a_claim(owner.session())
    owner.data("POST", "/claims", asked)
    for claimant in ("01", "02"):
        server.http.post(f"/api/v1/claims/{asked['claimId']}/open", json=opening(claimant))
    (alert,) = listed(owner)
    assert (alert["kind"], alert["claimId"]) == ("claim_intercepted", asked["claimId"])
    eventually(
        lambda: sorted(json.loads(one)["event"] for one in receiver.bodies),
        ["claim.intercepted", "claim.opened"],
    )
    receiver.close()


def test_alerts_are_narrowed_paged_and_acknowledged_by_their_owner(server: Server, owner: Agent) -> None:
    one, two = owner.session(budgetUsdc=10), owner.session(budgetUsdc=10)
    one.data("POST", "/spends", {"amount": 10})
    two.data("POST", "/spends", {"amount": 5})
    page = owner.data("GET", "/alerts?limit=2")
    assert (page["total"], [found["percent"] for found in page["alerts"]]) == (5, [50, 100])
    assert [found["percent"] for found in listed(owner, "?limit=2&offset=3")] == [80, 50]
    assert [found["percent"] for found in listed(owner, f"?session={one.session_id}")] == [100, 90, 80, 50]
    assert listed(owner, "?kind=pace") == []
    assert owner.ask("GET", "/alerts?kind=other").json()["code"] == "validation_failed"
    alert_id = page["alerts"][0]["alertId"]
    reader = owner.key_for("sessions:read")
    assert len(listed(reader, "?open=true")) == 5
    assert reader.ask("POST", f"/alerts/{alert_id}/acknowledge").json()["code"] == "scope_missing"
    seen = owner.data("POST", f"/alerts/{alert_id}/acknowledge")
    assert seen["acknowledgedBy"].startswith("key:")
    assert owner.key_for("sessions:write").data("POST", f"/alerts/{alert_id}/acknowledge") == seen
    assert listed(owner, "?open=false") == [seen]
    assert len(listed(owner, "?open=true")) == 4
    stranger = server.register()
    assert listed(stranger) == []
    assert stranger.ask("POST", f"/alerts/{alert_id}/acknowledge").status_code == 404
    assert one.ask("GET", "/alerts").json()["code"] == "owner_only"
