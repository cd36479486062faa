"""Sessions over HTTP: what one may be, what its token may do, and how it ends."""

import time
from typing import Any

import pytest

from tests.integration.platform.serving import Agent, Server
from valetkey.crypto.keys import PrivateKey


@pytest.fixture(scope="module")
def owner(server: Server) -> Agent:
    return server.register()


@pytest.fixture(scope="module")
def stranger(server: Server) -> Agent:
    return server.register()


def asked(**changes: Any) -> dict[str, Any]:
    key = PrivateKey.generate()
    return {
        "budgetUsdc": 50,
        "expiry": 3_600,
        "allowedServiceIds": [],
        "sessionWallet": key.address,
        "e2ePublicKey": key.public_key_compressed.hex(),
        **changes,
    }


def test_a_session_sees_itself(owner: Agent) -> None:
    session = owner.session(label="nightly", perSpendUsdc=2.5, allowedServiceIds=["svc_b", "svc_a"])
    view = session.data("GET", "/agents/session/self")
    assert view["sessionId"] == session.session_id
    assert (view["agentId"], view["ownerWallet"]) == (owner.agent_id, owner.key.address)
    assert (view["role"], view["status"], view["label"]) == ("buyer", "active", "nightly")
    assert (view["budgetUsdc"], view["remainingUsdc"], view["perSpendUsdc"]) == ("50", "50", "2.5")
    assert (view["heldUsdc"], view["spentUsdc"], view["fundingMode"]) == ("0", "0", "wallet")
    assert view["allowedServiceIds"] == ["svc_a", "svc_b"]
    assert view["sessionWallet"] == session.key.address
    assert view["network"]["chainId"] == 84532


def test_the_token_is_shown_once(owner: Agent) -> None:
    session = owner.session()
    shown = [
        session.ask("GET", "/agents/session/self").text,
        owner.ask("GET", "/agents/sessions").text,
        owner.ask("GET", f"/agents/session/{session.session_id}").text,
        owner.ask("DELETE", f"/agents/session/{session.session_id}").text,
    ]
    assert session.credential.startswith("abba_session_")
    assert not session.credential.startswith("abba_session_bundle_")
    assert not any(session.credential in text for text in shown)


def test_nothing_and_unlimited_are_different(owner: Agent) -> None:
    unlimited = owner.session(budgetUsdc=None).data("GET", "/agents/session/self")
    nothing = owner.session(budgetUsdc=0).data("GET", "/agents/session/self")
    assert (unlimited["budgetUsdc"], unlimited["remainingUsdc"], unlimited["status"]) == (
        None,
        None,
        "active",
    )
    assert (nothing["budgetUsdc"], nothing["remainingUsdc"], nothing["status"]) == ("0", "0", "exhausted")


def test_budgets_are_exact(owner: Agent) -> None:
    for budget, written in [
        ("0.1", "0.1"),
        (0.3, "0.3"),
        ("123456789012345678901234.5", "123456789012345678901234.5"),
    ]:
        assert owner.session(budgetUsdc=budget).data("GET", "/agents/session/self")["budgetUsdc"] == written


