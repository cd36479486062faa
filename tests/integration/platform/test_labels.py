"""Labels and session keys over HTTP: who is known by what, and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.platform.serving import Agent, Server
from tests.integration.platform.test_growing import narrowed, register
from valetkey.core.api_key import Scope
from valetkey.crypto.keys import PrivateKey, session_key_hash

LABELS = "/agents/label-policy"


@pytest.fixture
def owner(server: Server) -> Agent:
    return server.register()


def code(answer: httpx.Response) -> str:
    """Of a refusal or an error."""
    body = answer.json()
    assert body["success"] is False, body
    return str(body["code"])


def public(key: PrivateKey) -> str:
    return key.public_key_compressed.hex()


def hash_of(key: PrivateKey) -> str:
    return "0x" + session_key_hash(key.public_key).hex()


def keyed(owner: Agent, key: PrivateKey | None = None, **changes: Any) -> Agent:
    """A session whose public key is told, too."""
    key = key or PrivateKey.generate()
    made = owner.session(sessionWallet=key.address, sessionPublicKey=public(key), **changes)
    return Agent(owner.server, made.credential, owner.agent_id, key, made.session_id)


def view(owner: Agent, session: Agent) -> Any:
    return owner.data("GET", f"/agents/session/{session.session_id}")


# Keys


def test_a_session_is_found_by_its_key(owner: Agent) -> None:
    session, plain = keyed(owner), owner.session()
    wanted = hash_of(session.key)
    assert view(owner, session)["sessionKeyHash"] == wanted
    assert session.data("GET", "/agents/session/self")["sessionKeyHash"] == wanted
    assert view(owner, plain)["sessionKeyHash"] is None, "who does not tell the key has no hash"
    page = owner.data("GET", f"/agents/sessions?keyHash={wanted}")
    assert [one["sessionId"] for one in page["sessions"]] == [session.session_id]
    assert owner.data("GET", f"/agents/sessions?keyHash={wanted.upper().replace('0X', '0x')}")["total"] == 1
    assert owner.data("GET", f"/agents/sessions?keyHash={hash_of(plain.key)}")["total"] == 0
    assert owner.server.register().data("GET", f"/agents/sessions?keyHash={wanted}")["total"] == 0


@pytest.mark.parametrize("text", ["", "0x", "12" * 32, "0x" + "1" * 63, "0x" + "1" * 65, "0x" + "g" * 64])
def test_a_hash_that_is_none(owner: Agent, text: str) -> None:
    assert code(owner.ask("GET", f"/agents/sessions?keyHash={text}")) == "validation_failed"


def test_a_rotation_brings_its_key(owner: Agent) -> None:
    old, key = keyed(owner), PrivateKey.generate()
    path = f"/agents/session/{old.session_id}/rotate"
    same = {"sessionWallet": old.key.address, "sessionPublicKey": public(old.key)}
    assert code(owner.ask("POST", path, same)) == "session_key_taken"
    stranger = {"sessionWallet": key.address, "sessionPublicKey": public(old.key)}
    assert code(owner.ask("POST", path, stranger)) == "invalid_key"
    asked = {"sessionWallet": key.address, "sessionPublicKey": public(key)}
    made = owner.data("POST", path, asked, Idempotency_Key="rotate")
    assert owner.data("POST", path, asked, Idempotency_Key="rotate") == made
    assert owner.data("GET", f"/agents/session/{made['sessionId']}")["sessionKeyHash"] == hash_of(key)
    assert view(owner, old)["sessionKeyHash"] == hash_of(old.key)


def test_a_key_is_one_session_s_of_an_owner(owner: Agent) -> None:
    session = keyed(owner)
    asked = {
        "budgetUsdc": 1,
        "expiry": 60,
        "sessionWallet": session.key.address,
        "sessionPublicKey": public(session.key),
    }
    owner.data("DELETE", f"/agents/session/{session.session_id}")
    taken = owner.ask("POST", "/agents/session", asked)
    assert (taken.status_code, code(taken)) == (409, "session_key_taken")
    assert taken.json()["details"]["sessionId"] == session.session_id
    assert owner.server.register().data("POST", "/agents/session", asked)


def test_children_show_their_keys(owner: Agent) -> None:
    """Whoever signs for a child shows its own; the last one's is told, or is not."""
    parent = keyed(owner)
    child, first, _ = narrowed(parent, budget=2_000_000)
    grandchild, second, _ = narrowed(child, budget=1_000_000)
    told = {"narrowings": [first, second], "sessionPublicKey": public(grandchild.key)}
    answer = owner.server.http.post("/api/v1/agents/session/attenuate", json=told)
    assert answer.status_code == 201, answer.text
    found = [one["sessionKeyHash"] for one in answer.json()["data"]["sessions"]]
    assert found == [hash_of(child.key), hash_of(grandchild.key)]
    other, third, _ = narrowed(parent)
    assert register(owner.server, third).json()["data"]["sessions"][0]["sessionKeyHash"] is None
    another, fourth, _ = narrowed(parent)
    for key, why in ((other.key, "invalid_key"), (parent.key, "invalid_key")):
        body = {"narrowings": [fourth], "sessionPublicKey": public(key)}
        assert code(owner.server.http.post("/api/v1/agents/session/attenuate", json=body)) == why
    assert owner.ask("GET", f"/agents/session/{another.session_id}").status_code == 404


KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
BAD_KEYS = {
    "another wallet's": (public(OTHER), "invalid_key"),
    "uncompressed": (KEY.public_key.hex(), "validation_failed"),
    "with 0x": ("0x" + public(KEY), "validation_failed"),
    "too short": (public(KEY)[:-4], "validation_failed"),
    "too long": (public(KEY) + "00", "validation_failed"),
    "a line break": (public(KEY) + "\n", "validation_failed"),
    "no hex": ("02" + "zz" * 32, "validation_failed"),
    "other digits": ("02" + "\u0661" * 64, "validation_failed"),
    "not on the curve": ("02" + "00" * 32, "invalid_key"),
    "beyond the field": ("02" + "ff" * 32, "invalid_key"),
    "the other half": (("03" if public(KEY)[:2] == "02" else "02") + public(KEY)[2:], "invalid_key"),
    "empty": ("", "validation_failed"),
    "a number": (2, "validation_failed"),
    "an ed25519 key": ("11" * 32, "invalid_key"),
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_key_that_is_none(owner: Agent, name: str) -> None:
    key, why = BAD_KEYS[name]
    asked = {"budgetUsdc": 1, "expiry": 60, "sessionWallet": KEY.address, "sessionPublicKey": key}
    answer = owner.ask("POST", "/agents/session", asked)
    assert (answer.status_code, code(answer)) == (400, why)
    assert owner.data("GET", "/agents/sessions")["total"] == 0


def test_a_key_needs_its_wallet(owner: Agent) -> None:
    asked = {"budgetUsdc": 1, "expiry": 60, "sessionPublicKey": public(KEY)}
    assert code(owner.ask("POST", "/agents/session", asked)) == "invalid_key"


# Labels


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("", "validation_failed"),
        ("x" * 201, "validation_failed"),
        (7, "validation_failed"),
        (["a"], "validation_failed"),
        ("x" * 200, None),
        ("\U0001f511" * 200, None),
        ("caf\u00e9 \u2014 \u65e5\u6b21", None),
        ("'; DROP TABLE sessions; --", None),
        (None, None),
    ],
)
def test_labels_that_are_some_and_that_are_none(owner: Agent, label: Any, why: str | None) -> None:
    answer = owner.ask("POST", "/agents/session", {"budgetUsdc": 1, "expiry": 60, "label": label})
    assert (None if answer.status_code == 201 else code(answer)) == why
    if why is None:
        (found,) = owner.data("GET", "/agents/sessions")["sessions"]
        assert found["label"] == label


def test_a_sole_label_needs_a_label(owner: Agent) -> None:
    asked = {"budgetUsdc": 1, "expiry": 60, "soleLabel": True}
    assert code(owner.ask("POST", "/agents/session", asked)) == "invalid_input"


