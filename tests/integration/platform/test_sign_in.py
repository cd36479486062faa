"""Sign-in by wallet signature: what it gives, to whom, for how long, and what ends it."""

import time

import pytest

from tests.integration.platform.conftest import Start
from tests.integration.platform.serving import Server
from tests.integration.platform.signing_in import (
    CHALLENGE,
    SIGN_IN,
    challenge,
    new_retry_key,
    present,
    request,
    signed_in,
    told,
)
from valetkey.core.api_key import KEYS_MAX, SIGN_INS_MAX
from valetkey.crypto.keys import PrivateKey
from valetkey.wire.timestamps import unix_seconds


def test_a_signature_gives_a_key_that_does_what_was_signed_and_ends(server: Server) -> None:
    owner = server.register()
    given = challenge(server)
    answer = present(server, request(server, owner.key, "read", seconds=3_600, given=given))
    assert answer.status_code == 201
    told_key = answer.json()["data"]
    assert told_key["walletAddress"] == owner.key.address
    assert told_key["key"]["name"] == "wallet sign-in"
    assert told_key["key"]["scopes"] == ["read"]
    assert told_key["key"]["status"] == "active"
    assert unix_seconds(told_key["key"]["expiresAt"]) == unix_seconds(given.issued_at) + 3_600
    headers = {"X-API-Key": told_key["apiKey"]}
    assert server.http.get("/api/v1/agents/sessions", headers=headers).status_code == 200
    made = server.http.post("/api/v1/agents/session", headers=headers, json={"budgetUsdc": 1, "expiry": 60})
    assert told(made) == (403, "scope_missing")
    listed = owner.data("GET", "/agents/keys")["keys"]
    assert [one["name"] for one in listed] == ["wallet sign-in", "registration"]
    entries = [one for one in owner.ask("GET", "/audit").text.splitlines() if "wallet sign-in" in one]
    assert len(entries) == 1
    assert r"\"by\":\"wallet\"" in entries[0]


def test_a_key_of_a_sign_in_ends_by_itself(server: Server) -> None:
    seeing = signed_in(server, server.register(), "read", seconds=2)
    deadline = time.monotonic() + 20
    while seeing.ask("GET", "/agents/sessions").status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert told(seeing.ask("GET", "/agents/sessions")) == (401, "unauthenticated")


def test_signing_out_ends_the_key_that_calls_and_no_other_kind(server: Server) -> None:
    owner = server.register()
    one, other = signed_in(server, owner, "read"), signed_in(server, owner, "read")
    ended = one.data("POST", "/agents/sign-out")
    assert (ended["id"], ended["status"]) == (one.key_id, "revoked")
    assert told(one.ask("GET", "/agents/sessions")) == (401, "unauthenticated")
    assert told(one.ask("POST", "/agents/sign-out")) == (401, "unauthenticated")
    assert other.ask("GET", "/agents/sessions").status_code == 200
    made = owner.key_for("read")
    for stays in (owner, made):
        assert told(stays.ask("POST", "/agents/sign-out")) == (409, "not_a_sign_in")
        assert stays.ask("GET", "/agents/sessions").status_code == 200
    assert told(owner.session().ask("POST", "/agents/sign-out")) == (403, "owner_only")
    assert told(server.http.post("/api/v1/agents/sign-out")) == (401, "unauthenticated")
    # Any key that may revoke keys takes it back, too.
    owner.data("DELETE", f"/agents/keys/{other.key_id}")
    assert other.ask("GET", "/agents/sessions").status_code == 401


def test_a_key_of_a_sign_in_makes_none_that_outlives_it(server: Server) -> None:
    seeing = signed_in(server, server.register(), "keys", "read", seconds=600)
    assert told(seeing.ask("POST", "/agents/keys", {"name": "for ever", "scopes": ["read"]})) == (
        403,
        "not_narrower",
    )
    assert seeing.key_for("read", seconds=60).ask("GET", "/agents/sessions").status_code == 200


def test_a_frozen_owner_signs_in_and_thaws(server: Server) -> None:
    owner = server.register()
    owner.data("POST", "/agents/sessions/freeze")
    signed_in(server, owner, "sessions:write").data("POST", "/agents/sessions/thaw")
    session = owner.session()
    assert session.data("GET", "/agents/session/self")["status"] == "active"


