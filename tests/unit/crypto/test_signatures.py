"""Recoverable, DER and compact signatures: ours verify, all else does not."""

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from valetkey.crypto.errors import InvalidSignature
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.signatures import (
    HALF_ORDER,
    eip191_digest,
    recover_digest,
    recover_message,
    recover_message_address,
    sign_der,
    sign_digest,
    sign_message,
    verify_der,
)

ORDER = 2 * HALF_ORDER + 1
KEY = PrivateKey((7).to_bytes(32))
OTHER = PrivateKey((8).to_bytes(32))


@given(st.binary(max_size=200))
def test_messages_recover_to_their_signer(message: bytes) -> None:
    signature = sign_message(KEY, message)
    assert recover_message(message, signature) == KEY.public_key
    assert recover_message_address(message, signature) == KEY.address
    assert signature == sign_message(KEY, message), "RFC 6979: the same each time"
    assert int.from_bytes(signature[32:64]) <= HALF_ORDER


@pytest.mark.parametrize("message", [b"", b"hello", "Привет".encode()])
def test_messages_are_signed_as_other_wallets_sign_them(message: bytes) -> None:
    theirs = Account.sign_message(encode_defunct(message), KEY.to_hex())
    assert sign_message(KEY, message) == bytes(theirs.signature)
    assert eip191_digest(message) == bytes(theirs.message_hash)


@given(st.binary(min_size=32, max_size=32))
def test_digests_recover_with_either_spelling_of_v(digest: bytes) -> None:
    signature = sign_digest(KEY, digest)
    assert recover_digest(digest, signature) == KEY.public_key
    assert recover_digest(digest, signature[:64] + bytes((signature[64] - 27,))) == KEY.public_key


def test_a_second_signature_with_a_high_s_is_refused() -> None:
    digest = eip191_digest(b"pay")
    signature = sign_digest(KEY, digest)
    high = ORDER - int.from_bytes(signature[32:64])
    forged = signature[:32] + high.to_bytes(32) + bytes((55 - signature[64],))
    with pytest.raises(InvalidSignature):
        recover_digest(digest, forged)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"\x00" * 64,
        b"\x00" * 65,
        b"\x00" * 66,
        b"\x01" * 64 + b"\x1d",
        b"\x01" * 64 + b"\x02",
        b"\xff" * 32 + b"\x01" * 32 + b"\x1b",
    ],
)
def test_malformed_signatures_recover_to_nobody(signature: bytes) -> None:
    with pytest.raises(InvalidSignature):
        recover_digest(b"\x11" * 32, signature)


@given(st.binary(min_size=32, max_size=32), st.integers(min_value=0, max_value=500))
def test_der_signatures_hold_for_one_key_and_digest(digest: bytes, place: int) -> None:
    signature = sign_der(KEY, digest)
    assert verify_der(KEY.public_key, digest, signature)
    assert verify_der(KEY.public_key_compressed, digest, signature)
    assert not verify_der(OTHER.public_key, digest, signature)
    changed = bytearray(signature)
    changed[place % len(signature)] ^= 1
    assert not verify_der(KEY.public_key, digest, bytes(changed))


def test_verifying_never_raises_for_what_others_sent() -> None:
    assert not verify_der(KEY.public_key, b"\x11" * 32, b"")
    assert not verify_der(KEY.public_key, b"\x11" * 32, b"not DER")
    assert not verify_der(b"\x02" + b"\xff" * 32, b"\x11" * 32, sign_der(KEY, b"\x11" * 32))
