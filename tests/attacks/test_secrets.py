"""SECRETS_STAY_SECRET: a secret pasted into any member, header, path or query of any endpoint is told to nobody."""

import secrets
from typing import Any

import pytest

from tests.e2e.searching import files, leaks
from tests.integration.platform.conftest import Start
from tests.integration.platform.serving import Agent, Server, registration
from valetkey.crypto.keys import PrivateKey
from valetkey.platform.api import ENDPOINTS


def planted(server: Server, caller: Agent, secret: str) -> list[bytes]:
    """Paste it everywhere, where it can only be refused; what was answered."""
    answers = []
    for endpoint in ENDPOINTS:
        path = endpoint.path.replace("{id}", secret)
        for headers in (
            {"X-API-Key": caller.credential, "X-Note": secret, "Referer": secret, "User-Agent": secret},
            {"X-API-Key": secret},
            {"Authorization": f"Bearer {secret}", "X-Request-Id": secret, "Cookie": f"a={secret}"},
            {"X-API-Key": caller.credential, "Authorization": f"Bearer {secret}"},
        ):
            bodies: list[Any] = [None, secret, [secret]]
            if endpoint.takes is not None:
                bodies += [
                    {name: value}
                    for name in endpoint.takes.__struct_encode_fields__
                    for value in (secret, [secret], {secret: secret})
                ]
            query = {"q": f" {secret}", "sort_by": secret, "limit": secret, "network": secret}
            answers += [
                server.http.request(endpoint.method, path, params=query, json=body, headers=headers).content
                for body in bodies
            ]
    for method in ("GET", "POST", secret[:20].upper().replace("_", "")):
        server.http.request(method, f"/{secret}", params={secret: secret}, headers={secret: "1"})
    return answers


def test_a_pasted_secret_is_in_no_row_no_line_and_no_answer(
    start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    server = start(VALETKEY_REGISTRATION_USDC="0")
    owner = server.register()
    session = owner.session()
    pasted = {
        "an API key": owner.credential,
        "a session's token": session.credential,
        "a webhook secret": str(owner.data("POST", "/agents/webhook-secret")["webhookSecret"]),
        "a private key": "0x" + secrets.token_hex(32),
        "a bundle": "abba_session_bundle_" + secrets.token_urlsafe(200),
    }
    said: list[tuple[str, bytes]] = []
    for name, secret in pasted.items():
        said += [(f"an answer about {name}", one) for one in planted(server, session, secret)]
    settings = {
        "the master secret": server.settings.master_secret.reveal(),
        "the shared webhook secret": server.settings.webhook_secret.reveal(),
    }
    server.register().offer(title="a planted title that must be found")
    folder = server.settings.database.parent
    left = list(files(folder))
    server.stop()
    left += list(files(folder))
    log = capfd.readouterr()
    left += [("the log", log.err.encode()), ("standard output", log.out.encode())]
    assert leaks({"planted": "a planted title that must be found"}, left), "the search finds what is there"
    assert leaks(pasted | settings, left) == []
    assert leaks(pasted | settings, said) == []


def test_credentials_are_told_once(server: Server) -> None:
    """Whatever is asked afterwards, by whomever: no answer shows a credential or the recovery copy of another."""
    owner, stranger = server.register(), server.register()
    session = owner.session(recovery="c2VhbGVkIGNvcHk=")
    seller = server.register()
    bought = session.buy(seller.offer()).json()["data"]["transactionId"]
    said = []
    for caller in (owner, session, stranger, seller, stranger.session(), owner.session(role="seller")):
        for endpoint in ENDPOINTS:
            if endpoint.method != "GET" or (endpoint.path.endswith("/recovery") and caller is owner):
                continue
            # A stream of events has no end; a page of them tells the same.
            query = "?wait=0&cursor=0" if endpoint.path.endswith("/events") else ""
            said += [
                (endpoint.path, caller.ask("GET", endpoint.path.replace("{id}", known) + query).content)
                for known in (session.session_id, bought, owner.agent_id, seller.agent_id)
            ]
    shown = {"key": owner.credential, "token": session.credential, "copy": "c2VhbGVkIGNvcHk="}
    assert leaks(shown, said) == []
    assert owner.data("GET", f"/agents/session/{session.session_id}/recovery")["recovery"] == shown["copy"]


def test_refused_registrations_do_not_quote_what_was_signed(server: Server) -> None:
    body = registration(PrivateKey.generate())
    for change in (
        {"signature": "0x" + "1" * 64 + body["signature"][66:]},
        {"message": body["message"] + "\nx"},
        {"walletAddress": "0x1"},
    ):
        answer = server.http.post("/api/v1/agents/register", json={**body, **change})
        assert answer.status_code in (400, 401)
        assert body["signature"][70:120] not in answer.text
