"""Every endpoint against every kind of caller: who gets in, who is told what, and that strangers change nothing."""

import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.attacks.asking import BODIES
from tests.attacks.conftest import Rows
from tests.attacks.enrolled import Enrolled
from tests.integration.platform.claiming import a_claim
from tests.integration.platform.serving import Agent, Server, registration
from tests.integration.platform.signing_in import request as sign_in_request
from tests.integration.platform.test_growing import narrowed
from valetkey.core.api_key import Scope, granted
from valetkey.crypto.keys import PrivateKey
from valetkey.platform.api import ENDPOINTS
from valetkey.platform.http import Access, Endpoint

EVERYONE = ("/api/v1/services/{id}", "/api/v1/agents/{id}/discovery-score", "/api/v1/agents/{id}/public-key")
"""What anybody may read of an id."""


ASKING = {"POST /api/v1/agents/session/{id}/replay", "POST /api/v1/policies/diff"}
"""What changes nothing although it is no GET, because what it asks with does not fit a query."""


@dataclass
class Scene:
    """A victim with everything that has an id, and a stranger."""

    server: Server
    owner: Agent
    seller: Agent
    session: Agent
    service: Any
    bought: str
    spend: str
    key: str
    code: str
    claim: str
    alert: str
    keys: dict[frozenset[Scope], str] = field(default_factory=dict)

    def scoped(self, *scopes: Scope) -> dict[str, str]:
        """Headers of the owner with a key that has these scopes: one for each set, because keys are few."""
        wanted = frozenset(scopes)
        if wanted not in self.keys:
            self.keys[wanted] = self.owner.key_for(*scopes).credential
        return {"X-API-Key": self.keys[wanted]}

    def path(self, endpoint: Endpoint) -> str:
        """The endpoint's path with the victim's id in it."""
        if "/transactions/" in endpoint.path:
            known = self.bought
        elif "/services/" in endpoint.path:
            known = self.service["id"]
        elif "/spends/" in endpoint.path or "/approvals/" in endpoint.path:
            known = self.spend
        elif "/claims/" in endpoint.path:
            known = self.claim
        elif "/alerts/" in endpoint.path:
            known = self.alert
        elif "/keys/" in endpoint.path:
            known = self.key
        elif "/session/" in endpoint.path:
            known = self.session.session_id
        else:
            known = self.seller.agent_id
        return endpoint.path.replace("{id}", known).replace("{code}", self.code)

    def body(self, endpoint: Endpoint) -> Any:
        if endpoint.path.endswith("/register"):
            return registration(PrivateKey.generate())
        if endpoint.path.endswith("/sign-in"):
            return sign_in_request(self.server, self.owner.key)
        if endpoint.path.endswith(("/checkout", "/checkout/check")):
            return {"serviceId": self.service["id"]}
        if endpoint.path.endswith("/enrollments"):
            return Enrolled(self.server).request()
        if endpoint.path.endswith("/attenuate"):
            _, narrowing, _ = narrowed(self.session)
            return {"narrowings": [narrowing]}
        return BODIES.get(f"{endpoint.method} {endpoint.path}")

    def ask(self, endpoint: Endpoint, headers: Any, query: str = "") -> httpx.Response:
        """One request, raw: headers may come twice."""
        body = self.body(endpoint)
        more = {} if body is None else {"json": body}
        if endpoint.path.endswith("/events"):
            # Who gets in is told by a page as well, and a stream has no end.
            query = f"{query}&wait=0" if query else "?wait=0"
        return self.server.http.request(endpoint.method, self.path(endpoint) + query, headers=headers, **more)


@pytest.fixture(scope="module")
def scene(server: Server) -> Scene:
    owner, seller = server.register(), server.register()
    session, service = owner.session(), seller.offer()
    bought = session.buy(service).json()["data"]["transactionId"]
    spend = session.data("POST", "/spends", {"amount": 1})["spendId"]
    key = owner.data("POST", "/agents/keys", {"name": "victim", "scopes": ["read"]})["key"]["id"]
    code = Enrolled(server).enroll().code
    claim = owner.data("POST", "/claims", a_claim(session))["claimId"]
    owner.session(budgetUsdc=1).data("POST", "/spends", {"amount": 0.5})
    alert = owner.data("GET", "/alerts")["alerts"][0]["alertId"]
    return Scene(server, owner, seller, session, service, bought, spend, key, code, claim, alert)


