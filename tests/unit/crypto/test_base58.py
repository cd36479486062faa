"""Base58 and Ed25519 as Solana uses them; vectors of others."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.crypto import base58
from valetkey.crypto.ed25519 import SigningKey, ed25519_key_hash, is_signed
from valetkey.crypto.errors import InvalidAddress, InvalidKey, SecretLeak
from valetkey.crypto.keys import keccak256

VECTORS = [  # the draft of base58 at the IETF, and well-known accounts of Solana
    ("48656c6c6f20576f726c6421", "2NEpo7TZRRrLZSi2U"),
    (
        "54686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a7920646f672e",
        "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
    ),
    ("0000287fb4cd", "11233QC4"),
    ("00" * 32, "1" * 32),
    ("", ""),
]


@pytest.mark.parametrize(("data", "text"), VECTORS)
def test_vectors(data: str, text: str) -> None:
    assert base58.encode(bytes.fromhex(data)) == text
    assert base58.decode(text) == bytes.fromhex(data)


@given(st.binary(max_size=80))
def test_there_and_back(data: bytes) -> None:
    assert base58.decode(base58.encode(data)) == data


@given(st.binary(min_size=32, max_size=64))
def test_as_the_library_of_solana_writes_it(data: bytes) -> None:
    from solders.pubkey import Pubkey

    assert base58.encode(data[:32]) == str(Pubkey(data[:32]))


@pytest.mark.parametrize("text", ["0", "O", "I", "l", " ", "é", "1" * 129, "ab\n"])
def test_what_is_no_base58(text: str) -> None:
    with pytest.raises(InvalidAddress):
        base58.decode(text)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", True),
        ("1" * 32, True),
        ("1" * 31, False),
        ("1" * 33, False),
        ("z" * 44, False),
        ("0x" + "a" * 40, False),
    ],
)
def test_addresses_have_32_bytes(text: str, fits: bool) -> None:
    assert base58.is_solana_address(text) is fits


def test_signing_keys() -> None:
    from solders.keypair import Keypair

    key = SigningKey.generate()
    other = Keypair.from_seed(key.secret())
    assert key.address == str(other.pubkey())
    assert key.sign(b"message") == bytes(other.sign_message(b"message"))
    assert is_signed(key.public_key, b"message", key.sign(b"message"))
    assert ed25519_key_hash(key.public_key) == keccak256(key.public_key)
    assert key == SigningKey(key.secret())
    assert key != SigningKey.generate()
    assert len({key, SigningKey(key.secret())}) == 1


def test_a_signing_key_hides_itself() -> None:
    key = SigningKey(bytes(range(32)))
    assert key.secret().hex() not in f"{key!r} {key}"
    with pytest.raises(SecretLeak):
        pickle.dumps(key)
    with pytest.raises(InvalidKey):
        ed25519_key_hash(bytes(33))
