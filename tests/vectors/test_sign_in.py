"""sign_in.json: what the library of the specification's authors reads, refuses, and has signatures of."""

from typing import Any

import pytest

from tests.vectors.files import names, vectors
from valetkey.crypto.signatures import recover_message_address
from valetkey.wire.sign_in_message import SignInError, SignInMessage, read_message

SIGN_IN = vectors("sign_in")


def of_fields(fields: dict[str, Any]) -> SignInMessage:
    resources = fields.get("resources")
    assert fields["version"] == "1"
    return SignInMessage(
        domain=fields["domain"],
        address=fields["address"],
        uri=fields["uri"],
        chain_id=fields["chainId"],
        nonce=fields["nonce"],
        issued_at=fields["issuedAt"],
        expiration_time=fields.get("expirationTime"),
        not_before=fields.get("notBefore"),
        request_id=fields.get("requestId"),
        scheme=fields.get("scheme"),
        statement=fields.get("statement") or None,
        resources=None if resources is None else tuple(resources),
    )


@pytest.mark.parametrize("case", SIGN_IN["read"], ids=names(SIGN_IN["read"]))
def test_what_they_read_is_read_alike(case: dict[str, Any]) -> None:
    message = read_message(case["message"])
    assert message == of_fields(case["fields"])
    assert str(message) == case["message"]


@pytest.mark.parametrize("case", SIGN_IN["refused"], ids=names(SIGN_IN["refused"]))
def test_what_they_refuse_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(SignInError):
        read_message(case["message"])


@pytest.mark.parametrize("case", SIGN_IN["signed"], ids=names(SIGN_IN["signed"]))
def test_what_a_wallet_signed_is_what_is_written(case: dict[str, Any]) -> None:
    text = str(of_fields(case))
    assert read_message(text) == of_fields(case)
    signature = bytes.fromhex(case["signature"][2:])
    assert recover_message_address(text.encode(), signature) == case["address"]
