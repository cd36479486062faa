"""A session that called a moment ago is not looked up again before the gate, which stops it all the same."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from tests.integration.platform.serving import Agent, Server
from tests.integration.platform.test_spends import code, held, spend
from tests.unit.core.build import SESSION
from valetkey.core.agent import Agent as Owner
from valetkey.platform import callers
from valetkey.platform.callers import Caller, Recent
from valetkey.ports.accounts import SessionRecord


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One number for each look-up of a credential."""
    seen: list[int] = []
    honest: Callable[..., Awaitable[Caller]] = callers.authenticate

    async def counted(*args: object) -> Caller:
        seen.append(1)
        return await honest(*args)

    for place in ("serving", "http"):
        monkeypatch.setattr(f"valetkey.platform.{place}.authenticate", counted)
    return seen


@pytest.fixture
def owner(server: Server) -> Agent:
    return server.register()


def test_a_second_spend_is_not_looked_up(owner: Agent, looks: list[int]) -> None:
    session = owner.session()
    looks.clear()
    for _ in range(3):
        held(session, "1")
    assert len(looks) == 1
    session.data("GET", "/agents/session/self")
    assert len(looks) == 2, "everything else is looked up"


@pytest.mark.parametrize(
    ("stop", "status", "told"),
    [
        ("revoke", 401, "session_revoked"),
        ("pause", 403, "session_paused"),
        ("freeze", 403, "session_paused"),
        ("revoke all", 401, "session_revoked"),
    ],
)
def test_REVOKED_IS_DEAD_also_for_who_just_called(owner: Agent, stop: str, status: int, told: str) -> None:
    session = owner.session()
    held(session, "1", key="first")
    path = f"/agents/session/{session.session_id}"
    match stop:
        case "revoke":
            owner.data("DELETE", path)
        case "pause":
            owner.data("POST", f"{path}/pause")
        case "freeze":
            owner.data("POST", "/agents/sessions/freeze")
        case _:
            owner.data("POST", "/agents/sessions/revoke")
    assert code(spend(session, "1")) == (status, told)


def test_an_earlier_answer_is_not_given_to_a_session_that_is_dead(owner: Agent) -> None:
    session = owner.session()
    first = held(session, "1", key="once")
    assert held(session, "1", key="once") == first
    owner.data("DELETE", f"/agents/session/{session.session_id}")
    assert code(spend(session, "1", key="once")) == (401, "session_revoked")


def test_a_refusal_by_a_policy_stays_what_it_is(owner: Agent, looks: list[int]) -> None:
    session = owner.session(budgetUsdc=2)
    held(session, "1")
    looks.clear()
    assert code(spend(session, "5")) == (403, "budget_exceeded")
    assert len(looks) == 1, "a refusal looks again"


def test_a_session_that_may_ask_its_owner_is_looked_up(owner: Agent, looks: list[int]) -> None:
    session = owner.session(approvalAboveUsdc=10)
    looks.clear()
    for _ in range(2):
        held(session, "1")
    assert len(looks) == 2


def test_what_is_known_ends_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = Owner(
        id="agt_1",
        developer_id="dev_1",
        name="a",
        description="",
        wallet_address="0x" + "1" * 40,
        public_key=b"",
        created_at=0,
        last_seen_at=0,
    )
    session = replace(SESSION, policy=replace(SESSION.policy, expires_at=2_000))
    record = SessionRecord(session, "byr_1", None, None, None)
    recent = Recent()
    recent.keep(b"1", Caller(agent))
    assert recent.caller(b"1", 0) is None, "an owner's key is never kept"
    recent.keep(b"1", Caller(agent, record))
    assert recent.caller(b"1", 1_999) is not None
    assert recent.caller(b"1", 2_000) is None, "it has expired"
    monkeypatch.setattr(callers, "RECENT_SECONDS", -1.0)
    recent.keep(b"1", Caller(agent, record))
    assert recent.caller(b"1", 1_999) is None, "it was long ago"
    monkeypatch.setattr(callers, "RECENT_SECONDS", 60.0)
    monkeypatch.setattr(callers, "RECENT_MAX", 2)
    for name in (b"1", b"2", b"3"):
        recent.keep(name, Caller(agent, record))
    assert [recent.caller(name, 0) is not None for name in (b"1", b"2", b"3")] == [False, True, True]
    recent.forget(b"3")
    assert recent.caller(b"3", 0) is None
    monkeypatch.setattr(callers, "RECENT_SECONDS", 0.05)
    monkeypatch.setattr(callers, "RECENT_MAX", 10)
    recent = Recent()
    recent.keep(b"4", Caller(agent, record))
    recent.keep(b"5", Caller(agent, record))
    time.sleep(0.1)
    recent.keep(b"6", Caller(agent, record))
    assert list(recent._known) == [b"6"], "what is over takes no room"
