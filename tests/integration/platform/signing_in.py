"""Signing in over HTTP as a wallet does, and as one does who changes the message before it is signed."""

import secrets
from dataclasses import replace
from typing import Any

import httpx

from tests.integration.platform.serving import Agent, Server
from valetkey.core.api_key import Scope
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.signatures import sign_message
from valetkey.wire.sign_in import SignInChallenge, build_message
from valetkey.wire.sign_in_message import read_message

SIGN_IN, CHALLENGE, SIGN_OUT = (
    "/api/v1/agents/sign-in",
    "/api/v1/agents/sign-in/challenge",
    "/api/v1/agents/sign-out",
)
DOMAIN = "127.0.0.1:8789"


def challenge(server: Server) -> SignInChallenge:
    answer = server.http.post(CHALLENGE)
    assert answer.status_code == 201, answer.text
    told = answer.json()["data"]
    return SignInChallenge(
        nonce=told["nonce"],
        issued_at=told["issuedAt"],
        expires_at=told["expiresAt"],
        chain_ids=told["chainIds"],
    )


def body(key: PrivateKey, message: str) -> dict[str, str]:
    return {"message": message, "signature": "0x" + sign_message(key, message.encode()).hex()}


def request(
    server: Server,
    key: PrivateKey,
    *scopes: str,
    seconds: int = 600,
    given: SignInChallenge | None = None,
    base_url: str | None = None,
    **changed: Any,
) -> dict[str, str]:
    """The body of a sign-in at a server; `changed` are fields of the message."""
    message = build_message(
        given or challenge(server),
        address=key.address,
        base_url=base_url or server.base_url,
        domain=DOMAIN,
        scopes=[Scope(one) for one in scopes or ("read",)],
        seconds=seconds,
    )
    return body(key, str(replace(read_message(message), **changed)))


def present(server: Server, asked: Any, retry_key: str | None = None, **headers: str) -> httpx.Response:
    """Send it; with an Idempotency-Key when there is one."""
    sent = dict(headers) if retry_key is None else {"Idempotency-Key": retry_key, **headers}
    return server.http.post(SIGN_IN, json=asked, headers=sent)


def signed_in(server: Server, owner: Agent, *scopes: str, seconds: int = 600) -> Agent:
    """This owner with a key that a sign-in gave."""
    answer = present(server, request(server, owner.key, *scopes, seconds=seconds))
    assert answer.status_code == 201, answer.text
    told = answer.json()["data"]
    assert told["agentId"] == owner.agent_id
    return Agent(server, told["apiKey"], owner.agent_id, owner.key, key_id=told["key"]["id"])


def told(answer: httpx.Response) -> tuple[int, str]:
    assert "apiKey" not in answer.text
    return answer.status_code, answer.json()["code"]


def new_retry_key() -> str:
    return secrets.token_hex(16)
