"""Attacks on sign-in: guessed nonces, replays, other sites, platforms and protocols, thieves of the database."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.attacks.conftest import Rows
from tests.attacks.killing import Killed
from tests.e2e.proxy import Cut, Proxy
from tests.fixtures_solana import wait_for
from tests.integration.platform.conftest import Start
from tests.integration.platform.serving import Server, registration
from tests.integration.platform.signing_in import (
    CHALLENGE,
    SIGN_IN,
    body,
    challenge,
    new_retry_key,
    present,
    request,
    told,
)
from tests.integration.sdk.world import only
from valetkey.core.api_key import Scope
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.signatures import sign_message
from valetkey.sdk.recovery import recovery_text
from valetkey.wire.sign_in import SignInChallenge, build_message
from valetkey.wire.sign_in_message import read_message

MANY = 12


@pytest.fixture(scope="module")
def rival(start: Start) -> Server:
    """Another platform, with secrets of its own, that an owner may be registered at as well."""
    return start(VALETKEY_MASTER_SECRET="another-master-secret-of-these-tests")


def keys_of(server: Server, rows: Rows, agent_id: str) -> int:
    (count,) = rows(server, "SELECT count(*) FROM api_keys WHERE owner_id = ?", agent_id)[0]
    return int(count)


def test_a_nonce_is_not_guessed_and_not_forged(server: Server, rival: Server, rows: Rows) -> None:
    owner = server.register()
    given = challenge(server)
    guessed = [
        "0" * 64,
        secrets.token_hex(32),
        given.nonce[:-1] + ("0" if given.nonce[-1] != "0" else "1"),
        # Younger or older than it is.
        f"{int(given.nonce[:10], 16) + 60:010x}" + given.nonce[10:],
        given.nonce[:10] + secrets.token_hex(11) + given.nonce[32:],
        given.nonce.upper() if given.nonce.upper() != given.nonce else given.nonce + "0",
        given.nonce + "00",
        given.nonce[:32],
        "a1B2c3D4",
        challenge(rival).nonce,
    ]
    for nonce in guessed:
        answer = present(server, request(server, owner.key, given=given, nonce=nonce))
        assert told(answer) == (401, "sign_in_unknown_nonce"), nonce
    assert keys_of(server, rows, owner.agent_id) == 1
    assert present(server, request(server, owner.key, given=given)).status_code == 201


def test_IDEMPOTENT_a_message_that_was_seen_gives_nobody_else_a_key(server: Server, rows: Rows) -> None:
    owner = server.register()
    asked = request(server, owner.key, "read", "sessions:write")
    with ThreadPoolExecutor(MANY) as pool:
        answers = list(pool.map(lambda _: present(server, asked, new_retry_key()), range(MANY)))
    statuses = sorted(one.status_code for one in answers)
    assert statuses == [201] + [409] * (MANY - 1)
    assert {one.json()["code"] for one in answers if one.status_code == 409} == {"sign_in_replayed"}
    assert keys_of(server, rows, owner.agent_id) == 2
    for replayed in (None, new_retry_key()):
        assert told(present(server, asked, replayed)) == (409, "sign_in_replayed")
    # The same nonce in another message of the same wallet is used as well.
    nonce = read_message(asked["message"]).nonce
    again = request(server, owner.key, "full", nonce=nonce)
    assert told(present(server, again)) == (409, "sign_in_replayed")


def test_the_same_request_at_once_is_answered_the_same(server: Server, rows: Rows) -> None:
    owner = server.register()
    asked, retry_key = request(server, owner.key), new_retry_key()
    with ThreadPoolExecutor(MANY) as pool:
        answers = list(pool.map(lambda _: present(server, asked, retry_key), range(MANY)))
    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["data"]["apiKey"] for one in answers}) == 1
    assert keys_of(server, rows, owner.agent_id) == 2


def test_a_platform_in_between_gets_nothing_of_another_one(server: Server, rival: Server, rows: Rows) -> None:
    """It hands out the other's nonce as its own, and presents there what its owner signed for it."""
    owner = server.register()
    rival.register(key=owner.key)
    stolen = request(rival, owner.key, "full", given=challenge(server))
    host = rival.base_url.removeprefix("http://")
    for headers in (
        {},
        {"Host": host},
        {"X-Forwarded-Host": host, "X-Forwarded-Port": host.rpartition(":")[2]},
        {"Forwarded": f"host={host}"},
    ):
        assert told(present(server, stolen, **headers)) == (401, "sign_in_wrong_platform")
    assert told(present(rival, stolen)) == (401, "sign_in_unknown_nonce")
    assert keys_of(server, rows, owner.agent_id) == 1


def test_another_site_asks_for_nothing_here(server: Server) -> None:
    owner = server.register()
    for domain in ("evil.example", "loopback", "127.0.0.1.evil.example", "127.0.0.1@evil.example"):
        answer = present(server, request(server, owner.key, domain=domain))
        assert told(answer) == (401, "sign_in_wrong_domain")


def test_what_was_signed_for_something_else_signs_nobody_in(server: Server) -> None:
    owner = server.register()
    registered = registration(owner.key)
    for text in (registered["message"], recovery_text(owner.key.address), challenge(server).nonce, ""):
        assert told(present(server, body(owner.key, text))) == (400, "sign_in_malformed")
    asked = request(server, owner.key)
    for text in (registered["message"], recovery_text(owner.key.address)):
        wrong = {**asked, "signature": "0x" + sign_message(owner.key, text.encode()).hex()}
        assert told(present(server, wrong)) == (401, "sign_in_wrong_signer")
    # And what signs in registers nothing.
    answer = server.http.post("/api/v1/agents/register", json={**registered, **asked})
    assert told(answer) == (400, "registration_malformed")


