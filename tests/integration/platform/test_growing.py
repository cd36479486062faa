"""Sessions that are extended, rotated, and made out of each other, over HTTP."""

import hashlib
import json
import secrets
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.platform.conftest import Start
from tests.integration.platform.serving import Agent, Server
from tests.integration.platform.test_spends import code, held, spend
from valetkey.core import tree
from valetkey.core.tree import DEPTH_MAX, Narrowing
from valetkey.core.windows import Window
from valetkey.crypto.keys import PrivateKey
from valetkey.wire.attenuation import Attenuation, SignedNarrowing, sign


@pytest.fixture
def owner(server: Server) -> Agent:
    return server.register()


def narrowed(
    parent: Agent, signer: PrivateKey | None = None, **rules: Any
) -> tuple[Agent, dict[str, str], Attenuation]:
    """A child of a session, made without asking anybody, and its signed narrowing."""
    key, token = PrivateKey.generate(), "abba_session_" + secrets.token_hex(32)
    told = Attenuation(
        parent_id=parent.session_id,
        wallet=key.address,
        e2e_public_key=None,
        token_hash=hashlib.sha256(token.encode()).digest(),
        label="child",
        narrowing=Narrowing(**rules),
    )
    child = Agent(parent.server, token, parent.agent_id, key, told.child_id)
    return child, body_of(sign(told, signer or parent.key)), told


def body_of(signed: SignedNarrowing) -> dict[str, str]:
    return {"message": signed.message, "signature": signed.signature}


def register(server: Server, *narrowings: dict[str, str]) -> Any:
    return server.http.post("/api/v1/agents/session/attenuate", json={"narrowings": list(narrowings)})


def child_of(parent: Agent, **rules: Any) -> Agent:
    child, narrowing, _ = narrowed(parent, **rules)
    answer = register(parent.server, narrowing)
    assert answer.status_code == 201, answer.text
    return child


def left(session: Agent) -> str:
    return session.data("GET", "/agents/session/self")["remainingUsdc"]


def test_NARROW_ONLY_a_child_spends_out_of_every_ancestor(owner: Agent) -> None:
    root = owner.session(budgetUsdc=100)
    child = child_of(root, budget=60_000_000)
    grandchild = child_of(child, per_spend=30_000_000)
    held(grandchild, 30)
    assert [left(one) for one in (root, child, grandchild)] == ["70", "30", "30"]
    held(root, 50)
    refused = spend(child, 21)
    assert code(refused) == (403, "budget_exceeded")
    assert refused.json()["details"]["sessionId"] == root.session_id
    one = held(grandchild, 20)
    assert [left(one) for one in (root, child, grandchild)] == ["0", "10", "10"]
    owner.data("POST", f"/spends/{one['spendId']}/capture", {"amount": 5})
    assert [left(one) for one in (root, child, grandchild)] == ["15", "25", "25"]
    tree = owner.data("GET", f"/agents/session/{root.session_id}/tree")["sessions"]
    assert [(n["sessionId"], n["depth"], n["spentUsdc"], n["heldUsdc"]) for n in tree] == [
        (root.session_id, 0, "5", "80"),
        (child.session_id, 1, "5", "30"),
        (grandchild.session_id, 2, "5", "30"),
    ]
    (part,) = owner.data("GET", f"/agents/session/{grandchild.session_id}/tree")["sessions"]
    assert part["parentId"] == child.session_id


def test_a_whole_line_is_registered_at_the_first_use_of_its_last(owner: Agent) -> None:
    parent = owner.session(budgetUsdc=100)
    chain, last = [], parent
    for _ in range(DEPTH_MAX):
        last, narrowing, _ = narrowed(last)
        chain.append(narrowing)
    assert last.ask("GET", "/agents/session/self").status_code == 401
    first = register(owner.server, *chain)
    assert first.status_code == 201, first.text
    assert len(first.json()["data"]["sessions"]) == DEPTH_MAX
    assert register(owner.server, *chain).json()["data"] == first.json()["data"]
    held(last, 1)
    assert left(parent) == "99"
    _, deeper, _ = narrowed(last)
    assert code(register(owner.server, deeper)) == (403, "tree_too_deep")


@pytest.mark.parametrize(
    "rules",
    [
        {"budget": 50_000_001},
        {"per_spend": 6_000_000},
        {"allowed_services": frozenset({"svc_1", "svc_2"})},
        {"windows": (Window(3_600, 11_000_000),)},
        {"expires_at": 2**40},
        {"spends_max": 6},
        {"approval_above": 4_000_001},
        {"allowed_chains": frozenset({1})},
    ],
    ids=lambda rules: next(iter(rules)),
)
def test_NARROW_ONLY_wider_is_refused(owner: Agent, rules: dict[str, Any]) -> None:
    parent = owner.session(
        perSpendUsdc=5,
        allowedServiceIds=["svc_1"],
        windows=[{"seconds": 3_600, "limitUsdc": 10}],
        spendsMax=5,
        approvalAboveUsdc=4,
        allowedChains=[84532],
    )
    _, narrowing, _ = narrowed(parent, **rules)
    assert code(register(owner.server, narrowing)) == (403, "not_narrower")