def named(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def told(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json().get("code", "")


@pytest.fixture(scope="module")
def dead(scene: Scene) -> dict[str, str]:
    """Credentials that open nothing, and the code that says why."""
    revoked, expired = scene.owner.session(), scene.owner.session(expiry=1)
    scene.owner.data("DELETE", f"/agents/session/{revoked.session_id}")
    dead_key, old_key = scene.owner.key_for("full"), scene.owner.key_for("full", seconds=2)
    scene.owner.data("DELETE", f"/agents/keys/{dead_key.key_id}")
    deadline = time.monotonic() + 20
    for one, path in ((expired, "/agents/session/self"), (old_key, "/agents/sessions")):
        while one.ask("GET", path).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    return {
        "aba_" + "0" * 64: "unauthenticated",
        "abba_session_" + "0" * 64: "unauthenticated",
        scene.owner.credential[:-1]: "unauthenticated",
        scene.owner.credential.upper(): "unauthenticated",
        revoked.credential: "session_revoked",
        expired.credential: "session_expired",
        dead_key.credential: "unauthenticated",
        old_key.credential: "unauthenticated",
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
def test_nobody_and_dead_credentials(scene: Scene, dead: dict[str, str], endpoint: Endpoint) -> None:
    anonymous = told(scene.ask(endpoint, {}))
    queried = told(
        scene.ask(endpoint, {}, f"?api_key={scene.owner.credential}&token={scene.owner.credential}")
    )
    assert anonymous[0] == queried[0]
    # A score is the caller's own unless an address is named; who signs out is signed in.
    needed = endpoint.access in (Access.CALLER, Access.OWNER, Access.OPERATOR) or endpoint.path.endswith(
        ("/score", "/sign-out")
    )
    assert (anonymous == (401, "unauthenticated")) is needed
    for credential, code in dead.items():
        for headers in ({"X-API-Key": credential}, {"Authorization": f"Bearer {credential}"}):
            answer = told(scene.ask(endpoint, headers))
            if endpoint.access is Access.PUBLIC:
                assert answer[0] != 401
            elif endpoint.access is Access.OPERATOR:
                assert answer == (401, "unauthenticated"), "it is no agent's credential that is asked for"
            else:
                assert answer == (401, code)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
def test_two_credentials_that_differ_are_none(scene: Scene, endpoint: Endpoint) -> None:
    """A proxy may look at one of them and the platform at the other."""
    if endpoint.access not in (Access.CALLER, Access.OWNER):
        return
    mine, other = scene.seller.credential, scene.owner.credential
    for headers in (
        [("X-API-Key", mine), ("Authorization", f"Bearer {other}")],
        [("X-API-Key", mine), ("X-API-Key", other)],
        [("Authorization", f"Bearer {mine}"), ("Authorization", f"Bearer {other}")],
        [("X-API-Key", f"{mine}, {other}")],
    ):
        assert told(scene.ask(endpoint, headers)) == (401, "unauthenticated"), [name for name, _ in headers]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
@pytest.mark.parametrize("role", ["buyer", "seller"])
def test_a_session_never_acts_as_its_owner(scene: Scene, endpoint: Endpoint, role: str) -> None:
    session = scene.owner.session(role=role)
    answer = told(scene.ask(endpoint, {"X-API-Key": session.credential}))
    if endpoint.access is Access.OWNER:
        assert answer == (403, str(endpoint.owner_code))
    elif endpoint.access is Access.OPERATOR:
        assert answer == (401, "unauthenticated")
    elif endpoint.method == "POST" and endpoint.path.endswith(("/checkout", "/spends")):
        assert answer[0] == (201 if role == "buyer" else 403)
    elif endpoint.path.endswith("/checkout/check"):
        assert answer[0] == (200 if role == "buyer" else 403)
    elif "{id}" in endpoint.path and endpoint.path not in EVERYONE:
        # Its owner's other session, and what that session bought.
        assert answer == (404, "not_found")
    elif "{code}" in endpoint.path:
        assert answer == (403, "owner_only"), "who has keys already enrols none"
    elif endpoint.path.endswith("/sign-out"):
        assert answer == (403, "owner_only"), "a session is ended by its owner"
    else:
        assert answer[0] in (200, 201, 503)


NEED_A_SCOPE = [one for one in ENDPOINTS if one.access in (Access.CALLER, Access.OWNER)]


def kept(scene: Scene, rows: Rows) -> list[Any]:
    """What an endpoint changes: neither the reconciler's turn nor when somebody called last."""
    columns = {
        "transactions": "status, payment_status, response_payload",
        "agents": "id, frozen_at, webhook_url, webhook_secret, unique_labels",
        "sessions": "id, policy, expires_at, revoked_at, paused_at, successor_id, recovery, funding",
        "api_keys": "id, owner_id, revoked_at",
    }
    tables = ("services", "holds", "evidence", "events", "claims", "alerts", *columns)
    return [rows(scene.server, f"SELECT {columns.get(table, '*')} FROM {table}") for table in tables]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
def test_a_key_cannot_do_what_its_scopes_lack(scene: Scene, rows: Rows, endpoint: Endpoint) -> None:
    """With every scope that does not bring the endpoint's along, all at once. What is everybody's stays so."""
    lacking = [scope for scope in Scope if endpoint.scope not in granted(frozenset({scope}))]
    needs = endpoint in NEED_A_SCOPE
    headers = scene.scoped(*lacking)
    before = kept(scene, rows)
    answer = scene.ask(endpoint, headers)
    if not needs:
        assert told(answer)[1] != "scope_missing"
        return
    assert told(answer) == (403, "scope_missing")
    assert answer.json()["details"]["hint"] == f"use a key that has {endpoint.scope} or full"
    assert kept(scene, rows) == before


CHANGES = [one for one in NEED_A_SCOPE if one.method != "GET" and named(one) not in ASKING]


@pytest.mark.parametrize("endpoint", CHANGES, ids=named)
def test_a_key_that_reads_changes_nothing(scene: Scene, rows: Rows, endpoint: Endpoint) -> None:
    headers = scene.scoped(Scope.READ)
    before = kept(scene, rows)
    assert told(scene.ask(endpoint, headers)) == (403, "scope_missing")
    assert kept(scene, rows) == before


@pytest.mark.parametrize("endpoint", [one for one in NEED_A_SCOPE if one.method == "GET"], ids=named)
def test_a_key_that_has_the_one_scope_gets_in(scene: Scene, endpoint: Endpoint) -> None:
    brings = [scope for scope in Scope if endpoint.scope in granted(frozenset({scope}))]
    assert {endpoint.scope, Scope.READ, Scope.FULL} <= set(brings), "a read is for keys that read"
    for scope in brings:
        # A stream would not end.
        query = "?wait=0" if endpoint.path.endswith("/events") else ""
        answer = scene.ask(endpoint, scene.scoped(scope), query)
        # An owner is no session, and no chain answers here.
        assert answer.status_code in (200, 404, 503), scope


def test_no_change_is_for_keys_that_read() -> None:
    reads = granted(frozenset({Scope.READ}))
    changes = [one for one in NEED_A_SCOPE if one.method != "GET"]
    assert {named(one) for one in changes if one.scope in reads} <= ASKING
    assert {one.scope for one in NEED_A_SCOPE} == set(Scope) - {Scope.READ}, "a scope that nothing asks for"


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if "{id}" in one.path], ids=named)
def test_another_owners_things_do_not_exist(scene: Scene, rows: Rows, endpoint: Endpoint) -> None:
    if endpoint.method == "GET" and endpoint.path in EVERYONE:
        return
    stranger = scene.server.register()
    callers = [stranger, stranger.session(), stranger.session(role="seller")]
    before = kept(scene, rows)
    for caller in callers:
        for query in ("", f"?agentId={scene.owner.agent_id}&session_id={scene.session.session_id}"):
            answer = told(scene.ask(endpoint, {"X-API-Key": caller.credential}, query))
            expected = 403 if endpoint.access is Access.OWNER and caller is not stranger else 404
            if endpoint.access is Access.OPERATOR:
                expected = 401
            assert answer[0] == expected, answer
    assert kept(scene, rows) == before


def test_lists_show_a_stranger_nothing(scene: Scene) -> None:
    stranger = scene.server.register()
    for caller in (stranger, stranger.session(), stranger.session(role="seller")):
        for path in ("/transactions", "/transactions?role=seller", "/transactions?role=buyer&status=pending"):
            page = caller.data("GET", path)
            assert (page["total"], page["transactions"]) == (0, [])
    assert stranger.data("GET", "/agents/sessions")["total"] == 2


def test_a_paused_session_reads_and_does_not_spend(scene: Scene, rows: Rows) -> None:
    session = scene.owner.session()
    rows(scene.server, "UPDATE sessions SET paused_at = 1 WHERE id = ?", session.session_id)
    assert session.data("GET", "/agents/session/self")["status"] == "paused"
    assert told(session.buy(scene.service)) == (403, "session_paused")
    rows(scene.server, "UPDATE sessions SET paused_at = NULL WHERE id = ?", session.session_id)
    assert session.buy(scene.service).status_code == 201


def test_the_seller_does_not_learn_whose_session_buys(scene: Scene) -> None:
    seen = scene.seller.ask("GET", f"/transactions/{scene.bought}").text
    seen += scene.seller.ask("GET", "/transactions?role=seller").text
    for secret in (scene.owner.agent_id, scene.owner.key.address, scene.session.session_id):
        assert secret not in seen
    alias = scene.seller.data("GET", f"/transactions/{scene.bought}")["buyerAgentId"]
    assert scene.owner.agent_id not in scene.server.http.get(f"/api/v1/agents/{alias}/public-key").text
    assert scene.server.http.get(f"/api/v1/agents/{alias}/discovery-score").status_code == 404