def test_nobody_signs_in_as_another_wallet(server: Server, rows: Rows) -> None:
    owner, thief = server.register(), PrivateKey.generate()
    asked = request(server, owner.key)
    forged = {**asked, "signature": "0x" + sign_message(thief, asked["message"].encode()).hex()}
    assert told(present(server, forged)) == (401, "sign_in_wrong_signer")
    swapped = str(replace(read_message(asked["message"]), address=thief.address))
    assert told(present(server, {**asked, "message": swapped})) == (401, "sign_in_wrong_signer")
    wider = asked["message"].replace("scope:read", "scope:full")
    assert told(present(server, {**asked, "message": wider})) == (401, "sign_in_wrong_signer")
    longer = asked["message"].replace("Expiration Time: 20", "Expiration Time: 21")
    assert told(present(server, {**asked, "message": longer}))[0] in (400, 401)
    assert keys_of(server, rows, owner.agent_id) == 1


def test_a_key_that_reads_gets_no_more_here(server: Server, rows: Rows) -> None:
    owner, thief = server.register(), PrivateKey.generate()
    reading = owner.key_for("read")
    before = keys_of(server, rows, owner.agent_id)
    for key in (thief, owner.key):
        asked = request(server, key)
        if key is owner.key:
            asked["signature"] = "0x" + "11" * 64 + "1b"
        for headers in ({"X-API-Key": reading.credential}, {"Authorization": f"Bearer {reading.credential}"}):
            answer = present(server, asked, new_retry_key(), **headers)
            assert answer.status_code in (401, 404)
            assert "apiKey" not in answer.text
    assert told(reading.ask("POST", "/agents/sign-out")) == (409, "not_a_sign_in")
    assert keys_of(server, rows, owner.agent_id) == before
    assert reading.ask("GET", "/agents/sessions").status_code == 200


def test_SECRETS_STAY_SECRET_what_a_thief_of_the_database_reads(server: Server, rows: Rows) -> None:
    owner = server.register()
    asked, retry_key = request(server, owner.key), new_retry_key()
    key = present(server, asked, retry_key).json()["data"]["apiKey"]
    tables = [name for (name,) in rows(server, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    kept = b""
    for table in tables:
        for row in rows(server, f'SELECT * FROM "{table}"'):
            kept += b"\n".join(one if isinstance(one, bytes) else str(one).encode() for one in row)
    assert owner.agent_id.encode() in kept
    for secret in (key, retry_key, asked["signature"][2:]):
        assert secret.encode() not in kept
        assert bytes.fromhex(secret.removeprefix("aba_")) not in kept


@pytest.mark.parametrize("arrived", [False, True], ids=["before it arrived", "before it was answered"])
def test_a_platform_that_is_killed_at_a_sign_in_gives_one_key(tmp_path: Path, arrived: bool) -> None:
    platform = Killed(tmp_path)
    try:
        wallet = PrivateKey.generate()
        answer = httpx.post(f"{platform.base_url}/api/v1/agents/register", json=registration(wallet))
        first_key = answer.json()["apiKey"]
        told_challenge = httpx.post(f"{platform.base_url}{CHALLENGE}").json()["data"]
        asked = body(
            wallet,
            build_message(
                SignInChallenge(
                    nonce=told_challenge["nonce"],
                    issued_at=told_challenge["issuedAt"],
                    expires_at=told_challenge["expiresAt"],
                    chain_ids=told_challenge["chainIds"],
                ),
                address=wallet.address,
                base_url=platform.base_url,
                domain="localhost",
                scopes=[Scope.READ],
                seconds=600,
            ),
        )

        def die(_count: int) -> None:
            platform.kill()
            raise Cut

        hook = {"after" if arrived else "before": only(f"POST {SIGN_IN}", die)}
        headers = {"Idempotency-Key": new_retry_key()}
        with Proxy(platform.base_url, **hook) as proxy, pytest.raises(httpx.HTTPError):
            httpx.post(f"{proxy.url}{SIGN_IN}", json=asked, headers=headers)
        platform.start()
        answer = httpx.post(f"{platform.base_url}{SIGN_IN}", json=asked, headers=headers)
        assert answer.status_code == 201, answer.text
        with httpx.Client(base_url=f"{platform.base_url}/api/v1/agents") as http:
            listed = http.get("/keys", headers={"X-API-Key": first_key}).json()["data"]
            assert listed["total"] == 2
            assert listed["keys"][0]["id"] == answer.json()["data"]["key"]["id"]
            used = {"X-API-Key": answer.json()["data"]["apiKey"]}
            assert http.get("/sessions", headers=used).status_code == 200
        stolen = httpx.post(f"{platform.base_url}{SIGN_IN}", json=asked)
        assert told(stolen) == (409, "sign_in_replayed")
        # A line is written after its answer went out.
        wait_for(lambda: platform.log.read_text().count(SIGN_IN) >= 2)
        written = platform.log.read_text()
        secret_words = (used["X-API-Key"], headers["Idempotency-Key"], asked["signature"][2:])
        assert [one for one in secret_words if one in written] == []
    finally:
        platform.kill()
