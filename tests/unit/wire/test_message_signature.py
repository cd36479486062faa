"""The signature base against RFC 9421's own example, and the one form that is read."""

import base64

import pytest

from valetkey.crypto.ed25519 import SigningKey, is_signed
from valetkey.wire.message_signature import (
    CONTENT_DIGEST,
    SIGNATURE,
    SIGNATURE_INPUT,
    MalformedProof,
    content_digest,
    covered,
    is_digest_of,
    lines_of,
    read_proof,
    sign_request,
    signature_base,
)

KEY = SigningKey(bytes(range(32)))
URI = "https://pay.example.com/api/v1/spends?x=1"
NONCE = "nonce-of-these-tests"


def signed(body: bytes | None = b"{}", **headers: str) -> dict[str, str]:
    return sign_request(KEY, "POST", URI, headers, body, created=1_800_000_000, nonce=NONCE)


def test_the_example_of_the_standard() -> None:
    """RFC 9421, appendix B.2.6, with the key of B.1.4."""
    der = base64.b64decode("MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF")
    key = SigningKey(der[-32:])
    public = base64.b64decode("MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")
    assert key.public_key == public[-32:]
    names = '"date" "@method" "@path" "@authority" "content-type" "content-length"'
    parameters = f'({names});created=1618884473;keyid="test-key-ed25519"'
    base = signature_base(
        [
            ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
            ("@method", "POST"),
            ("@path", "/foo"),
            ("@authority", "example.com"),
            ("content-type", "application/json"),
            ("content-length", "18"),
        ],
        parameters,
    )
    assert base.splitlines()[-1] == f'"@signature-params": {parameters}'.encode()
    told = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    assert base64.b64encode(key.sign(base)).decode() == told
    assert is_signed(key.public_key, base, base64.b64decode(told))


def test_the_digest_of_the_standard() -> None:
    """RFC 9421's example request: its body, by SHA-256 (RFC 9530)."""
    assert content_digest(b'{"hello": "world"}') == "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
    assert is_digest_of(content_digest(b"x"), b"x")
    assert not is_digest_of(content_digest(b"x"), b"y")
    for other in (
        "",
        "sha-512=:AAAA:",
        content_digest(b"x") + ", " + content_digest(b"x"),
        content_digest(b"x")[:-1],
    ):
        assert not is_digest_of(other, b"x")


def test_what_is_signed_is_read_and_holds() -> None:
    headers = {"X-API-Key": "token", "Idempotency-Key": "one"}
    proving = signed(**headers)
    proof = read_proof(proving[SIGNATURE_INPUT], proving[SIGNATURE])
    assert proof.components == ("@method", "@target-uri", "content-digest", "idempotency-key", "x-api-key")
    assert (proof.created, proof.nonce, proof.key_id) == (1_800_000_000, NONCE, KEY.public_key.hex())
    told = {name.lower(): value for name, value in {**headers, **proving}.items()}
    base = signature_base(lines_of(proof.components, "POST", URI, told), proof.parameters)
    assert base.decode().splitlines() == [
        '"@method": POST',
        f'"@target-uri": {URI}',
        f'"content-digest": {content_digest(b"{}")}',
        '"idempotency-key": one',
        '"x-api-key": token',
        f'"@signature-params": {proof.parameters}',
    ]
    assert is_signed(KEY.public_key, base, proof.signature)


@pytest.mark.parametrize("body", [None, b""])
def test_without_a_body_there_is_no_digest(body: bytes | None) -> None:
    proving = signed(body)
    assert CONTENT_DIGEST not in proving
    assert read_proof(proving[SIGNATURE_INPUT], proving[SIGNATURE]).components == ("@method", "@target-uri")


def test_what_must_be_covered_follows_from_what_is_there() -> None:
    assert covered({}, has_body=False) == ("@method", "@target-uri")
    assert covered({"authorization": "Bearer x"}, has_body=True)[-1] == "authorization"
    assert "idempotency-key" in covered({"idempotency-key": ""}, has_body=False)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "vk=",
        "vk=()",
        'vk=("@method");created=1',
        'vk=("@method" "@method");created=1',
        "vk=(" + '"a" ' * 400 + ")",
    ],
)
def test_what_is_no_input_is_told_so_and_not_quoted(given: str) -> None:
    with pytest.raises(MalformedProof) as malformed:
        read_proof(given, signed()[SIGNATURE])
    assert given == "" or given not in str(malformed.value)
