"""API keys over HTTP: made by one another within bounds, shown once, dead at once when they are revoked."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.wire import begun, ended
from tests.integration.platform.serving import Agent, Server, registration
from valetkey.core.api_key import KEYS_MAX
from valetkey.crypto.keys import PrivateKey
from valetkey.wire.timestamps import iso_timestamp


@pytest.fixture
def owner(server: Server) -> Agent:
    return server.register()


def told(agent: Agent, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
    answer = agent.ask(method, path, body, **headers)
    return answer.status_code, answer.json().get("code", "")


def in_seconds(seconds: int) -> str:
    return iso_timestamp(int(time.time()) + seconds)


def log_of(owner: Agent, chain_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Kinds and bodies of a chain; anchors, which come by themselves, are left out."""
    text = owner.server.http.get(
        f"/api/v1/audit?tree={chain_id}", headers={"X-API-Key": owner.credential}
    ).text
    lines = [json.loads(line) for line in text.splitlines()]
    return [
        (line["kind"], json.loads(line["body"]))
        for line in lines
        if line["type"] == "entry" and line["kind"] != "anchor"
    ]


def test_a_key_is_made_listed_used_and_revoked(owner: Agent) -> None:
    made = owner.data(
        "POST",
        "/agents/keys",
        {"name": "console", "scopes": ["read", "spends:approve"], "expiresAt": in_seconds(600)},
    )
    key, secret = made["key"], made["apiKey"]
    assert secret.startswith("aba_")
    assert (key["name"], key["scopes"], key["status"]) == ("console", ["read", "spends:approve"], "active")
    assert key.keys() == {"id", "name", "scopes", "status", "createdAt", "expiresAt"}
    page = owner.data("GET", "/agents/keys")
    assert (page["total"], page["keys"][0]) == (2, key)
    assert page["keys"][1]["name"] == "registration"
    assert page["keys"][1]["lastUsedAt"]
    assert secret not in json.dumps(page)

    holder = Agent(owner.server, secret, owner.agent_id, owner.key)
    assert holder.data("GET", "/agents/sessions")["total"] == 0
    assert holder.data("GET", f"/agents/keys/{key['id']}")["lastUsedAt"]
    assert told(holder, "POST", "/agents/session", {"budgetUsdc": 1, "expiry": 60}) == (403, "scope_missing")
    assert told(holder, "DELETE", f"/agents/keys/{key['id']}") == (403, "scope_missing")

    ended_key = owner.data("DELETE", f"/agents/keys/{key['id']}")
    assert (ended_key["status"], ended_key["id"]) == ("revoked", key["id"])
    assert told(holder, "GET", "/agents/sessions") == (401, "unauthenticated")
    assert owner.data("DELETE", f"/agents/keys/{key['id']}") == ended_key
    assert owner.data("GET", f"/agents/keys/{key['id']}") == ended_key


def test_REVOKED_IS_DEAD_for_a_key_whose_body_comes_slowly(owner: Agent) -> None:
    other = owner.key_for("full")
    body = json.dumps({"budgetUsdc": 1, "expiry": 60}).encode()
    line = begun(owner.server.base_url, other.credential, "POST", "/agents/session", body)
    time.sleep(0.2)
    owner.data("DELETE", f"/agents/keys/{other.key_id}")
    status, answer = ended(line, body)
    assert (status, json.loads(answer)["code"]) == (401, "unauthenticated")
    assert owner.data("GET", "/agents/sessions")["total"] == 0


def test_REVOKED_IS_DEAD_what_a_revoked_key_asks_for_again_is_not_answered(owner: Agent) -> None:
    other = owner.key_for("full")
    other.data("POST", "/agents/sessions/freeze", Idempotency_Key="once")
    owner.data("DELETE", f"/agents/keys/{other.key_id}")
    assert told(other, "POST", "/agents/sessions/freeze", Idempotency_Key="once") == (401, "unauthenticated")