def test_what_stops_a_parent_stops_its_children(owner: Agent) -> None:
    parent = owner.session()
    child = child_of(parent)
    grandchild = child_of(child)
    path = f"/agents/session/{parent.session_id}"
    owner.data("POST", f"{path}/pause")
    assert code(spend(grandchild, 1)) == (403, "session_paused")
    assert grandchild.data("GET", "/agents/session/self")["status"] == "paused"
    owner.data("POST", f"{path}/resume")
    held(grandchild, 1)
    # A session takes back what it gave.
    assert code(grandchild.ask("DELETE", f"/agents/session/{child.session_id}")) == (404, "not_found")
    parent.data("DELETE", f"/agents/session/{child.session_id}")
    assert code(spend(grandchild, 1)) == (401, "session_revoked")
    assert code(child.ask("GET", "/agents/session/self")) == (401, "session_revoked")
    held(parent, 1)
    statuses = {
        status: owner.data("GET", f"/agents/sessions?status={status}")["total"]
        for status in ("active", "revoked", "paused")
    }
    assert statuses == {"active": 1, "revoked": 2, "paused": 0}
    _, late, _ = narrowed(child)
    assert code(register(owner.server, late)) == (401, "session_revoked")


def test_nobody_else_signs_a_narrowing(server: Server, owner: Agent) -> None:
    parent, other = owner.session(), server.register().session()
    for signer in (other.key, owner.key, PrivateKey.generate()):
        _, narrowing, _ = narrowed(parent, signer)
        assert code(register(server, narrowing)) == (401, "unauthenticated")
    _, narrowing, told = narrowed(parent, budget=1)
    wider = replace(told, narrowing=Narrowing(budget=2))
    forged = {**narrowing, "message": wider.message}
    assert code(register(server, forged)) == (401, "unauthenticated")
    same_wallet = sign(replace(told, wallet=parent.key.address), parent.key)
    assert code(register(server, body_of(same_wallet)))[0] == 400
    unknown = sign(replace(told, parent_id="ses_" + "0" * 25), parent.key)
    assert code(register(server, body_of(unknown))) == (404, "not_found")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Valetkey attenuation v1", "Valetkey attenuation v2"),
        ('"rules":{', '"rules": {'),
        ('"budget":"7"', '"budget":7'),
        ('"budget":"7"', '"budget":"-7"'),
        ('"budget":"7"', '"budget":"07"'),
        ('"budget":"7"', '"budget":"7","unheard":1'),
        ('"budget":"7"', '"expires_at":1.5'),
        ('"budget":"7"', '"expires_at":true'),
        ('"parent":"ses_', '"parent":"agt_'),
        ("{", "["),
    ],
)
def test_only_the_one_text_is_read(owner: Agent, old: str, new: str) -> None:
    parent = owner.session()
    _, narrowing, _ = narrowed(parent, budget=7)
    assert old in narrowing["message"]
    assert code(register(owner.server, {**narrowing, "message": narrowing["message"].replace(old, new, 1)}))[
        0
    ] in (400, 401)


def rotated(owner: Agent, session: Agent, **fields: Any) -> Agent:
    key = PrivateKey.generate()
    made = owner.data(
        "POST",
        f"/agents/session/{session.session_id}/rotate",
        {"sessionWallet": key.address, "e2ePublicKey": key.public_key_compressed.hex(), **fields},
    )
    return Agent(owner.server, made["token"], owner.agent_id, key, made["sessionId"])


def test_NO_OVERSPEND_old_and_new_together(owner: Agent) -> None:
    old = owner.session(budgetUsdc=100, windows=[{"seconds": 3_600, "limitUsdc": 90}])
    first = held(old, 40)
    new = rotated(owner, old, graceSeconds=60)
    assert left(new) == "60"
    held(old, 20)
    assert left(new) == "40"
    assert code(spend(new, 31)) == (403, "window_exceeded")
    held(new, 30)
    refused = spend(old, 1)
    assert code(refused) == (403, "window_exceeded")
    owner.data("POST", f"/spends/{first['spendId']}/void")
    assert left(new) == "50"
    view = owner.data("GET", f"/agents/session/{old.session_id}")
    assert (view["successorId"], view["parentId"]) == (new.session_id, new.session_id)
    assert code(owner.ask("POST", f"/agents/session/{old.session_id}/rotate", {})) == (409, "contradiction")


def test_a_rotation_may_begin_at_zero_and_ends_the_old_one(owner: Agent) -> None:
    old = owner.session(budgetUsdc=100)
    first = held(old, 90)
    new = rotated(owner, old, carryOver=False, graceSeconds=0, budgetUsdc=50)
    assert code(spend(old, 1)) == (401, "session_expired")
    assert left(new) == "50"
    owner.data("POST", f"/spends/{first['spendId']}/capture")
    assert left(new) == "50"
    held(new, 50)


