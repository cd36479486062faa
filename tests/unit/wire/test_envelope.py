"""Envelopes and how they ride in payloads."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.wire.test_js_json import values
from tests.vectors.leaks import parts_told
from valetkey.crypto.aead import encrypt_aes_gcm, hkdf_sha256
from valetkey.crypto.ecdh import shared_x
from valetkey.crypto.errors import DecryptionFailed, InvalidKey
from valetkey.crypto.keys import PrivateKey
from valetkey.wire import js_json
from valetkey.wire.attestation import attest, matches
from valetkey.wire.envelope import (
    Envelope,
    EnvelopeCode,
    EnvelopeError,
    decrypt,
    encrypt,
    parse_envelope,
)
from valetkey.wire.payload import unwrap, wrap

SENDER, RECIPIENT, STRANGER = (PrivateKey(n.to_bytes(32)) for n in (11, 12, 13))
NOW_MS = 1_772_323_200_123
PAYLOAD = {"text": "the quick brown fox"}


def sealed(payload: object = PAYLOAD) -> Envelope:
    return encrypt(payload, SENDER, RECIPIENT.public_key, now_ms=NOW_MS)


@given(values)
def test_whatever_json_says_arrives_verified(payload: object) -> None:
    opened = decrypt(parse_envelope(js_json.parse(js_json.stringify(sealed(payload).to_json()))), RECIPIENT)
    assert js_json.stringify(opened.payload) == js_json.stringify(payload)
    assert opened.verified
    assert opened.sender == SENDER.public_key_compressed
    assert opened.sent_at_ms == NOW_MS


def test_each_envelope_is_fresh() -> None:
    one, other = sealed(), sealed()
    assert len({one.epk, other.epk, one.salt, other.salt, one.iv, other.iv}) == 6


@given(
    st.sampled_from(["sender", "recipient", "epk", "salt", "iv", "ct"]),
    st.integers(min_value=0),
    st.integers(min_value=1, max_value=15),
)
def test_one_changed_digit_opens_nothing(field: str, place: int, by: int) -> None:
    envelope = sealed()
    text = getattr(envelope, field)
    at = place % len(text)
    changed = text[:at] + f"{int(text[at], 16) ^ by:x}" + text[at + 1 :]
    with pytest.raises((DecryptionFailed, EnvelopeError)):
        decrypt(parse_envelope(replace(envelope, **{field: changed}).to_json()), RECIPIENT)


def test_only_the_recipient_opens_it() -> None:
    for key in (SENDER, STRANGER):
        with pytest.raises(DecryptionFailed) as caught:
            decrypt(sealed(), key)
        assert not parts_told(caught.value, key.to_hex(prefix=False), "the quick brown fox")


def test_another_s_signature_is_not_verified() -> None:
    envelope = sealed()
    theirs = encrypt(PAYLOAD, STRANGER, RECIPIENT.public_key, now_ms=NOW_MS)
    for signature in ("", theirs.sig, envelope.sig[:-2], "00", "zz", 5, None):
        opened = decrypt(parse_envelope({**envelope.to_json(), "sig": signature}), RECIPIENT)
        assert not opened.verified
        assert opened.payload == PAYLOAD


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("v", 2, EnvelopeCode.VERSION), ("v", "1", EnvelopeCode.VERSION), ("v", True, EnvelopeCode.VERSION),
        ("v", None, EnvelopeCode.VERSION), ("ts", "1", EnvelopeCode.NOT_AN_ENVELOPE),
        ("ts", True, EnvelopeCode.NOT_AN_ENVELOPE), ("ts", -1, EnvelopeCode.NOT_AN_ENVELOPE),
        ("ts", 2.0**60, EnvelopeCode.NOT_AN_ENVELOPE), ("ts", float("inf"), EnvelopeCode.NOT_AN_ENVELOPE),
        ("ts", None, EnvelopeCode.NOT_AN_ENVELOPE), ("ct", None, EnvelopeCode.NOT_AN_ENVELOPE),
        ("ct", "0", EnvelopeCode.NOT_AN_ENVELOPE), ("iv", "zz", EnvelopeCode.NOT_AN_ENVELOPE),
        ("salt", ["00"], EnvelopeCode.NOT_AN_ENVELOPE), ("from", 5, EnvelopeCode.BAD_KEY),
        ("to", "", EnvelopeCode.BAD_KEY), ("epk", "04" + "00" * 64, EnvelopeCode.BAD_KEY),
    ],
)  # fmt: skip
def test_malformed_members_are_typed_errors(member: str, value: object, code: EnvelopeCode) -> None:
    with pytest.raises(EnvelopeError) as caught:
        parse_envelope({**sealed().to_json(), member: value})
    assert caught.value.code == code


@pytest.mark.parametrize("value", [None, [], "text", 5, True])
def test_what_is_no_object_is_no_envelope(value: object) -> None:
    with pytest.raises(EnvelopeError):
        parse_envelope(value)


def test_a_point_off_the_curve_is_a_bad_key() -> None:
    with pytest.raises(EnvelopeError) as caught:
        decrypt(replace(sealed(), epk="02" + "ff" * 32), RECIPIENT)
    assert caught.value.code == EnvelopeCode.BAD_KEY
    with pytest.raises(InvalidKey):
        encrypt(PAYLOAD, SENDER, b"\x02" + b"\xff" * 32, now_ms=NOW_MS)


def test_a_whole_timestamp_may_be_written_with_a_point() -> None:
    opened = decrypt(parse_envelope({**sealed().to_json(), "v": 1.0, "ts": float(NOW_MS)}), RECIPIENT)
    assert opened.verified


@pytest.mark.parametrize("plaintext", [b"not json", b"\xff", b""])
def test_a_plaintext_that_is_not_json_is_a_typed_error(plaintext: bytes) -> None:
    envelope = sealed()
    ephemeral = PrivateKey((99).to_bytes(32))
    envelope = replace(envelope, epk=ephemeral.public_key_compressed.hex())
    key = hkdf_sha256(
        shared_x(ephemeral, RECIPIENT.public_key) + shared_x(SENDER, RECIPIENT.public_key),
        salt=bytes.fromhex(envelope.salt),
        info=b"abba-e2e-v1-enc",
    )
    ciphertext = encrypt_aes_gcm(key, bytes.fromhex(envelope.iv), plaintext, envelope.context())
    with pytest.raises(EnvelopeError) as caught:
        decrypt(replace(envelope, ct=ciphertext.hex()), RECIPIENT)
    assert caught.value.code == EnvelopeCode.BAD_PLAINTEXT
    assert not parts_told(caught.value, "not json")


def test_an_opened_envelope_does_not_show_what_it_says() -> None:
    opened = decrypt(sealed(), RECIPIENT)
    assert "fox" not in repr(opened)


def test_envelopes_ride_in_payloads() -> None:
    wrapped = unwrap(wrap(sealed()))
    assert wrapped is not None
    assert decrypt(wrapped.envelope, RECIPIENT).payload == PAYLOAD
    assert wrapped.attestation is None

    delivered = unwrap(wrap(sealed(), attest(PAYLOAD, NOW_MS)))
    assert delivered is not None
    assert matches(PAYLOAD, delivered.attestation)
    assert not matches({"text": "another"}, delivered.attestation)


@pytest.mark.parametrize("plain", ["{}", "[]", "null", '"_e2e"', '{"a":{"_e2e":1}}'])
def test_plain_payloads_wrap_nothing(plain: str) -> None:
    assert unwrap(plain) is None


def test_bad_envelopes_in_payloads_are_typed_errors() -> None:
    with pytest.raises(EnvelopeError):
        unwrap('{"_e2e":null}')
    with pytest.raises(js_json.JsonError):
        unwrap(b"{")