def test_a_wallet_without_an_account_is_told_so(server: Server) -> None:
    stranger = PrivateKey.generate()
    answer = present(server, request(server, stranger))
    assert told(answer) == (404, "sign_in_no_account")
    assert "register" in answer.json()["error"]


def test_IDEMPOTENT_a_lost_answer_is_told_again_to_whoever_has_its_key(server: Server) -> None:
    owner = server.register()
    asked, retry_key = request(server, owner.key), new_retry_key()
    first, second = present(server, asked, retry_key), present(server, asked, retry_key)
    assert first.status_code == second.status_code == 201
    assert first.json()["data"] == second.json()["data"]
    assert owner.data("GET", "/agents/keys")["total"] == 2
    # The signature's case is no other signature, and a letter of the key is another key.
    shouted = {**asked, "signature": "0x" + asked["signature"][2:].upper()}
    assert present(server, shouted, retry_key).json()["data"] == first.json()["data"]
    assert told(present(server, asked, retry_key[:-1] + "x")) == (409, "sign_in_replayed")
    assert told(present(server, request(server, owner.key), "short")) == (400, "invalid_input")


def test_forgotten_sign_ins_keep_nobody_out(server: Server) -> None:
    owner = server.register()
    seeing = [signed_in(server, owner) for _ in range(SIGN_INS_MAX + 2)]
    alive = [one.ask("GET", "/agents/sessions").status_code for one in seeing]
    assert alive == [401, 401] + [200] * SIGN_INS_MAX
    assert owner.ask("GET", "/agents/sessions").status_code == 200
    made = [owner.key_for("read") for _ in range(KEYS_MAX - SIGN_INS_MAX - 1)]
    # There is no room, and the oldest sign-in makes some.
    newest = signed_in(server, owner)
    assert seeing[2].ask("GET", "/agents/sessions").status_code == 401
    assert all(one.ask("GET", "/agents/sessions").status_code == 200 for one in (newest, made[0], made[-1]))


def test_the_platform_s_address_is_that_of_its_settings(start: Start) -> None:
    named = start(
        VALETKEY_PUBLIC_URLS="https://pay.example.com", VALETKEY_SIGN_IN_DOMAINS="studio.example.com"
    )
    owner = named.register()
    public = {"base_url": "https://pay.example.com"}
    assert told(present(named, request(named, owner.key, **public))) == (401, "sign_in_wrong_domain")
    from_there = {"domain": "studio.example.com", **public}
    assert present(named, request(named, owner.key, **from_there)).status_code == 201
    told_wrong = present(named, request(named, owner.key, domain="studio.example.com"))
    assert told(told_wrong) == (401, "sign_in_wrong_platform")
    assert "https://pay.example.com/api/v1/agents/sign-in" in told_wrong.json()["error"]
    nobody = start(VALETKEY_SIGN_IN_DOMAINS="none")
    assert told(present(nobody, request(nobody, nobody.register().key))) == (401, "sign_in_wrong_domain")


def test_strangers_are_counted_by_where_they_come_from(start: Start) -> None:
    counted = start(VALETKEY_RATE_LIMITS="1", VALETKEY_RATE_SIGN_IN="4")
    owner = counted.register()
    asked = request(counted, owner.key)
    assert present(counted, asked).status_code == 201
    assert told(present(counted, asked)) == (409, "sign_in_replayed")
    assert counted.http.post(CHALLENGE).status_code == 201
    answer = counted.http.post(CHALLENGE)
    assert told(answer) == (429, "rate_limited")
    assert int(answer.headers["Retry-After"]) > 0
    assert told(present(counted, asked)) == (429, "rate_limited")
    assert owner.ask("GET", "/agents/sessions").status_code == 200


@pytest.mark.parametrize(
    "asked",
    [
        None,
        {},
        {"message": "x"},
        {"message": 1, "signature": "0x"},
        {"message": "x" * 5_000, "signature": "0x"},
    ],
)
def test_what_is_no_sign_in_is_told_what_is_wrong(server: Server, asked: object) -> None:
    assert told(server.http.post(SIGN_IN, json=asked)) == (400, "validation_failed")
