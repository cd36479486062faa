"""Claims over HTTP: bounds, who is told what, guesses, and the page behind the link."""

import json
import time
from typing import Any

import pytest

from tests.attacks.receivers import Receiver
from tests.integration.platform.claiming import CIPHERTEXT, a_claim, opening
from tests.integration.platform.conftest import Start
from tests.integration.platform.onchain import eventually
from tests.integration.platform.serving import Agent, Server


def opened(server: Server, claim_id: str, body: Any = None, **headers: str) -> Any:
    return server.http.post(f"/api/v1/claims/{claim_id}/open", json=body or opening(), headers=headers)


@pytest.fixture
def owner(server: Server) -> Agent:
    return server.register()


def test_the_life_of_a_claim(server: Server, owner: Agent) -> None:
    receiver = Receiver()
    owner.data("PUT", "/agents/webhook", {"url": receiver.url})
    session = owner.session()
    asked = a_claim(session)
    made = owner.ask("POST", "/claims", asked)
    assert made.status_code == 201
    assert owner.data("POST", "/claims", asked) == made.json()["data"]
    assert owner.ask("POST", "/claims", {**asked, "ciphertext": "b3RoZXI="}).status_code == 409
    claim_id = asked["claimId"]
    answer = opened(server, claim_id)
    assert answer.json()["data"] == {
        "claimId": claim_id,
        "sessionId": session.session_id,
        "expiresAt": asked["expiresAt"],
        "ciphertext": CIPHERTEXT,
    }
    assert opened(server, claim_id).json()["data"] == answer.json()["data"]
    view = owner.data("GET", f"/claims/{claim_id}")
    assert (view["status"], view["claimedFrom"], view["onInterception"]) == ("claimed", "127.0.0.1", "revoke")
    assert owner.ask("DELETE", f"/claims/{claim_id}").json()["code"] == "already_claimed"
    second = opened(server, claim_id, opening("02"))
    assert (second.status_code, second.json()["code"]) == (409, "already_claimed")
    assert CIPHERTEXT not in second.text
    assert session.ask("GET", "/agents/session/self").json()["code"] == "session_revoked"
    # The two may be sent side by side.
    eventually(
        lambda: sorted(json.loads(one)["event"] for one in receiver.bodies),
        ["claim.intercepted", "claim.opened"],
    )
    at = next(number for number, body in enumerate(receiver.bodies) if b"claim.intercepted" in body)
    alarm = json.loads(receiver.bodies[at])
    assert (alarm["session"], alarm["interceptedFrom"]) == ("revoked", "127.0.0.1")
    assert receiver.header(at, "X-Abbababa-Signature")
    receiver.close()


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "too long a life": ({"expiresAt": int(time.time()) + 90_000}, 400, "lifetime_out_of_bounds"),
    "a life that is over": ({"expiresAt": int(time.time()) - 1}, 400, "lifetime_out_of_bounds"),
    "longer than its session": ({"expiresAt": int(time.time()) + 7_200}, 400, "invalid_input"),
    "a number that is none": ({"expiresAt": "soon"}, 400, "validation_failed"),
    "an id of something else": ({"claimId": "ses_" + "0" * 25}, 400, "validation_failed"),
    "an id with a way out": ({"claimId": "clm_../../../../../../agents"}, 400, "validation_failed"),
    "no base64": ({"ciphertext": "????"}, 400, "invalid_input"),
    "no ciphertext": ({"ciphertext": ""}, 400, "validation_failed"),
    "too much ciphertext": ({"ciphertext": "A" * 360_000}, 400, "validation_failed"),
    "a short hash": ({"accessHash": "ab" * 31}, 400, "validation_failed"),
    "a hash in capitals": ({"accessHash": "AB" * 32}, 400, "validation_failed"),
    "another reaction": ({"onInterception": "ignore"}, 400, "validation_failed"),
    "nobody's session": ({"sessionId": "ses_none"}, 404, "not_found"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_meant_is_refused(owner: Agent, name: str) -> None:
    changes, status, code = BAD[name]
    answer = owner.ask("POST", "/claims", a_claim(owner.session(), **changes))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    "body", [{}, {"access": "ab"}, {"access": "ab" * 32}, {"access": "ab" * 32, "claimant": "zz" * 32}, []]
)
def test_an_opening_that_is_none_uses_nothing_up(server: Server, owner: Agent, body: Any) -> None:
    made = owner.data("POST", "/claims", a_claim(owner.session()))
    answer = server.http.post(f"/api/v1/claims/{made['claimId']}/open", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert owner.data("GET", f"/claims/{made['claimId']}")["status"] == "unclaimed"


def test_who_has_no_link_cannot_tell_a_claim_from_none(server: Server, owner: Agent) -> None:
    made = owner.data("POST", "/claims", a_claim(owner.session()))
    wrong = opening(access="cd" * 32)
    told = [opened(server, one, wrong) for one in (made["claimId"], "clm_" + "9" * 25, "clm_x", "%2e%2e")]
    bodies = [{**one.json(), "requestId": ""} for one in told]
    assert {one.status_code for one in told} == {404}
    assert all(body == bodies[0] for body in bodies)
    assert owner.data("GET", f"/claims/{made['claimId']}")["status"] == "unclaimed"


def test_guesses_and_openings_are_counted_by_address(start: Start) -> None:
    counted = start(VALETKEY_RATE_LIMITS="1", VALETKEY_RATE_CLAIM="5", VALETKEY_RATE_GUESS="3")
    owner = counted.register()
    made = owner.data("POST", "/claims", a_claim(owner.session()))
    codes = [opened(counted, made["claimId"], opening(access="cd" * 32)).status_code for _ in range(4)]
    assert codes == [404, 404, 404, 429]
    assert [opened(counted, made["claimId"]).status_code for _ in range(2)] == [200, 429]


def test_a_session_that_is_revoked_has_no_claim_and_opens_none(server: Server, owner: Agent) -> None:
    session = owner.session()
    made = owner.data("POST", "/claims", a_claim(session))
    owner.data("DELETE", f"/agents/session/{session.session_id}")
    answer = opened(server, made["claimId"])
    assert (answer.status_code, answer.json()["code"]) == (410, "claim_cancelled")
    assert owner.ask("POST", "/claims", a_claim(session)).json()["code"] == "claim_cancelled"


def test_the_page_of_a_link_opens_nothing_and_is_the_same_for_every_link(
    server: Server, owner: Agent
) -> None:
    made = owner.data("POST", "/claims", a_claim(owner.session()))
    pages = [server.http.get(f"/claim/{one}") for one in (made["claimId"], "clm_" + "9" * 25, "<script>")]
    assert {page.status_code for page in pages} == {200}
    assert len({page.text for page in pages}) == 1
    page = pages[0]
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")
    assert "<script" not in page.text
    assert "http" not in page.text, "it leads nowhere and loads nothing"
    assert server.http.post(f"/claim/{made['claimId']}").status_code == 405
    assert owner.data("GET", f"/claims/{made['claimId']}")["status"] == "unclaimed"