def test_a_key_ends_at_its_end(owner: Agent) -> None:
    short = owner.key_for("read", seconds=2)
    deadline = time.monotonic() + 20
    while short.ask("GET", "/agents/sessions").status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert told(short, "GET", "/agents/sessions") == (401, "unauthenticated")
    assert owner.data("GET", f"/agents/keys/{short.key_id}")["status"] == "expired"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"scopes": ["full"]}, "not_narrower"),
        ({"scopes": ["read", "spends:write"]}, "not_narrower"),
        ({"expiresAt": in_seconds(7_200)}, "not_narrower"),
        ({"expiresAt": None}, "not_narrower"),
        ({}, ""),
        ({"scopes": ["audit:read", "keys"]}, ""),
    ],
)
def test_NARROW_ONLY_a_key_makes_no_more_than_it_is(owner: Agent, asked: dict[str, Any], code: str) -> None:
    maker = owner.key_for("keys", "read", seconds=3_600)
    body = {"name": "made", "scopes": ["read"], "expiresAt": in_seconds(600), **asked}
    assert told(maker, "POST", "/agents/keys", body)[1] == code
    assert owner.data("GET", "/agents/keys")["total"] == (2 if code else 3)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 65},
        {"name": "two\nlines"},
        {"name": None},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": "full"},
        {"expiresAt": "tomorrow"},
        {"expiresAt": "2020-01-01T00:00:00.000Z"},
        {"expiresAt": 1_900_000_000},
    ],
)
def test_what_is_malformed_is_told_so(owner: Agent, change: dict[str, Any]) -> None:
    answer = owner.ask("POST", "/agents/keys", {"name": "k", "scopes": ["read"], **change})
    assert (answer.status_code, answer.json()["code"] in ("invalid_input", "validation_failed")) == (
        400,
        True,
    )
    assert owner.data("GET", "/agents/keys")["total"] == 1


def test_an_owner_has_so_many_living_keys(owner: Agent) -> None:
    made = [owner.key_for("read") for _ in range(KEYS_MAX - 1)]
    body = {"name": "one more", "scopes": ["read"]}
    assert told(owner, "POST", "/agents/keys", body) == (403, "keys_full")
    page = owner.data("GET", "/agents/keys?limit=7&offset=45")
    assert (page["total"], len(page["keys"]), page["limit"], page["offset"]) == (KEYS_MAX, 5, 7, 45)
    again = registration(owner.key, timestamp=int(time.time()) + 1)
    full = owner.server.http.post("/api/v1/agents/register", json=again)
    assert (full.status_code, full.json()["code"]) == (403, "keys_full")
    owner.data("DELETE", f"/agents/keys/{made[0].key_id}")
    assert told(owner, "POST", "/agents/keys", body) == (201, "")


def test_after_a_leak_the_wallet_ends_every_other_key(owner: Agent) -> None:
    leaked = [owner, owner.key_for("full"), owner.key_for("read")]
    session = owner.session()
    asked = {**registration(owner.key, timestamp=int(time.time()) + 1), "revokeOthers": True}
    body = owner.server.http.post("/api/v1/agents/register", json=asked).json()
    assert body["agentId"] == owner.agent_id
    for one in leaked:
        assert told(one, "GET", "/agents/sessions") == (401, "unauthenticated")
    new = Agent(owner.server, body["apiKey"], owner.agent_id, owner.key)
    states = [key["status"] for key in new.data("GET", "/agents/keys")["keys"]]
    assert states == ["active", "revoked", "revoked", "revoked"]
    # Sessions are not keys: what a thief may have made is revoked by itself.
    assert session.data("GET", "/agents/session/self")["status"] == "active"
    told_of = log_of(new, owner.agent_id)
    assert [kind for kind, _ in told_of] == ["key_created"] * 3 + ["key_revoked"] * 3 + ["key_created"]
    assert {facts["by"] for kind, facts in told_of if kind == "key_revoked"} == {"wallet"}


