"""Ethereum keystore files, written by another implementation (eth_account) and by the standard's own examples."""

import json

import pytest
from eth_account import Account

from valetkey.chains.evm.keystore_file import read_key
from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey
from valetkey.ports.keystore import WrongSecret

KEY = PrivateKey.from_hex("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d")
PBKDF2 = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}
"""The test vector of the Web3 Secret Storage Definition; its password is `testpassword`."""


def test_the_definition_s_own_vector_opens() -> None:
    assert read_key(json.dumps(PBKDF2).encode(), "testpassword") == KEY
    written_otherwise = {"Crypto": PBKDF2["crypto"], "version": 3}
    assert read_key(json.dumps(written_otherwise).encode(), "testpassword") == KEY


def test_what_another_implementation_writes_opens() -> None:
    file = Account.encrypt(KEY.secret(), "päss", kdf="scrypt", iterations=2)
    assert read_key(json.dumps(file).encode(), "päss") == KEY


def test_a_wrong_passphrase_is_told_as_that() -> None:
    with pytest.raises(WrongSecret) as wrong:
        read_key(json.dumps(PBKDF2).encode(), "testpasswor")
    assert "5318" not in str(wrong.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 5_000,
        json.dumps({**PBKDF2, "version": 4}).encode(),
        json.dumps({"version": 3, "crypto": {"kdf": "plain"}}).encode(),
        json.dumps({"version": 3, "crypto": {**PBKDF2["crypto"], "kdfparams": {}}}).encode(),  # type: ignore[dict-item]
        json.dumps({"version": 3, "crypto": {**PBKDF2["crypto"], "ciphertext": 5}}).encode(),  # type: ignore[dict-item]
    ],
)
def test_what_is_no_such_file_is_invalid(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_key(content, "testpassword")