@pytest.mark.parametrize(
    "changes",
    [
        {"budgetUsdc": -1}, {"budgetUsdc": 0.0000001}, {"budgetUsdc": "NaN"}, {"budgetUsdc": "Infinity"},
        {"budgetUsdc": "1e40"}, {"budgetUsdc": True}, {"budgetUsdc": "9" * 40}, {"expiry": 0}, {"expiry": -5},
        {"expiry": 10**12}, {"expiry": 1.5}, {"expiry": "3600"}, {"expiry": None}, {"allowedServiceIds": "svc"},
        {"allowedServiceIds": [""]}, {"allowedServiceIds": [1]}, {"allowedServiceIds": ["s"] * 1_001},
        {"sessionWallet": "0x12"}, {"sessionWallet": "0x" + "0" * 40}, {"e2ePublicKey": "02" + "f" * 64},
        {"e2ePublicKey": "04" + "0" * 64}, {"role": "owner"}, {"perSpendUsdc": -1}, {"notBefore": -1},
        {"notBefore": 10**11}, {"recovery": "not base64!"}, {"label": "x" * 201},
        {"sessionWallet": "0x" + PrivateKey.generate().address[2:].swapcase()},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(owner: Agent, changes: dict[str, Any]) -> None:
    answer = owner.ask("POST", "/agents/session", asked(**changes))
    assert answer.status_code == 400, answer.text


def test_a_missing_budget_is_neither_nothing_nor_unlimited(owner: Agent) -> None:
    body = asked()
    del body["budgetUsdc"]
    assert owner.ask("POST", "/agents/session", body).status_code == 400


def test_the_owners_wallet_is_not_a_sessions(owner: Agent) -> None:
    assert owner.ask("POST", "/agents/session", asked(sessionWallet=owner.key.address)).status_code == 400


def test_other_clients_send_no_keys(owner: Agent) -> None:
    made = owner.data("POST", "/agents/session", {"budgetUsdc": 1, "expiry": 60})
    view = owner.data("GET", f"/agents/session/{made['sessionId']}")
    assert (view["sessionWallet"], view["e2ePublicKey"]) == (None, None)


def test_lifetimes_have_bounds_in_earnest(strict: Server) -> None:
    owner = strict.register()
    for seconds, status in [(59, 400), (60, 201), (2_592_000, 201), (2_592_001, 400)]:
        assert owner.ask("POST", "/agents/session", asked(expiry=seconds)).status_code == status


def test_a_session_is_not_an_owner(owner: Agent) -> None:
    session = owner.session()
    answer = session.ask("POST", "/agents/session", asked())
    assert (answer.status_code, answer.json()["code"]) == (403, "session_cannot_delegate")
    for method, path in [
        ("GET", "/agents/sessions"),
        ("GET", f"/agents/session/{session.session_id}"),
        ("PUT", f"/agents/session/{session.session_id}/recovery"),
        ("GET", f"/agents/session/{session.session_id}/recovery"),
        ("POST", "/agents/webhook-secret"),
        ("POST", "/services"),
    ]:
        answer = session.ask(method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "owner_only"), path


def test_revoked_is_dead(owner: Agent) -> None:
    session = owner.session()
    service = owner.server.register().offer()
    answer = owner.ask("DELETE", f"/agents/session/{session.session_id}")
    assert answer.json()["data"]["status"] == "revoked"
    assert "wallet" in answer.json()["message"]
    for method, path in [("GET", "/agents/session/self"), ("GET", "/transactions"), ("GET", "/services")]:
        dead = session.ask(method, path)
        assert (dead.status_code, dead.json()["code"]) == (401, "session_revoked")
    assert session.buy(service).status_code == 401
    again = owner.ask("DELETE", f"/agents/session/{session.session_id}")
    assert again.status_code == 200


def test_a_session_renounces_itself_and_no_other(owner: Agent) -> None:
    one, other = owner.session(), owner.session()
    assert one.ask("DELETE", f"/agents/session/{other.session_id}").status_code == 404
    assert other.ask("GET", "/agents/session/self").status_code == 200
    assert one.ask("DELETE", f"/agents/session/{one.session_id}").status_code == 200
    assert one.ask("GET", "/agents/session/self").status_code == 401


def test_an_expired_token_is_401_and_says_why(owner: Agent) -> None:
    session = owner.session(expiry=1)
    deadline = time.monotonic() + 20
    while (answer := session.ask("GET", "/agents/session/self")).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (answer.status_code, answer.json()["code"]) == (401, "session_expired")
    assert owner.data("GET", f"/agents/session/{session.session_id}")["status"] == "expired"


def test_other_peoples_sessions_do_not_exist(owner: Agent, stranger: Agent) -> None:
    session = owner.session()
    path = f"/agents/session/{session.session_id}"
    for method, of, body in [
        ("GET", path, None),
        ("DELETE", path, None),
        ("GET", f"{path}/recovery", None),
        ("PUT", f"{path}/recovery", {"recovery": "AAAA"}),
    ]:
        assert stranger.ask(method, of, body).status_code == 404
    assert session.ask("GET", "/agents/session/self").status_code == 200
    listed = stranger.data("GET", "/agents/sessions")
    assert session.session_id not in str(listed)


def test_pages_of_sessions_are_newest_first(server: Server) -> None:
    owner = server.register()
    made = [owner.session().session_id for _ in range(5)]
    page = owner.data("GET", "/agents/sessions?limit=2&offset=1")
    assert (page["total"], page["limit"], page["offset"]) == (5, 2, 1)
    assert [view["sessionId"] for view in page["sessions"]] == made[::-1][1:3]


def test_recovery_copies(owner: Agent) -> None:
    path = f"/agents/session/{owner.session().session_id}/recovery"
    assert owner.ask("GET", path).status_code == 404
    assert owner.data("PUT", path, {"recovery": "c2VhbGVk"}) == {"recovery": "c2VhbGVk"}
    assert owner.ask("PUT", path, {"recovery": "c2VhbGVk"}).status_code == 200
    other = owner.ask("PUT", path, {"recovery": "b3RoZXI="})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert owner.data("GET", path) == {"recovery": "c2VhbGVk"}


def test_a_recovery_copy_may_come_with_the_session(owner: Agent) -> None:
    session = owner.session(recovery="c2VhbGVk")
    assert owner.data("GET", f"/agents/session/{session.session_id}/recovery") == {"recovery": "c2VhbGVk"}


def test_a_seller_is_asked_for_by_its_newest_living_seller_session(server: Server) -> None:
    seller = server.register()
    path = f"/api/v1/agents/{seller.agent_id}/public-key"

    def key() -> str:
        return str(server.http.get(path).json()["data"]["publicKey"])

    registered = seller.key.public_key_compressed.hex()
    seller.session()
    assert key() == registered
    session = seller.session(role="seller", budgetUsdc=0)
    assert key() == session.key.public_key_compressed.hex()
    seller.ask("DELETE", f"/agents/session/{session.session_id}")
    assert key() == registered


def test_a_session_that_serves_one_service_reads_the_requests_for_that_one_alone(server: Server) -> None:
    seller = server.register()
    one, other = seller.offer(), seller.offer()
    first = seller.session(role="seller", budgetUsdc=0, allowedServiceIds=[one["id"]])
    path = f"/api/v1/agents/{seller.agent_id}/public-key"

    def key(service: str | None = None) -> str:
        query = {} if service is None else {"serviceId": service}
        return str(server.http.get(path, params=query).json()["data"]["publicKey"])

    # Who does not say what it buys most likely buys what the only session serves.
    assert key() == first.key.public_key_compressed.hex()
    assert key(other["id"]) == seller.key.public_key_compressed.hex()
    second = seller.session(role="seller", budgetUsdc=0, allowedServiceIds=[other["id"]])
    assert key(one["id"]) == first.key.public_key_compressed.hex()
    assert key(other["id"]) == second.key.public_key_compressed.hex()
    # Nobody but the owner serves both: a client that does not say what it buys encrypts to the owner.
    assert key() == seller.key.public_key_compressed.hex()
    both = seller.session(role="seller", budgetUsdc=0, allowedServiceIds=[one["id"], other["id"]])
    assert key() == both.key.public_key_compressed.hex()
    seller.data("DELETE", f"/agents/session/{both.session_id}")
    assert key() == seller.key.public_key_compressed.hex()


def test_sessions_are_found_sorted_and_counted(server: Server) -> None:
    owner = server.register()
    for label, budget in (("Treasury ops", 5), ("swapper", 1), ("treasury", 30)):
        owner.session(label=label, budgetUsdc=budget, delegate="a worker")
    paused = owner.session(label="other", budgetUsdc=2)
    owner.data("POST", f"/agents/session/{paused.session_id}/pause")

    def labels(query: str) -> list[str]:
        return [one["label"] for one in owner.data("GET", f"/agents/sessions?{query}")["sessions"]]

    assert labels("labelContains=TREAS&sort=label") == ["Treasury ops", "treasury"]
    assert labels("search=worker&sort=remaining") == ["swapper", "Treasury ops", "treasury"]
    assert labels(f"search={paused.session_id[:12]}") == ["other"]
    assert labels("search=%25") == labels("currency=ETH") == []
    assert labels("currency=USDC&sort=remaining")[:2] == ["swapper", "other"]
    assert owner.ask("GET", "/agents/sessions?currency=GOLD").json()["code"] == "validation_failed"
    counts = owner.data("GET", "/agents/sessions/counts")
    assert counts == {
        "total": 4,
        "active": 3,
        "paused": 1,
        "pending": 0,
        "exhausted": 0,
        "expired": 0,
        "revoked": 0,
    }
