"""Idempotency keys on every write: the first answer for ever, whatever happened since; secrets sealed."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.platform.serving import Agent, Server


@pytest.fixture
def owner(server: Server) -> Agent:
    return server.register()


def test_IDEMPOTENT_a_session_is_made_once_by_many_at_once(owner: Agent) -> None:
    body = {"budgetUsdc": 5, "expiry": 3_600}
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(
                lambda _: owner.data("POST", "/agents/session", body, Idempotency_Key="make 1"), range(16)
            )
        )
    assert all(one == found[0] for one in found)
    assert owner.data("GET", "/agents/sessions")["total"] == 1
    mismatch = owner.ask("POST", "/agents/session", {**body, "budgetUsdc": 6}, Idempotency_Key="make 1")
    assert (mismatch.status_code, mismatch.json()["code"]) == (422, "idempotency_mismatch")


def test_the_first_answer_is_given_whatever_happened_since(owner: Agent) -> None:
    session = owner.session()
    path = f"/agents/session/{session.session_id}"
    paused = owner.ask("POST", f"{path}/pause", Idempotency_Key="pause 1")
    owner.data("POST", f"{path}/resume", Idempotency_Key="resume 1")
    again = owner.ask("POST", f"{path}/pause", Idempotency_Key="pause 1")
    assert again.content == paused.content
    assert owner.data("GET", path)["status"] == "active", "the retry did not pause it again"
    # One key is for one request, also when the path alone differs.
    other = owner.ask("POST", f"{path}/resume", Idempotency_Key="pause 1")
    assert other.status_code == 422


def test_a_refusal_takes_no_key(owner: Agent) -> None:
    bad = owner.ask(
        "POST", "/agents/session", {"budgetUsdc": 5, "expiry": 1_000_000_000}, Idempotency_Key="k"
    )
    assert bad.status_code == 400
    assert owner.data("POST", "/agents/session", {"budgetUsdc": 5, "expiry": 60}, Idempotency_Key="k")


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tkey"])
def test_a_key_is_printable_and_not_too_long(owner: Agent, key: str) -> None:
    answer = owner.ask("POST", "/agents/sessions/freeze", Idempotency_Key=key)
    assert answer.status_code == 400


def test_SECRETS_STAY_SECRET_in_a_remembered_answer(server: Server, owner: Agent) -> None:
    made = owner.data("POST", "/agents/session", {"budgetUsdc": 5, "expiry": 60}, Idempotency_Key="sealed")
    secret = owner.data("POST", "/agents/webhook-secret", Idempotency_Key="sealed 2")["webhookSecret"]
    assert owner.data("POST", "/agents/webhook-secret", Idempotency_Key="sealed 2")["webhookSecret"] == secret
    kept = b"".join(
        one.read_bytes() for one in Path(server.settings.database).parent.iterdir() if one.is_file()
    )
    for shown in (made["token"], secret):
        assert shown.encode() not in kept
        assert shown[-64:].encode() not in kept
