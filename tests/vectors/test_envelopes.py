"""envelopes.json: abba-e2e-v1 byte for byte, and every tampering with it."""

from typing import Any

import pytest

from tests.vectors.files import names, vectors
from tests.vectors.leaks import parts_told
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.keys import PrivateKey
from valetkey.wire import js_json
from valetkey.wire.envelope import (
    Decrypted,
    EnvelopeCode,
    EnvelopeError,
    decrypt,
    encrypt,
    parse_envelope,
)

ENVELOPES = vectors("envelopes")
SAYABLE = [case for case in ENVELOPES["cases"] if "encryptError" not in case]
FROM_JAVASCRIPT: dict[str, object] = {
    "js_nan_infinity": {"a": float("nan"), "b": float("inf"), "c": float("-inf"), "d": [float("nan")]},
    "js_neg_zero_literal": {"n": -0.0},
}
MALFORMED = {
    "v_2": EnvelopeCode.VERSION,
    "v_missing": EnvelopeCode.VERSION,
    "malformed_empty": EnvelopeCode.VERSION,
    "from_garbage": EnvelopeCode.BAD_KEY,
    "from_0x": EnvelopeCode.BAD_KEY,
    "ct_odd_hex": EnvelopeCode.NOT_AN_ENVELOPE,
    "ts_float": EnvelopeCode.NOT_AN_ENVELOPE,
}


def payload_of(case: dict[str, Any]) -> object:
    if "sourceJson" in case:
        return js_json.parse(case["sourceJson"])
    return FROM_JAVASCRIPT[case["name"]]


def test_no_case_is_left_out() -> None:
    assert len(ENVELOPES["cases"]) == ENVELOPES["count"] == len(SAYABLE) + 1


@pytest.mark.parametrize("case", SAYABLE, ids=names(SAYABLE))
def test_encrypts_byte_for_byte(case: dict[str, Any]) -> None:
    given = case["deterministic"]
    envelope = encrypt(
        payload_of(case),
        PrivateKey.from_hex(case["senderPrivateKey"]),
        bytes.fromhex(case["recipientPublicKey"]),
        now_ms=given["ts"],
        ephemeral=PrivateKey.from_hex(given["ephemeralPrivateKey"]),
        salt=bytes.fromhex(given["salt"]),
        iv=bytes.fromhex(given["iv"]),
    )
    assert envelope.to_json() == case["envelope"]
    assert js_json.stringify(envelope.to_json()) == case.get(
        "envelopeJson", js_json.stringify(case["envelope"])
    )
    assert envelope.context().decode() == case["aadUtf8"]


@pytest.mark.parametrize("case", SAYABLE, ids=names(SAYABLE))
def test_opens_what_the_client_sealed(case: dict[str, Any]) -> None:
    opened = decrypt(parse_envelope(case["envelope"]), PrivateKey.from_hex(case["recipientPrivateKey"]))
    assert opened.verified is case["decrypt"]["verified"] is True
    assert opened.sender.hex() == case["decrypt"]["from"]
    assert opened.sent_at_ms == case["decrypt"]["ts"]
    expected = case["decrypt"].get("plaintextJson") or case["plaintextUtf8"]
    assert js_json.stringify(opened.payload) == expected


def test_refuses_what_json_cannot_say() -> None:
    (case,) = (case for case in ENVELOPES["cases"] if "encryptError" in case)
    with pytest.raises(js_json.JsonError):
        encrypt(
            {"n": 1 + 2j},
            PrivateKey.from_hex(case["senderPrivateKey"]),
            bytes.fromhex(case["recipientPublicKey"]),
            now_ms=0,
        )


@pytest.mark.parametrize("case", ENVELOPES["tampered"], ids=names(ENVELOPES["tampered"]))
def test_tampering_is_never_believed(case: dict[str, Any]) -> None:
    key = PrivateKey.from_hex(case["recipientPrivateKey"])

    def open_it() -> Decrypted:
        return decrypt(parse_envelope(case["envelope"]), key)

    if case["outcome"] != "throws":
        opened = open_it()
        assert opened.verified is (case["outcome"] == "verified")
        assert js_json.stringify(opened.payload) == case["plaintextJson"]
        return
    with pytest.raises((DecryptionFailed, EnvelopeError)) as caught:
        open_it()
    assert isinstance(caught.value, EnvelopeError) is (case["name"] in MALFORMED)
    if case["name"] in MALFORMED:
        assert caught.value.code == MALFORMED[case["name"]]
    texts = [text for text in case["envelope"].values() if isinstance(text, str)]
    assert not parts_told(caught.value, case["recipientPrivateKey"], *texts)
