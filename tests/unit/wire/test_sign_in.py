"""What a platform demands of a sign-in: who asks, for which platform, what for, until when, and who signed."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.core.api_key import Scope
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.signatures import HALF_ORDER, sign_message
from valetkey.wire.registration import sign_registration
from valetkey.wire.sign_in import (
    CHALLENGE_SECONDS,
    KEY_SECONDS_MAX,
    LOOPBACK,
    Accepted,
    SignInChallenge,
    SignInCode,
    build_message,
    sign_in_uri,
    verify_sign_in,
)
from valetkey.wire.sign_in_message import SignInError, read_message
from valetkey.wire.timestamps import iso_timestamp

NOW = 1_800_000_000
KEY, OTHER = PrivateKey(b"\x11" * 32), PrivateKey(b"\x22" * 32)
BASE = "https://pay.example.com"
ACCEPTED = Accepted((LOOPBACK, "studio.example.com"), (sign_in_uri(BASE),), frozenset({84532, 8453}))
CHALLENGE = SignInChallenge(
    nonce="a1B2c3D4e5", issued_at=iso_timestamp(NOW), expires_at=iso_timestamp(NOW + 300), chain_ids=[84532]
)
ORDER = 2 * HALF_ORDER + 1


def built(**changes: Any) -> str:
    plain: dict[str, Any] = {
        "address": KEY.address,
        "base_url": BASE,
        "domain": "127.0.0.1:8789",
        "scopes": [Scope.READ, Scope.SESSIONS_WRITE],
        "seconds": 3_600,
    }
    challenge = changes.pop("challenge", CHALLENGE)
    return build_message(challenge, **{**plain, **changes})


def changed(**fields: Any) -> str:
    return str(replace(read_message(built()), **fields))


def signed(text: str, key: PrivateKey = KEY) -> str:
    return "0x" + sign_message(key, text.encode()).hex()


def verified(text: str, signature: str | None = None, now: int = NOW, accepted: Accepted = ACCEPTED) -> Any:
    return verify_sign_in(text, signature or signed(text), accepted, now)


def refused(text: str, **more: Any) -> str:
    with pytest.raises(SignInError) as told:
        verified(text, **more)
    return str(told.value.code)


def test_the_message_says_all_that_it_gives() -> None:
    text = built()
    assert text.startswith(
        f"127.0.0.1:8789 wants you to sign in with your Ethereum account:\n{KEY.address}\n\n"
    )
    assert "\nURI: https://pay.example.com/api/v1/agents/sign-in\nVersion: 1\nChain ID: 84532\n" in text
    assert text.endswith("\nResources:\n- urn:valetkey:scope:read\n- urn:valetkey:scope:sessions:write")
    proven = verified(text)
    assert proven.address == KEY.address
    assert proven.scopes == {Scope.READ, Scope.SESSIONS_WRITE}
    assert proven.nonce == CHALLENGE.nonce
    assert proven.expires_at == NOW + 3_600


@pytest.mark.parametrize(
    "domain",
    ["evil.example", "studio.example.com.evil.example", "xstudio.example.com", "studio.example.com:1", LOOPBACK,
     "127.0.0.1.evil.example", "user@127.0.0.1", "127.0.0.2", "localhost.evil.example", "Studio.example.com", "[::2]",
     "127.0.0.1:123456"],
)  # fmt: skip
def test_no_other_site_can_use_a_signature(domain: str) -> None:
    assert refused(built(domain=domain)) == SignInCode.WRONG_DOMAIN


def test_sites_are_those_of_the_settings_alone() -> None:
    for domain in ("127.0.0.1", "localhost:1", "[::1]:8789", "studio.example.com"):
        assert verified(built(domain=domain)).address == KEY.address
    named = replace(ACCEPTED, domains=("studio.example.com",))
    assert refused(built(), accepted=named) == SignInCode.WRONG_DOMAIN
    assert refused(built(), accepted=replace(ACCEPTED, domains=())) == SignInCode.WRONG_DOMAIN
    assert verified(changed(scheme="http")).address == KEY.address
    assert refused(changed(scheme="ftp")) == SignInCode.WRONG_DOMAIN
    assert refused(changed(scheme="http", domain="studio.example.com")) == SignInCode.WRONG_DOMAIN


def test_a_message_for_another_platform_is_of_no_use_here() -> None:
    for uri in (
        "https://evil.example/api/v1/agents/sign-in",
        "http://pay.example.com/api/v1/agents/sign-in",
        "https://pay.example.com:444/api/v1/agents/sign-in",
        "https://pay.example.com/api/v1/agents/sign-in/",
        "https://pay.example.com/api/v1/agents/sign-in?x",
        "https://pay.example.com",
    ):
        assert refused(changed(uri=uri)) == SignInCode.WRONG_PLATFORM
    assert refused(changed(chain_id=1)) == SignInCode.WRONG_CHAIN


@pytest.mark.parametrize(
    ("fields", "now", "code"),
    [
        ({}, NOW + CHALLENGE_SECONDS, None),
        ({}, NOW + CHALLENGE_SECONDS + 1, SignInCode.STALE),
        ({}, NOW - CHALLENGE_SECONDS, None),
        ({}, NOW - CHALLENGE_SECONDS - 1, SignInCode.STALE),
        ({"expiration_time": None}, NOW, SignInCode.MALFORMED),
        ({"expiration_time": iso_timestamp(NOW + 10)}, NOW + 9, None),
        ({"expiration_time": iso_timestamp(NOW + 10)}, NOW + 10, SignInCode.STALE),
        ({"expiration_time": iso_timestamp(NOW + KEY_SECONDS_MAX)}, NOW, None),
        ({"expiration_time": iso_timestamp(NOW + KEY_SECONDS_MAX + 1)}, NOW, SignInCode.TOO_LONG),
        ({"expiration_time": "9999-12-31T23:59:59Z"}, NOW, SignInCode.TOO_LONG),
        ({"not_before": iso_timestamp(NOW + 5)}, NOW + 4, SignInCode.STALE),
        ({"not_before": iso_timestamp(NOW + 5)}, NOW + 5, None),
        ({"not_before": iso_timestamp(NOW + 4).replace(".000Z", ".001Z")}, NOW + 4, SignInCode.STALE),
    ],
)
def test_times_are_those_of_the_platform_s_clock(fields: dict[str, Any], now: int, code: str | None) -> None:
    text = changed(**fields)
    if code is None:
        assert verified(text, now=now).address == KEY.address
    else:
        assert refused(text, now=now) == code


@pytest.mark.parametrize(
    "resources",
    [
        None,
        (),
        ("urn:valetkey:scope:read", "urn:valetkey:scope:read"),
        ("urn:valetkey:scope:everything",),
        ("urn:valetkey:scope:READ",),
        ("urn:valetkey:scope:read", "https://evil.example/terms"),
    ],
)
def test_resources_are_scopes_and_nothing_else(resources: Any) -> None:
    assert refused(changed(resources=resources)) == SignInCode.MALFORMED


def test_only_the_address_itself_signs_low_and_whole() -> None:
    text = built()
    signature = sign_message(KEY, text.encode())
    assert refused(text, signature=signed(text, OTHER)) == SignInCode.WRONG_SIGNER
    assert refused(text, signature=signed(text + " ")) == SignInCode.WRONG_SIGNER
    high = ORDER - int.from_bytes(signature[32:64])
    mirrored = signature[:32] + high.to_bytes(32) + bytes([55 - signature[64]])
    assert refused(text, signature="0x" + mirrored.hex()) == SignInCode.WRONG_SIGNER
    for wrong in (
        "0x",
        "0x" + signature[:64].hex(),
        "0x" + signature.hex() + "00",
        signature.hex(),
        "0x" + "g" * 130,
    ):
        assert refused(text, signature=wrong) == SignInCode.MALFORMED
    for v in (0, 1, 2, 26, 29, 255):
        wrong = "0x" + (signature[:64] + bytes([v])).hex()
        if v != signature[64] - 27:
            assert refused(text, signature=wrong) == SignInCode.WRONG_SIGNER


def test_another_protocol_s_signature_is_none() -> None:
    message, signature = sign_registration(KEY, NOW)
    assert refused(message, signature=signature) == SignInCode.MALFORMED
    assert refused(built(), signature=signature) == SignInCode.WRONG_SIGNER


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_of_a_message_with_any_other_byte_nothing_is_proven(place: int, byte: int) -> None:
    text = built()
    raw = bytearray(text.encode())
    raw[place % len(raw)] = byte
    other = raw.decode("latin-1")
    if other == text:
        return
    with pytest.raises(SignInError):
        verified(other, signature=signed(text))


@given(st.integers(0, 64), st.integers(1, 255))
def test_of_a_signature_with_any_other_byte_nothing_is_proven(place: int, flipped: int) -> None:
    text = built()
    raw = bytearray(sign_message(KEY, text.encode()))
    raw[place] ^= flipped
    if place == 64 and raw[64] in (0, 1) and raw[64] == sign_message(KEY, text.encode())[64] - 27:
        # The same signature, as some devices write it.
        assert verified(text, signature="0x" + raw.hex()).address == KEY.address
        return
    with pytest.raises(SignInError):
        verified(text, signature="0x" + raw.hex())


def test_a_platform_writes_nothing_into_what_a_wallet_shows() -> None:
    for nonce in ("a1B2c3D4\nIssued At: 2026-03-01T00:00:00Z", "short", "a1B2c3D4 "):
        challenge = SignInChallenge(
            nonce=nonce, issued_at=CHALLENGE.issued_at, expires_at=CHALLENGE.expires_at, chain_ids=[84532]
        )
        with pytest.raises(SignInError):
            built(challenge=challenge)
    for domain in ("127.0.0.1 wants", "127.0.0.1\n", "https://127.0.0.1"):
        with pytest.raises(SignInError):
            built(domain=domain)