def test_IDEMPOTENT_a_rotation_answers_its_token_again(owner: Agent) -> None:
    old = owner.session()
    path, body = f"/agents/session/{old.session_id}/rotate", {"graceSeconds": 5}
    first = owner.data("POST", path, body, Idempotency_Key="rotate 1")
    again = owner.ask("POST", path, body, Idempotency_Key="rotate 1")
    assert again.json()["data"] == first
    assert again.headers["Idempotency-Replayed"] == "true"
    assert code(owner.ask("POST", path, {"graceSeconds": 6}, Idempotency_Key="rotate 1")) == (
        422,
        "idempotency_mismatch",
    )
    assert owner.data("GET", "/agents/sessions")["total"] == 2


def told_of(owner: Agent, session: Agent) -> list[str]:
    """The kinds of the entries of a session's tree."""
    log = owner.ask("GET", f"/audit?tree={session.session_id}").text
    return [line["kind"] for line in map(json.loads, log.splitlines()) if line["type"] == "entry"]


def test_AUDIT_IS_COMPLETE_refusals_of_a_session_s_life(
    owner: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = owner.session(budgetUsdc=100)
    _, wide, _ = narrowed(session, budget=101 * 10**6)
    assert code(register(owner.server, wide)) == (403, "not_narrower")
    _, forged, _ = narrowed(session, PrivateKey.generate())
    assert register(owner.server, forged).status_code == 401
    monkeypatch.setattr(tree, "ROTATIONS_MAX", 0)
    path = f"/agents/session/{session.session_id}"
    assert code(owner.ask("POST", path + "/rotate", {}, Idempotency_Key="turn")) == (403, "tree_too_deep")
    monkeypatch.undo()
    # Nothing was kept of what was refused: the same key may try again.
    assert owner.ask("POST", path + "/rotate", {}, Idempotency_Key="turn").status_code == 201
    assert told_of(owner, session) == [
        "session_created",
        "child_refused",
        "rotation_refused",
        "session_created",
        "rotated",
    ]


def test_a_session_s_key_cannot_fill_the_log_faster_than_its_token(start: Start) -> None:
    server = start(VALETKEY_TEST_MODE="0", VALETKEY_REGISTRATION_USDC="0", VALETKEY_RATE_GENERAL="6")
    owner = server.register()
    session = owner.session(budgetUsdc=100)
    # What is registered is not counted, however often it is asked for.
    for _ in range(8):
        child_of(session)
    _, wide, _ = narrowed(session, budget=101 * 10**6)
    statuses = [register(server, wide).status_code for _ in range(12)]
    assert statuses[0] == 403
    assert 429 in statuses
    refused = told_of(owner, session).count("child_refused")
    assert refused == statuses.count(403) < 8


def test_only_the_owner_extends_and_never_shortens(owner: Agent) -> None:
    session = owner.session(budgetUsdc=10, expiry=3_600)
    path = f"/agents/session/{session.session_id}/extend"
    assert code(session.ask("POST", path, {"expiry": 7_200})) == (403, "owner_only")
    held(session, 10)
    assert session.data("GET", "/agents/session/self")["status"] == "exhausted"
    view = owner.data("POST", path, {"expiry": 7_200, "budgetUsdc": 15})
    assert (view["status"], view["remainingUsdc"], view["policyVersion"]) == ("active", "5", 2)
    assert owner.data("GET", "/agents/sessions?status=active")["total"] == 1
    for body in ({"expiry": 60}, {"expiry": 7_300, "budgetUsdc": 14}, {"expiry": 10**9}):
        assert owner.ask("POST", path, body).status_code == 400
    # What is not named stays.
    for body, version in (({"budgetUsdc": 16}, 3), ({}, 3), ({"expiry": None, "budgetUsdc": 17}, 4)):
        after = owner.data("POST", path, body)
        assert (after["expiry"], after["policyVersion"]) == (view["expiry"], version)
    owner.data("DELETE", path.removesuffix("/extend"))
    assert code(owner.ask("POST", path, {"expiry": 9_000})) == (401, "session_revoked")


def test_sessions_are_found_by_what_they_are(owner: Agent) -> None:
    a = owner.session(label="b", delegate="worker 1", allowedChains=[8453], expiry=7_200)
    b = owner.session(label="a", delegate="worker 2", role="seller", expiry=3_600)
    child = child_of(a, expires_at=None)

    def ids(query: str) -> list[str]:
        return [one["sessionId"] for one in owner.data("GET", f"/agents/sessions?{query}")["sessions"]]

    assert ids("delegate=worker 1") == [a.session_id]
    assert ids("role=seller") == [b.session_id]
    assert ids("chain=84532") == [b.session_id]
    assert sorted(ids("chain=8453")) == sorted([a.session_id, b.session_id, child.session_id])
    assert ids(f"parent={a.session_id}") == [child.session_id]
    assert ids(f"tree={a.session_id}&sort=oldest") == [a.session_id, child.session_id]
    assert ids("sort=label")[:2] == [b.session_id, a.session_id]
    assert ids("sort=expiry")[0] == b.session_id
    assert owner.ask("GET", "/agents/sessions?status=alive").status_code == 400
