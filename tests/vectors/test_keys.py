"""keys.json: private keys, addresses and compressed public keys of the real client."""

import pytest

from tests.vectors.files import vectors
from valetkey.crypto.keys import PrivateKey, address_of, checksum_address, is_address

KEYS = vectors("keys")


@pytest.mark.parametrize("name", KEYS["wallets"])
def test_wallets_have_the_client_s_addresses(name: str) -> None:
    case = KEYS["wallets"][name]
    key = PrivateKey.from_hex(case["privateKey"], prefix=True)
    assert key.address == case["address"]
    assert address_of(key.public_key_compressed) == case["address"]
    assert checksum_address(case["address"].lower()) == case["address"]
    assert is_address(case["address"])


@pytest.mark.parametrize("name", KEYS["e2e"])
def test_e2e_keys_have_the_client_s_public_keys(name: str) -> None:
    case = KEYS["e2e"][name]
    key = PrivateKey.from_hex(case["privateKey"], prefix=False)
    assert key.public_key_compressed.hex() == case["publicKey"]
    assert key.to_hex(prefix=False) == case["privateKey"]
