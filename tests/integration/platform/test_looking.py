"""What a session looks at with its own token: its tree, what it was refused, what an order would be answered."""

from typing import Any

import pytest

from tests.integration.platform.serving import Agent, Server
from tests.integration.platform.test_growing import child_of
from tests.integration.platform.test_spends import code, held, spend


@pytest.fixture
def owner(server: Server) -> Agent:
    return server.register()


def tree(caller: Agent, session: Agent) -> Any:
    return caller.ask("GET", f"/agents/session/{session.session_id}/tree")


def refusals(caller: Agent, session: Agent, query: str = "") -> Any:
    return caller.ask("GET", f"/agents/session/{session.session_id}/refusals{query}")


def ids(answer: Any) -> list[str]:
    return [one["sessionId"] for one in answer.json()["data"]["sessions"]]


def told(answer: Any) -> list[tuple[str, list[str], str]]:
    return [(one["sessionId"], one["rules"], one["amount"]) for one in answer.json()["data"]["refusals"]]


def test_a_token_sees_its_own_tree_and_no_sibling_and_no_ancestor(owner: Agent, server: Server) -> None:
    root = owner.session(budgetUsdc=10)
    left, right = child_of(root, budget=1_000_000), child_of(root, budget=2_000_000)
    below = child_of(left)
    assert ids(tree(root, root)) == [one.session_id for one in (root, left, right, below)]
    assert ids(tree(left, left)) == [left.session_id, below.session_id]
    assert ids(tree(left, below)) == [below.session_id]
    stranger = server.register()
    for caller, session in (
        (left, root),
        (left, right),
        (below, left),
        (owner.session(budgetUsdc=10), root),
        (stranger, root),
        (stranger.session(budgetUsdc=10), root),
    ):
        for look in (tree, refusals):
            assert code(look(caller, session)) == (404, "not_found")
    assert ids(tree(owner, root)) == ids(tree(root, root))


def test_refusals_are_those_of_a_session_and_of_what_was_made_of_it(owner: Agent) -> None:
    root = owner.session(budgetUsdc=10, perSpendUsdc=5)
    left, right = child_of(root, budget=1_000_000), child_of(root, budget=2_000_000)
    spend(root, "6.5")
    spend(left, 3)
    spend(right, 4)
    held(root, 1)
    assert told(refusals(root, root)) == [
        (right.session_id, ["budget"], "4"),
        (left.session_id, ["budget"], "3"),
        (root.session_id, ["per_spend"], "6.5"),
    ]
    assert told(refusals(left, left)) == [(left.session_id, ["budget"], "3")]
    assert told(refusals(owner, root, "?limit=1")) == [(right.session_id, ["budget"], "4")]
    spend(left, 7)
    (first, _) = refusals(left, left).json()["data"]["refusals"]
    assert first["rules"] == ["per_spend", "budget", f"per_spend of {root.session_id}"]
    assert code(refusals(root, root, "?limit=0")) == (400, "validation_failed")


def test_a_refusal_that_many_entries_came_after_is_no_more_told(
    owner: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    from valetkey.platform.sessions import refusals as reading

    root = owner.session(budgetUsdc=10)
    spend(root, 20)
    for _ in range(4):
        held(root, 1)
    monkeypatch.setattr(reading, "PAGE", 2)
    assert len(told(refusals(root, root))) == 1
    monkeypatch.setattr(reading, "ENTRIES_MAX", 4)
    answer = refusals(root, root).json()["data"]
    assert (answer["refusals"], answer["searched"]) == ([], 4)


def test_an_order_has_a_dry_run(owner: Agent, server: Server) -> None:
    service = server.register().offer(price=1)
    session = owner.session(budgetUsdc=3)

    def check(caller: Agent, **more: Any) -> Any:
        return caller.ask("POST", "/checkout/check", {"serviceId": service["id"], **more})

    yes = check(session).json()["data"]
    assert (yes["allowed"], yes["asked"], yes["remaining"]) == (True, "1.02", "1.98")
    no = check(session, quantity=4).json()["data"]
    assert (no["allowed"], no["asked"], no["reasons"][0]["rule"]) == (False, "4.08", "budget")
    dear = check(session, maxTotal=1).json()["data"]
    assert [one["code"] for one in dear["reasons"]] == ["price_exceeds_max"]
    asks = owner.session(budgetUsdc=3, approvalAboveUsdc=1)
    waits = check(asks).json()["data"]
    assert (waits["allowed"], waits["needsApproval"]) == (False, True)
    assert code(check(owner)) == (403, "wrong_party")
    assert code(session.ask("POST", "/checkout/check", {"serviceId": "svc_none"})) == (404, "not_found")
    only = owner.session(budgetUsdc=3, allowedOperations=["purchase"])
    assert check(only).json()["data"]["allowed"] is True
    # Nothing was held or ordered by asking.
    view = session.data("GET", "/agents/session/self")
    assert (view["remainingUsdc"], view["spends"]) == ("3", 0)
    assert session.data("GET", "/transactions")["total"] == 0
    assert refusals(session, session).json()["data"]["refusals"] == []


def test_a_view_tells_what_would_be_refused_next(owner: Agent) -> None:
    root = owner.session(budgetUsdc=10, perSpendUsdc=4, approvalAboveUsdc=2)
    told = root.data("GET", "/agents/session/self")["nextRefusal"]
    assert (told["mostUsdc"], told["freeUsdc"], told["rule"]) == ("4", "2", "per_spend")
    root = owner.session(budgetUsdc=10)
    child = child_of(root, budget=9_000_000)
    held(root, 6)
    told = child.data("GET", "/agents/session/self")["nextRefusal"]
    assert (told["mostUsdc"], told["sessionId"]) == ("4", root.session_id)
    owner.data("POST", f"/agents/session/{root.session_id}/pause")
    told = child.data("GET", "/agents/session/self")["nextRefusal"]
    assert (told["mostUsdc"], told["code"], told["sessionId"]) == ("0", "session_paused", root.session_id)
    free = owner.session(budgetUsdc=None).data("GET", "/agents/session/self")["nextRefusal"]
    assert free == {}
