"""HKDF, AES-GCM, ECDH and sealing: published vectors, round trips, and nothing opens after a change."""

from types import SimpleNamespace

import coincurve
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors.leaks import parts_told
from valetkey.crypto.aead import decrypt_aes_gcm, encrypt_aes_gcm, hkdf_sha256
from valetkey.crypto.ecdh import shared_x
from valetkey.crypto.errors import DecryptionFailed, InvalidKey
from valetkey.crypto.keys import PrivateKey, compress
from valetkey.crypto.sealing import OVERHEAD_BYTES, derive_key, seal, unseal

KEY = bytes(range(32))
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def test_hkdf_gives_rfc_5869_s_first_case() -> None:
    made = hkdf_sha256(
        bytes.fromhex("0b" * 22),
        salt=bytes.fromhex("000102030405060708090a0b0c"),
        info=bytes.fromhex("f0f1f2f3f4f5f6f7f8f9"),
        length=42,
    )
    assert made.hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


def test_aes_gcm_gives_nist_s_case() -> None:
    sealed = encrypt_aes_gcm(bytes(32), bytes(12), bytes(16), b"")
    assert sealed.hex() == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
    assert decrypt_aes_gcm(bytes(32), bytes(12), sealed, b"") == bytes(16)


@given(st.binary(max_size=300), st.binary(max_size=40), st.integers(min_value=0))
def test_any_changed_byte_or_context_fails(plaintext: bytes, context: bytes, place: int) -> None:
    sealed = encrypt_aes_gcm(KEY, bytes(12), plaintext, context)
    changed = bytearray(sealed)
    changed[place % len(sealed)] ^= 0x80
    for wrong in (
        (KEY, bytes(12), bytes(changed), context),
        (KEY, bytes(12), sealed, context + b"x"),
        (bytes(32), bytes(12), sealed, context),
        (KEY, b"\x01" * 12, sealed, context),
        (KEY, bytes(11), sealed, context),
        (KEY, bytes(12), sealed[:15], context),
    ):
        with pytest.raises(DecryptionFailed):
            decrypt_aes_gcm(*wrong)


@given(st.integers(min_value=1, max_value=ORDER - 1), st.integers(min_value=1, max_value=ORDER - 1))
def test_both_sides_share_one_x(one: int, other: int) -> None:
    ours, theirs = PrivateKey(one.to_bytes(32)), PrivateKey(other.to_bytes(32))
    shared = shared_x(ours, theirs.public_key)
    assert shared == shared_x(theirs, ours.public_key_compressed)
    assert shared == PrivateKey((one * other % ORDER).to_bytes(32)).public_key_compressed[1:]


@pytest.mark.parametrize("scalar", [1, 2, ORDER - 1])
def test_the_edges_of_the_order_share_too(scalar: int) -> None:
    key, other = PrivateKey(scalar.to_bytes(32)), PrivateKey((3).to_bytes(32))
    assert shared_x(key, other.public_key) == shared_x(other, key.public_key)


def test_a_share_that_leaves_nothing_to_multiply_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    key, other = PrivateKey((6).to_bytes(32)), PrivateKey((3).to_bytes(32))
    shared = shared_x(key, other.public_key)
    # 6 leaves a rest of 0, 3 a rest that is the share itself.
    shares = iter([6, 3, 5])
    drawn = SimpleNamespace(
        PrivateKey=lambda: coincurve.PrivateKey(next(shares).to_bytes(32)), PublicKey=coincurve.PublicKey
    )
    monkeypatch.setattr("valetkey.crypto.ecdh.coincurve", drawn)
    assert shared_x(key, other.public_key) == shared
    assert next(shares, None) is None


def test_no_key_is_shared_with_a_point_off_the_curve() -> None:
    with pytest.raises(InvalidKey):
        shared_x(PrivateKey.generate(), b"\x02" + b"\xff" * 32)
    with pytest.raises(InvalidKey):
        shared_x(PrivateKey.generate(), compress(PrivateKey.generate().public_key)[:-1])


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_sealing_round_trips_and_never_repeats(plaintext: bytes, context: bytes) -> None:
    sealed = seal(KEY, plaintext, context)
    assert unseal(KEY, sealed, context) == plaintext
    assert len(sealed) == len(plaintext) + OVERHEAD_BYTES
    assert seal(KEY, plaintext, context) != sealed


@given(st.integers(min_value=0))
def test_sealed_bytes_open_whole_or_not_at_all(place: int) -> None:
    plaintext = b"a secret that is long enough to be recognised"
    sealed = bytearray(seal(KEY, plaintext, b"ctx"))
    sealed[place % len(sealed)] ^= 1
    with pytest.raises(DecryptionFailed) as caught:
        unseal(KEY, bytes(sealed), b"ctx")
    assert not parts_told(caught.value, plaintext.decode(), KEY.hex(), repr(KEY))


def test_sealing_is_bound_to_key_and_context() -> None:
    sealed = seal(KEY, b"text", b"session ses_1")
    for key, context in ((bytes(32), b"session ses_1"), (KEY, b"session ses_2"), (KEY, b"")):
        with pytest.raises(DecryptionFailed):
            unseal(key, sealed, context)
    with pytest.raises(DecryptionFailed):
        unseal(KEY, sealed[: OVERHEAD_BYTES - 1], b"session ses_1")
    with pytest.raises(InvalidKey):
        seal(b"short", b"", b"")
    with pytest.raises(InvalidKey):
        unseal(b"short", sealed, b"")


def test_derived_keys_differ_by_purpose() -> None:
    assert derive_key(KEY, "one") == derive_key(KEY, "one")
    assert derive_key(KEY, "one") != derive_key(KEY, "two")
    assert len(derive_key(KEY, "")) == 32
    with pytest.raises(InvalidKey):
        derive_key(b"guessable", "one")
