"""Policies that no session has: replayed over what was spent, and compared."""

from decimal import Decimal

import pytest

from tests.integration.platform.serving import Agent, Server
from tests.integration.platform.test_spends import code, spend
from valetkey.platform.sessions import replaying

PLAIN = {"budgetUsdc": None}


@pytest.fixture
def owner(server: Server) -> Agent:
    return server.register()


def replayed(owner: Agent, session: Agent, **policy: object) -> dict[str, object]:
    body = {"policy": {**PLAIN, **policy}}
    found: dict[str, object] = owner.data("POST", f"/agents/session/{session.session_id}/replay", body)
    return found


def test_what_a_smaller_budget_would_have_refused(owner: Agent) -> None:
    session = owner.session(budgetUsdc=100)
    names = [spend(session, amount).json()["data"]["spendId"] for amount in (10, 20, 30)]
    session.data("POST", f"/spends/{names[0]}/void", {})
    assert replayed(owner, session) == {
        "spends": 3,
        "total": 3,
        "passed": 3,
        "refusedCount": 0,
        "waitingCount": 0,
        "amounts": [{"currency": "USDC", "passed": "60", "refused": "0"}],
        "refused": [],
        "waiting": [],
    }
    found = replayed(owner, session, perSpendUsdc=25, approvalAboveUsdc=15)
    assert (found["passed"], found["refusedCount"], found["waiting"]) == (2, 1, [names[1]])
    assert found["amounts"] == [{"currency": "USDC", "passed": "30", "refused": "30"}]
    (refused,) = found["refused"]
    assert (refused["spendId"], refused["amount"]) == (names[2], "30")
    assert [reason["rule"] for reason in refused["reasons"]] == ["per_spend"]
    assert session.data("GET", "/agents/session/self")["remainingUsdc"] == "50"


def test_the_newest_are_replayed(owner: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    session = owner.session(budgetUsdc=100)
    for amount in (1, 2, 3, 4, 5):
        spend(session, amount)
    monkeypatch.setattr(replaying, "PAGE", 2)
    monkeypatch.setattr(replaying, "REPLAYED_MAX", 3)
    monkeypatch.setattr(replaying, "LISTED_MAX", 1)
    found = replayed(owner, session, perSpendUsdc=3)
    assert (found["spends"], found["total"], found["refusedCount"]) == (3, 5, 2)
    assert [one["amount"] for one in found["refused"]] == ["4"]


def test_a_replay_is_the_owner_s(owner: Agent, server: Server) -> None:
    session = owner.session(budgetUsdc=100)
    path, body = f"/agents/session/{session.session_id}/replay", {"policy": PLAIN}
    assert server.register().ask("POST", path, body).status_code == 404
    assert session.ask("POST", path, body).status_code == 403
    assert owner.ask("POST", path, {"policy": {}}).status_code == 400
    assert code(owner.ask("POST", path, {"policy": {"budgetUsdc": -1}})) == (400, "validation_failed")


def test_which_of_two_policies_is_wider(owner: Agent) -> None:
    a = {"budgetUsdc": 50, "windows": [{"seconds": 3600, "limitUsdc": 20}], "expiresAt": 2_000_000_000}
    b = {
        "budgetUsdc": 50.5,
        "allowedServiceIds": ["b", "a"],
        "limits": [{"currency": "ETH", "budget": "1.5"}],
    }
    assert owner.data("POST", "/policies/diff", {"a": a, "b": b}) == {
        "wider": "incomparable",
        "differences": [
            {"rule": "budget", "wider": "b", "currency": "USDC", "a": "50", "b": "50.5"},
            {"rule": "window:3600", "wider": "b", "currency": "USDC", "a": "20"},
            {"rule": "currency", "wider": "b", "currency": "ETH", "b": "ETH"},
            {"rule": "expires_at", "wider": "b", "a": 2_000_000_000},
            {"rule": "allowed_services", "wider": "a", "b": ["a", "b"]},
        ],
    }
    assert owner.data("POST", "/policies/diff", {"a": a, "b": a}) == {"wider": "equal", "differences": []}
    # A session may ask too: nothing of anybody is in it.
    session = owner.session(budgetUsdc=1)
    less = {**a, "budgetUsdc": str(Decimal("49.999999"))}
    assert session.data("POST", "/policies/diff", {"a": a, "b": less})["wider"] == "a"


def test_a_policy_that_is_none_is_refused(owner: Agent) -> None:
    ended = {**PLAIN, "notBefore": 10, "expiresAt": 10}
    assert owner.ask("POST", "/policies/diff", {"a": PLAIN, "b": ended}).status_code == 400
