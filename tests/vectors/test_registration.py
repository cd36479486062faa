"""registration.json: messages and signatures of the real client."""

import json
from typing import Any

import pytest

from tests.vectors.files import names, vectors
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.signatures import eip191_digest
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