def test_a_sole_label_is_one_session_s(owner: Agent) -> None:
    sole = owner.session(label="daily", soleLabel=True)
    assert view(owner, sole)["soleLabel"] is True
    asked = {"budgetUsdc": 1, "expiry": 60, "label": "daily"}
    taken = owner.ask("POST", "/agents/session", asked, Idempotency_Key="k")
    assert (taken.status_code, code(taken)) == (409, "label_taken")
    told = taken.json()["details"]
    assert (told["sessionId"], told["limit"]) == (sole.session_id, str(view(owner, sole)["expiry"]))
    owner.data("DELETE", f"/agents/session/{sole.session_id}")
    # A refusal takes no key.
    assert owner.data("POST", "/agents/session", asked, Idempotency_Key="k")


def test_one_of_many_at_once_is_made(owner: Agent) -> None:
    asked = {"budgetUsdc": 1, "expiry": 60, "label": "daily", "soleLabel": True}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: owner.ask("POST", "/agents/session", asked), range(16)))
    assert sorted(one.status_code for one in answers) == [201] + [409] * 15
    assert owner.data("GET", "/agents/sessions")["total"] == 1


def test_IDEMPOTENT_a_keyed_sole_session_is_made_once_by_many_at_once(owner: Agent) -> None:
    """Nobody of them is told that key or label are taken: they are its own."""
    asked = {
        "budgetUsdc": 1,
        "expiry": 60,
        "label": "daily",
        "soleLabel": True,
        "sessionWallet": KEY.address,
        "sessionPublicKey": public(KEY),
    }
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(lambda _: owner.data("POST", "/agents/session", asked, Idempotency_Key="k"), range(16))
        )
    assert all(one == found[0] for one in found)


def test_an_owner_s_policy(server: Server, owner: Agent) -> None:
    assert owner.data("GET", LABELS) == {"unique": False}
    first = owner.session(label="daily")
    owner.session(label="daily", expiry=9_000)
    assert owner.data("PUT", LABELS, {"unique": True}) == {"unique": True}
    assert owner.data("GET", LABELS) == {"unique": True}
    assert server.register().data("GET", LABELS) == {"unique": False}
    asked = {"budgetUsdc": 1, "expiry": 60, "label": "daily"}
    assert code(owner.ask("POST", "/agents/session", asked)) == "label_taken"
    assert (
        code(owner.ask("POST", f"/agents/session/{first.session_id}/extend", {"expiry": 7_200}))
        == "label_taken"
    )
    owner.data("POST", "/agents/sessions/revoke")
    last = keyed(owner, label="daily")
    rotated = owner.data("POST", f"/agents/session/{last.session_id}/rotate", {})
    assert owner.data("GET", f"/agents/session/{rotated['sessionId']}")["label"] == "daily"
    _, narrowing, _ = narrowed(last)
    parent = owner.session(label="child")
    assert code(register(server, narrowing)) == "label_taken"
    owner.data("DELETE", f"/agents/session/{parent.session_id}")
    assert register(server, narrowing).status_code == 201
    assert code(owner.ask("POST", "/agents/session", {**asked, "label": "child"})) == "label_taken"
    assert owner.data("PUT", LABELS, {"unique": False}) == {"unique": False}
    assert owner.data("POST", "/agents/session", asked)


@pytest.mark.parametrize("body", [{}, {"unique": None}, {"unique": 1}, {"unique": "true"}, [], None])
def test_a_policy_that_is_none(owner: Agent, body: Any) -> None:
    assert owner.ask("PUT", LABELS, body).status_code == 400
    assert owner.data("GET", LABELS) == {"unique": False}


def test_a_policy_is_the_owner_s_word(owner: Agent) -> None:
    session = owner.session()
    assert code(session.ask("PUT", LABELS, {"unique": True})) == "owner_only"
    assert code(session.ask("GET", LABELS)) == "owner_only"
    reader, writer = owner.key_for(Scope.SESSIONS_READ), owner.key_for(Scope.SESSIONS_WRITE)
    assert code(reader.ask("PUT", LABELS, {"unique": True})) == "scope_missing"
    assert reader.data("GET", LABELS) == {"unique": False}
    writer.data("PUT", LABELS, {"unique": True})
    assert reader.data("GET", LABELS) == {"unique": True}
    lines = owner.server.http.get("/api/v1/audit", headers={"X-API-Key": owner.credential}).text.splitlines()
    (told,) = (one for one in lines if '"labels_set"' in one)
    assert f"key:{writer.key_id}" in told