def test_revoke_others_of_a_new_wallet_and_of_a_thief_changes_nothing(server: Server, owner: Agent) -> None:
    stranger = PrivateKey.generate()
    asked = {**registration(stranger), "revokeOthers": True}
    assert server.http.post("/api/v1/agents/register", json=asked).status_code == 201
    forged = {**registration(stranger), "walletAddress": owner.key.address, "revokeOthers": True}
    assert server.http.post("/api/v1/agents/register", json=forged).status_code == 401
    assert owner.data("GET", "/agents/keys")["total"] == 1


def test_another_owner_s_keys_do_not_exist(server: Server, owner: Agent) -> None:
    victim = owner.key_for("read")
    stranger = server.register()
    for method in ("GET", "DELETE"):
        assert told(stranger, method, f"/agents/keys/{victim.key_id}") == (404, "not_found")
    assert stranger.data("GET", "/agents/keys")["total"] == 1
    assert victim.data("GET", "/agents/sessions")["total"] == 0


def test_IDEMPOTENT_a_key_is_made_once_and_shown_to_its_maker_alone(owner: Agent) -> None:
    body = {"name": "once", "scopes": ["full"]}
    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(lambda _: owner.data("POST", "/agents/keys", body, Idempotency_Key="make"), range(16))
        )
    assert all(one == made[0] for one in made)
    assert owner.data("GET", "/agents/keys")["total"] == 2
    other = Agent(owner.server, made[0]["apiKey"], owner.agent_id, owner.key)
    assert told(other, "POST", "/agents/keys", body, Idempotency_Key="make") == (409, "conflict")
    changed = {**body, "scopes": ["read"]}
    assert told(owner, "POST", "/agents/keys", changed, Idempotency_Key="make") == (
        422,
        "idempotency_mismatch",
    )


def test_SECRETS_STAY_SECRET_no_key_is_in_the_database_or_the_log(owner: Agent) -> None:
    body = {"name": "sealed", "scopes": ["read"]}
    secret = owner.data("POST", "/agents/keys", body, Idempotency_Key="sealed")["apiKey"]
    folder = Path(owner.server.settings.database).parent
    kept = b"".join(one.read_bytes() for one in folder.iterdir() if one.is_file())
    assert secret.encode() not in kept
    assert secret[-64:].encode() not in kept
    assert secret not in owner.server.http.get("/api/v1/audit", headers={"X-API-Key": owner.credential}).text


def test_AUDIT_IS_COMPLETE_the_log_names_the_key_that_acted(owner: Agent) -> None:
    maker = owner.data("GET", "/agents/keys")["keys"][0]["id"]
    sessions, spends = owner.key_for("sessions:write"), owner.key_for("spends:approve", "spends:write")
    session = sessions.session(approvalAboveUsdc=1)
    session_path = f"/agents/session/{session.session_id}"
    waiting = session.data("POST", "/spends", {"amount": 2})["spendId"]
    spends.data("POST", f"/approvals/{waiting}/reject")
    sessions.data("POST", f"{session_path}/pause")
    owner.data("POST", f"{session_path}/resume")
    sessions.data("POST", f"{session_path}/extend", {"expiry": 7_200})
    sessions.data("DELETE", session_path)
    sessions.data("POST", "/agents/sessions/freeze")
    sessions.data("POST", "/agents/sessions/revoke")
    told_of = log_of(owner, session.session_id)
    assert [(kind, facts.get("by")) for kind, facts in told_of] == [
        ("session_created", f"key:{sessions.key_id}"),
        ("approval_asked", None),
        ("rejected", f"key:{spends.key_id}"),
        ("paused", f"key:{sessions.key_id}"),
        ("resumed", f"key:{maker}"),
        ("extended", f"key:{sessions.key_id}"),
        ("revoked", f"key:{sessions.key_id}"),
    ]
    assert [(kind, facts["by"]) for kind, facts in log_of(owner, owner.agent_id)] == [
        ("key_created", "wallet"),
        ("key_created", f"key:{maker}"),
        ("key_created", f"key:{maker}"),
        ("frozen", f"key:{sessions.key_id}"),
        ("all_revoked", f"key:{sessions.key_id}"),
    ]
