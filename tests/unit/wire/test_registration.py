"""Registration proves a wallet, lately, or says why not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.crypto.errors import InvalidAddress
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.signatures import sign_message
from valetkey.wire.registration import (
    RegistrationCode,
    RegistrationError,
    build_message,
    sign_registration,
    verify_registration,
)

KEY = PrivateKey((5).to_bytes(32))
OTHER = PrivateKey((6).to_bytes(32))
NOW = 1_772_323_200
MESSAGE, SIGNATURE = sign_registration(KEY, NOW)


def refused(
    wallet: str = KEY.address, message: str = MESSAGE, signature: str = SIGNATURE, now: int = NOW
) -> str:
    with pytest.raises(RegistrationError) as caught:
        verify_registration(wallet, message, signature, now)
    return caught.value.code


@given(st.integers(min_value=1, max_value=2**200), st.integers(min_value=0, max_value=10**12))
def test_whoever_signs_is_proven(scalar: int, timestamp: int) -> None:
    key = PrivateKey(scalar.to_bytes(32))
    message, signature = sign_registration(key, timestamp)
    proven = verify_registration(key.address.lower(), message, signature, timestamp)
    assert (proven.address, proven.public_key, proven.timestamp) == (
        key.address,
        key.public_key_compressed,
        timestamp,
    )


@pytest.mark.parametrize("age", [-300, -1, 0, 299, 300])
def test_the_tolerance_is_inclusive_both_ways(age: int) -> None:
    assert verify_registration(KEY.address, MESSAGE, SIGNATURE, NOW + age).timestamp == NOW


@pytest.mark.parametrize("age", [-301, 301, 10**9])
def test_stale_and_future_messages_are_refused(age: int) -> None:
    assert refused(now=NOW + age) == RegistrationCode.STALE


@pytest.mark.parametrize(
    "message",
    [
        "", MESSAGE + "\n", " " + MESSAGE, MESSAGE.replace("\n", "\r\n"), MESSAGE.replace("Wallet: ", "Wallet:"),
        MESSAGE.replace(str(NOW), "0" + str(NOW)), MESSAGE.replace(str(NOW), str(NOW) + ".5"),
        MESSAGE.replace(str(NOW), "-1"), MESSAGE.replace(str(NOW), "9" * 16), MESSAGE.replace(str(NOW), "١"),
        MESSAGE.replace("Register", "register"),
    ],
)  # fmt: skip
def test_other_messages_prove_nothing(message: str) -> None:
    assert refused(message=message) == RegistrationCode.MALFORMED


@pytest.mark.parametrize(
    "signature",
    ["", "0x", SIGNATURE[2:], SIGNATURE + "00", SIGNATURE[:-1], SIGNATURE[:-1] + "g", SIGNATURE + "\n"],
)
def test_malformed_signatures_prove_nothing(signature: str) -> None:
    assert refused(signature=signature) == RegistrationCode.MALFORMED


def test_another_s_wallet_is_not_proven() -> None:
    assert refused(wallet=OTHER.address) == RegistrationCode.WRONG_SIGNER
    theirs = sign_registration(OTHER, NOW)
    assert refused(signature=theirs[1]) == RegistrationCode.WRONG_SIGNER
    other_text = "0x" + sign_message(KEY, b"something else").hex()
    assert refused(signature=other_text) == RegistrationCode.WRONG_SIGNER
    assert refused(signature="0x" + "00" * 65) == RegistrationCode.WRONG_SIGNER


def test_wrong_checksums_are_refused() -> None:
    wrong = KEY.address[:-1] + KEY.address[-1].swapcase() if KEY.address[-1].isalpha() else None
    wrong = wrong or "0x" + KEY.address[2:].swapcase()
    assert refused(wallet=wrong) == RegistrationCode.MALFORMED
    assert refused(wallet="0x12") == RegistrationCode.MALFORMED


def test_messages_are_built_for_addresses_only() -> None:
    assert build_message(KEY.address.lower(), NOW) == MESSAGE
    with pytest.raises(InvalidAddress):
        build_message("0x12", NOW)
