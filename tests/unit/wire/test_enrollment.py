"""Codes follow from keys, are read as people type them, and messages have one form; and boxes open for one key."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.core.errors import InvalidInput
from valetkey.crypto.boxes import is_box, open_box, seal_to
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.errors import DecryptionFailed, InvalidKey
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.sealing import seal
from valetkey.wire.enrollment import ALPHABET, KeySet, code_of, parse_code, read_enrollment, sign_enrollment

WALLET, E2E, PROOF = (PrivateKey(bytes([7]) * 32), PrivateKey(bytes([8]) * 32), SigningKey(bytes([9]) * 32))
KEYS = KeySet(WALLET.public_key_compressed, E2E.public_key_compressed, PROOF.public_key, "shopper")


def signed(keys: KeySet, wallet: PrivateKey = WALLET, proof: SigningKey = PROOF) -> tuple[str, bytes, bytes]:
    asked = sign_enrollment(keys, wallet, proof)
    return asked.message, bytes.fromhex(asked.signature[2:]), bytes.fromhex(asked.proof_signature)


def test_a_code_of_fixed_keys_never_changes() -> None:
    assert code_of("Valetkey enrolment v1\n{}") == "ADHQ-9T6C-3EYS-44GZ"
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", KEYS.code)


@pytest.mark.parametrize(
    "other",
    [
        replace(KEYS, session=E2E.public_key_compressed),
        replace(KEYS, e2e=WALLET.public_key_compressed),
        replace(KEYS, proof=bytes(32)),
        replace(KEYS, label=None),
        replace(KEYS, owner=WALLET.address),
    ],
)
def test_whatever_is_another_has_another_code(other: KeySet) -> None:
    assert other.code != KEYS.code


@given(st.text(ALPHABET, min_size=16, max_size=16), st.booleans(), st.sampled_from(["", "-", " "]))
def test_codes_are_read_as_people_type_them(letters: str, lower: bool, between: str) -> None:
    code = "-".join(letters[at : at + 4] for at in range(0, 16, 4))
    typed = code.replace("-", between).replace("0", "O").replace("1", "l")
    assert parse_code(typed.lower() if lower else typed) == code


@pytest.mark.parametrize(
    "text", ["", "0000", "U000-0000-0000-0000", "0000-0000-0000-00000", "é" * 16, "0" * 100]
)
def test_what_is_no_code_is_told_so(text: str) -> None:
    with pytest.raises(InvalidInput, match="XXXX"):
        parse_code(text)


def test_an_enrolment_is_read_when_its_own_keys_signed_it() -> None:
    for keys in (KEYS, replace(KEYS, label=None), replace(KEYS, owner=WALLET.address, label="ein Käufer ✓")):
        assert read_enrollment(*signed(keys)) == keys


@pytest.mark.parametrize(
    "keys",
    [
        replace(KEYS, e2e=KEYS.session),
        replace(KEYS, e2e=b"\x02" + bytes(32)),
        replace(KEYS, proof=PROOF.public_key[:-1]),
        replace(KEYS, session=WALLET.public_key),
        replace(KEYS, label=""),
        replace(KEYS, label="a\nb"),
        replace(KEYS, label="x" * 201),
        replace(KEYS, owner=WALLET.address.lower()),
        replace(KEYS, owner="nobody"),
    ],
)
def test_keys_that_are_none_are_refused(keys: KeySet) -> None:
    with pytest.raises(InvalidInput):
        read_enrollment(*signed(keys))


def test_signatures_of_others_are_refused() -> None:
    message, signature, proof = signed(KEYS)
    for wrong in (
        signed(KEYS, wallet=E2E),
        signed(KEYS, proof=SigningKey(bytes(32))),
        (message, bytes(65), proof),
        (message, signature, bytes(64)),
        (message, b"", b""),
    ):
        with pytest.raises(InvalidInput, match="not signed"):
            read_enrollment(*wrong)


@pytest.mark.parametrize("change", [" ", '{"x":1}', "null", "[]", "{", "[" * 10_000])
def test_only_the_one_form_is_read(change: str) -> None:
    message, signature, proof = signed(KEYS)
    title = message.partition("\n")[0]
    for text in (f"{title}\n{change}", message + change, change + message):
        with pytest.raises(InvalidInput):
            read_enrollment(text, signature, proof)


@given(st.binary(max_size=100), st.binary(max_size=20))
def test_a_box_opens_for_its_key_and_context_alone(plaintext: bytes, context: bytes) -> None:
    box = seal_to(E2E.public_key, plaintext, context)
    assert open_box(E2E, box, context) == plaintext
    assert plaintext == b"" or len(plaintext) < 4 or plaintext not in box
    for key, sealed, about in (
        (WALLET, box, context),
        (E2E, box, context + b"x"),
        (E2E, box[:-1], context),
        (E2E, box[:-1] + bytes([box[-1] ^ 1]), context),
        (E2E, box[:1] + WALLET.public_key_compressed + box[34:], context),
        (E2E, box[:1] + bytes(33) + box[34:], context),
        (E2E, b"", context),
    ):
        with pytest.raises(DecryptionFailed):
            open_box(key, sealed, about)


def test_a_box_is_told_from_a_sealed_text_and_is_for_a_key() -> None:
    assert is_box(seal_to(E2E.public_key_compressed, b"x", b""))
    assert not is_box(seal(bytes(32), b"x" * 40, b""))
    with pytest.raises(InvalidKey):
        seal_to(bytes(33), b"x", b"")
