"""Registration: who proves a wallet gets a key, once per signature."""

import time
from typing import Any

import pytest

from tests.integration.platform.serving import Server, registration
from valetkey.crypto.keys import PrivateKey

REGISTER = "/api/v1/agents/register"


def post(server: Server, body: Any) -> tuple[int, Any]:
    answer = server.http.post(REGISTER, json=body)
    return answer.status_code, answer.json()


def test_the_answer_is_flat_and_the_key_works(server: Server) -> None:
    key = PrivateKey.generate()
    status, body = post(server, registration(key))
    assert status == 201
    assert body.keys() == {"success", "apiKey", "agentId", "developerId", "walletAddress"}
    assert body["walletAddress"] == key.address
    answer = server.http.get("/api/v1/agents/fee-tier", headers={"Authorization": f"Bearer {body['apiKey']}"})
    assert answer.status_code == 200


def test_the_published_key_is_the_one_that_signed(server: Server) -> None:
    agent = server.register()
    answer = server.http.get(f"/api/v1/agents/{agent.agent_id}/public-key").json()
    assert answer["data"] == {"agentId": agent.agent_id, "publicKey": agent.key.public_key_compressed.hex()}


def test_a_wallet_that_comes_again_keeps_its_agent_and_gets_another_key(server: Server) -> None:
    key = PrivateKey.generate()
    now = int(time.time())
    _, first = post(server, registration(key, timestamp=now - 2))
    status, second = post(server, registration(key, "another name", timestamp=now - 1))
    assert status == 201
    assert (second["agentId"], second["developerId"]) == (first["agentId"], first["developerId"])
    assert second["apiKey"] != first["apiKey"]
    for body in (first, second):
        answer = server.http.get("/api/v1/agents/fee-tier", headers={"X-API-Key": body["apiKey"]})
        assert answer.status_code == 200


def test_a_registration_that_was_seen_gives_nobody_a_key(server: Server) -> None:
    body = registration(PrivateKey.generate())
    assert post(server, body)[0] == 201
    for replayed in (
        body,
        {**body, "agentName": "a thief"},
        {**body, "walletAddress": body["walletAddress"].lower()},
    ):
        status, answer = post(server, replayed)
        assert (status, answer["code"]) == (409, "registration_replayed")
        assert "apiKey" not in answer


@pytest.mark.parametrize("seconds", [-310, 310])
def test_a_timestamp_far_away_is_stale(server: Server, seconds: int) -> None:
    status, answer = post(server, registration(PrivateKey.generate(), timestamp=int(time.time()) + seconds))
    assert (status, answer["code"]) == (401, "registration_stale")


def test_another_wallets_signature_is_refused(server: Server) -> None:
    mine, other = registration(PrivateKey.generate()), registration(PrivateKey.generate())
    status, answer = post(server, {**mine, "signature": other["signature"]})
    assert (status, answer["code"]) == (401, "registration_wrong_signer")
    status, answer = post(server, {**mine, "walletAddress": other["walletAddress"]})
    assert (status, answer["code"]) == (401, "registration_wrong_signer")


def test_names_are_unique(server: Server) -> None:
    name = f"only one {PrivateKey.generate().address}"
    assert post(server, registration(PrivateKey.generate(), name))[0] == 201
    status, answer = post(server, registration(PrivateKey.generate(), name))
    assert (status, answer["code"]) == (409, "agent_name_taken")


@pytest.mark.parametrize(
    "change",
    [
        {"agentName": "ab"},
        {"agentName": "     "},
        {"agentName": None},
        {"agentName": {"$ne": ""}},
        {"walletAddress": "0x12"},
        {"message": "Register Abba Baba Agent"},
        {"signature": "0x"},
        {"signature": "0x" + "00" * 65},
    ],
)
def test_what_is_malformed_is_told_so(server: Server, change: dict[str, Any]) -> None:
    status, answer = post(server, {**registration(PrivateKey.generate()), **change})
    assert status in (400, 401)
    assert isinstance(answer["error"], str)
    assert "apiKey" not in answer


def test_validation_errors_say_where(server: Server) -> None:
    body = registration(PrivateKey.generate())
    del body["agentName"]
    status, answer = post(server, body)
    assert status == 400
    assert answer["details"][0].keys() == {"path", "message"}


def test_the_other_clients_description_is_kept(server: Server) -> None:
    key = PrivateKey.generate()
    name = f"described {key.address}"
    post(server, {**registration(key, name), "description": "from the other client"})
    found = server.http.get("/api/v1/agents", params={"search": key.address}).json()["data"]
    assert [agent["agentDescription"] for agent in found] == ["from the other client"]
