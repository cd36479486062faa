"""Stopping sessions: one for a while, all of an owner at once, all of them for ever."""

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.integration.platform.serving import Server


def test_a_paused_session_looks_and_buys_nothing(server: Server) -> None:
    seller, owner = server.register(), server.register()
    service, session = seller.offer(price=1), owner.session()
    path = f"/agents/session/{session.session_id}"
    assert owner.data("POST", f"{path}/pause")["status"] == "paused"
    assert owner.data("POST", f"{path}/pause")["status"] == "paused"
    refused = session.buy(service)
    assert (refused.status_code, refused.json()["code"]) == (403, "session_paused")
    assert refused.json()["details"]["rule"] == "paused"
    assert session.data("GET", "/agents/session/self")["status"] == "paused"
    assert owner.data("POST", f"{path}/resume")["status"] == "active"
    assert session.buy(service).status_code == 201


def test_a_freeze_stops_every_session_also_those_that_are_made_meanwhile(server: Server) -> None:
    seller, owner, other = server.register(), server.register(), server.register()
    service = seller.offer(price=1)
    first, paused, others = owner.session(), owner.session(), other.session()
    owner.data("POST", f"/agents/session/{paused.session_id}/pause")
    frozen = owner.data("POST", "/agents/sessions/freeze")
    assert frozen["frozen"] is True
    assert owner.data("POST", "/agents/sessions/freeze") == frozen
    # Whoever looks is told, also by another key that only reads.
    reader = owner.key_for("read")
    told = reader.data("GET", "/agents/self")
    assert (told["frozenAt"], told["agentId"]) == (frozen["frozenAt"], owner.agent_id)
    assert (told["keyId"], "sessions:write" in told["scopes"]) == (reader.key_id, False)
    assert "sessions:write" in owner.data("GET", "/agents/self")["scopes"]
    later = owner.session()
    for session in (first, later):
        refused = session.buy(service)
        assert (refused.status_code, refused.json()["details"]["rule"]) == (403, "frozen")
    assert others.buy(service).status_code == 201
    assert {one["status"] for one in owner.data("GET", "/agents/sessions")["sessions"]} == {"paused"}
    assert owner.data("POST", "/agents/sessions/thaw") == {"frozen": False}
    assert "frozenAt" not in reader.data("GET", "/agents/self")
    assert [one.buy(service).status_code for one in (first, later, paused)] == [201, 201, 403]


def test_REVOKED_IS_DEAD_for_all_of_them(server: Server) -> None:
    seller, owner, other = server.register(), server.register(), server.register()
    service = seller.offer(price=1)
    sessions, others = [owner.session() for _ in range(3)], other.session()
    owner.data("DELETE", f"/agents/session/{sessions[0].session_id}")
    assert owner.data("POST", "/agents/sessions/revoke") == {"revoked": 2}
    assert owner.data("POST", "/agents/sessions/revoke") == {"revoked": 0}
    assert [one.buy(service).status_code for one in sessions] == [401] * 3
    assert others.buy(service).status_code == 201
    assert owner.session().buy(service).status_code == 201


def test_after_a_freeze_has_answered_nothing_is_bought(server: Server) -> None:
    seller, owner = server.register(), server.register()
    service = seller.offer(price=1)
    sessions = [owner.session(budgetUsdc=None) for _ in range(4)]
    frozen = threading.Event()
    bought_after: list[str] = []

    def buy(number: int) -> None:
        after = frozen.is_set()
        answer = sessions[number % 4].buy(service)
        if after and answer.status_code == 201:
            bought_after.append(answer.text)

    with ThreadPoolExecutor(16) as pool:
        running = [pool.submit(buy, number) for number in range(200)]
        owner.data("POST", "/agents/sessions/freeze")
        frozen.set()
        running += [pool.submit(buy, number) for number in range(100)]
        for one in running:
            one.result()
    assert bought_after == []


def test_only_the_owner_stops_its_sessions(server: Server) -> None:
    owner, other = server.register(), server.register()
    session = owner.session()
    path = f"/agents/session/{session.session_id}"
    for where in (f"{path}/pause", f"{path}/resume", "/agents/sessions/freeze", "/agents/sessions/revoke"):
        assert session.ask("POST", where).status_code == 403
    assert other.ask("POST", f"{path}/pause").status_code == 404


def test_sessions_are_found_by_their_label(server: Server) -> None:
    owner = server.register()
    for label in ("night", "day", "night", None):
        owner.session(label=label)
    page = owner.data("GET", "/agents/sessions?label=night&limit=1")
    assert (page["total"], [one["label"] for one in page["sessions"]]) == (2, ["night"])
    assert owner.data("GET", "/agents/sessions?label=noon")["total"] == 0
