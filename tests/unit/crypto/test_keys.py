"""Private keys that do not show themselves, public keys, addresses."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors.leaks import parts_told
from valetkey.crypto.errors import InvalidAddress, InvalidKey, SecretLeak
from valetkey.crypto.keys import (
    PrivateKey,
    address_of,
    checksum_address,
    compress,
    is_address,
    keccak256,
    load_public_key,
    session_key_hash,
    uncompress,
)

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SECRET = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
ADDRESS = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"

scalars = st.integers(min_value=1, max_value=ORDER - 1)


def test_keccak_is_ethereum_s_not_sha3() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@given(scalars)
def test_every_scalar_within_the_order_is_a_key(scalar: int) -> None:
    key = PrivateKey(scalar.to_bytes(32))
    assert key.secret() == scalar.to_bytes(32)
    assert PrivateKey.from_hex(key.to_hex()) == key
    assert PrivateKey.from_hex(key.to_hex(prefix=False), prefix=False) == key
    assert len(key.public_key) == 65
    assert compress(key.public_key) == key.public_key_compressed
    assert uncompress(key.public_key_compressed) == key.public_key
    assert address_of(key.public_key) == key.address
    assert is_address(key.address)


@pytest.mark.parametrize("scalar", [0, ORDER, ORDER + 1, 2**256 - 1])
def test_scalars_outside_the_order_are_no_keys(scalar: int) -> None:
    with pytest.raises(InvalidKey) as caught:
        PrivateKey(scalar.to_bytes(32))
    assert not parts_told(caught.value, scalar.to_bytes(32).hex(), repr(scalar.to_bytes(32)), str(scalar))


@pytest.mark.parametrize("secret", [b"", b"\x01" * 31, b"\x01" * 33, bytearray(b"\x01" * 32), SECRET, None])
def test_other_lengths_and_types_are_no_keys(secret: object) -> None:
    with pytest.raises(InvalidKey):
        PrivateKey(secret)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        (SECRET, True),
        ("0x" + SECRET, False),
        (SECRET[:-1], None),
        (SECRET + "0", None),
        ("0x0x" + SECRET[4:], None),
        (" " + SECRET, None),
        (SECRET + "\n", None),
        (SECRET[:-1] + "g", None),
        (SECRET[:-1] + "\u0663", None),
        ("", None),
        (None, None),
        (0, None),
    ],
)
def test_hex_that_is_not_a_key_is_refused_without_being_quoted(text: object, prefix: bool | None) -> None:
    with pytest.raises(InvalidKey) as caught:
        PrivateKey.from_hex(text, prefix=prefix)  # type: ignore[arg-type]
    assert not parts_told(caught.value, SECRET)


def test_a_key_shows_its_address_and_never_itself() -> None:
    key = PrivateKey.from_hex(SECRET)
    shown = [repr(key), str(key), f"{key}", f"{key:>90}", f"{[key]}"]
    assert all(ADDRESS in text and SECRET not in text.lower() for text in shown)
    assert str(key.secret()) not in "".join(shown)
    assert not hasattr(key, "__dict__")


def test_a_key_is_not_pickled_and_copies_are_itself() -> None:
    key = PrivateKey.from_hex(SECRET)
    with pytest.raises(SecretLeak):
        pickle.dumps(key)
    assert copy.copy(key) is key
    assert copy.deepcopy([key])[0] is key


def test_keys_compare_by_their_secret() -> None:
    key, same, other = PrivateKey.from_hex(SECRET), PrivateKey.from_hex(SECRET), PrivateKey.generate()
    assert key == same
    assert hash(key) == hash(same)
    assert key != other
    assert key != SECRET
    assert len({key, same, other}) == 2


@pytest.mark.parametrize(
    "public_key",
    [b"", b"\x02" + b"\xff" * 32, b"\x05" + b"\x01" * 32, b"\x02" * 34, b"\x04" + b"\x01" * 64],
)
def test_bytes_that_are_no_point_are_refused(public_key: bytes) -> None:
    with pytest.raises(InvalidKey):
        load_public_key(public_key)


def test_the_hybrid_form_is_refused() -> None:
    public_key = PrivateKey.from_hex(SECRET).public_key
    with pytest.raises(InvalidKey):
        compress(bytes((6 + public_key[-1] % 2,)) + public_key[1:])


def test_session_key_hash_is_over_the_uncompressed_key() -> None:
    key = PrivateKey.from_hex(SECRET)
    assert session_key_hash(key.public_key_compressed) == keccak256(key.public_key)


def test_addresses_in_every_case() -> None:
    assert checksum_address(ADDRESS.lower()) == ADDRESS
    assert checksum_address("0x" + ADDRESS[2:].upper()) == ADDRESS
    assert is_address(ADDRESS.lower())
    assert is_address("0x" + ADDRESS[2:].upper())
    assert not is_address(ADDRESS.swapcase().replace("0X", "0x"))


@pytest.mark.parametrize(
    "text", ["", "0x", ADDRESS[2:], ADDRESS + "0", "0X" + ADDRESS[2:], ADDRESS + "\n", None, 5]
)
def test_what_is_no_address(text: object) -> None:
    assert not is_address(text)  # type: ignore[arg-type]
    with pytest.raises(InvalidAddress):
        checksum_address(text)  # type: ignore[arg-type]
