"""registration.json: messages and signatures of the real client."""

import json
from typing import Any

import msgspec
import pytest

from tests.vectors.files import names, vectors
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.signatures import eip191_digest
from valetkey.wire.agents import RegisterResponse
from valetkey.wire.http import read_answer
from valetkey.wire.registration import build_message, sign_registration, verify_registration

REGISTRATION = vectors("registration")


@pytest.mark.parametrize("case", REGISTRATION["requests"], ids=names(REGISTRATION["requests"]))
def test_message_and_signature_are_the_client_s(case: dict[str, Any]) -> None:
    key = PrivateKey.from_hex(case["privateKey"])
    assert build_message(case["address"].lower(), case["timestamp"]) == case["message"]
    assert "0x" + eip191_digest(case["message"].encode()).hex() == case["messageHashEip191"]
    assert sign_registration(key, case["timestamp"]) == (case["message"], case["signature"])


@pytest.mark.parametrize("case", REGISTRATION["requests"], ids=names(REGISTRATION["requests"]))
def test_the_client_s_request_proves_its_wallet(case: dict[str, Any]) -> None:
    body = json.loads(case["request"]["bodyRaw"]) if "bodyRaw" in case["request"] else case["request"]["body"]
    proven = verify_registration(body["walletAddress"], body["message"], body["signature"], case["timestamp"])
    key = PrivateKey.from_hex(case["privateKey"])
    assert proven.address == case["recovered"] == case["address"]
    assert proven.public_key == key.public_key_compressed
    assert proven.timestamp == case["timestamp"]


def test_the_message_has_the_client_s_form() -> None:
    wallet, timestamp = REGISTRATION["requests"][0]["address"], 1_772_323_200
    form = REGISTRATION["messageFormat"].replace("\\n", "\n")
    filled = form.replace("<EIP-55 address>", wallet).replace("<unix seconds>", str(timestamp))
    assert build_message(wallet, timestamp) == filled


@pytest.mark.parametrize("case", REGISTRATION["outcomes"], ids=names(REGISTRATION["outcomes"]))
def test_an_answer_that_is_no_registration_is_not_taken_for_one(case: dict[str, Any]) -> None:
    raw = msgspec.json.encode(case["responseBody"])
    # The client takes a nested or failed answer for a success and goes on without a key.
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(raw, type=RegisterResponse)
    answer = read_answer(raw)
    assert answer is not None
    assert answer.error == case["responseBody"].get("error")
    if not case["ok"]:
        assert answer.success is False
        assert str(answer.error) in case["error"]["message"]
