"""The signer whose key is in memory, against eth_account as the other implementation."""

import copy
import subprocess
import sys
import traceback
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from valetkey.chains.evm.signer import LocalSigner
from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey
from valetkey.ports.signer import Signer

KEY = PrivateKey(bytes(range(1, 33)))
SIGNER = LocalSigner(KEY)
ACCOUNT = Account.from_key(KEY.secret())

TRANSACTION: dict[str, Any] = {
    "chainId": 84532,
    "nonce": 3,
    "to": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
    "value": 5,
    "data": b"\x01\x02",
    "gas": 100_000,
    "maxFeePerGas": 2 * 10**9,
    "maxPriorityFeePerGas": 10**6,
}
TYPED: dict[str, Any] = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "chainId", "type": "uint256"}],
        "Permit": [{"name": "owner", "type": "address"}, {"name": "value", "type": "uint256"}],
    },
    "primaryType": "Permit",
    "domain": {"name": "USDC", "chainId": 84532},
    "message": {"owner": "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "value": 5},
}


def test_it_is_a_signer() -> None:
    signer: Signer = SIGNER
    assert isinstance(signer, Signer)
    assert signer.address == ACCOUNT.address


def test_messages() -> None:
    for message in (b"", b"hello", bytes(range(256)) * 10):
        signed = SIGNER.sign_message(message)
        assert signed == ACCOUNT.sign_message(encode_defunct(message)).signature
        assert Account.recover_message(encode_defunct(message), signature=signed) == SIGNER.address


@given(
    nonce=st.integers(0, 2**63),
    value=st.integers(0, 2**128),
    data=st.binary(max_size=100),
    gas=st.integers(21_000, 30_000_000),
    tip=st.integers(0, 10**12),
    create=st.booleans(),
)
def test_transactions(nonce: int, value: int, data: bytes, gas: int, tip: int, create: bool) -> None:
    body = TRANSACTION | {"nonce": nonce, "value": value, "data": data, "gas": gas}
    body |= {"maxPriorityFeePerGas": tip, "maxFeePerGas": 2 * tip + 1}
    if create:
        body["to"] = b""
    before = copy.deepcopy(body)
    raw = SIGNER.sign_transaction(body)
    assert raw == SIGNER.sign_transaction(body | {"type": 2})
    assert body == before
    assert raw == ACCOUNT.sign_transaction(body | {"type": 2}).raw_transaction
    assert raw[0] == 2
    assert Account.recover_transaction(raw) == SIGNER.address


@pytest.mark.parametrize(
    "changes",
    [
        {"chainId": None},
        {"chainId": 0},
        {"chainId": "0x1"},
        {"type": 0},
        {"type": 1},
        {"maxFeePerGas": None},
        {"gas": -1},
        {"gas": "many"},
        {"to": "0x12"},
        {"to": "0x036cBD53842c5426634e7929541eC2318f3dCF7e"},
        {"data": "zz"},
        {"value": 1.5},
        {"value": 2**256},
        {"from": "0x036CbD53842c5426634e7929541eC2318f3dCF7e"},
        {"surprise": 1},
        {"accessList": "none"},
    ],
    ids=str,
)
def test_what_is_no_such_transaction_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        SIGNER.sign_transaction(TRANSACTION | changes)
    assert KEY.to_hex(prefix=False) not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "missing", ["chainId", "nonce", "gas", "value", "maxFeePerGas", "maxPriorityFeePerGas"]
)
def test_what_says_too_little_is_refused(missing: str) -> None:
    with pytest.raises(InvalidInput):
        SIGNER.sign_transaction({name: value for name, value in TRANSACTION.items() if name != missing})


def test_a_legacy_transaction_is_refused() -> None:
    legacy = {k: v for k, v in TRANSACTION.items() if not k.startswith("max")} | {"gasPrice": 10**9}
    with pytest.raises(InvalidInput, match="maxFeePerGas"):
        SIGNER.sign_transaction(legacy)


def test_typed_data() -> None:
    before = copy.deepcopy(TYPED)
    signed = SIGNER.sign_typed_data(TYPED)
    assert before == TYPED
    assert signed == SIGNER.sign_typed_data(TYPED)
    message = encode_typed_data(full_message=TYPED)
    assert signed == ACCOUNT.sign_message(message).signature
    assert signed[64] in (27, 28)
    assert Account.recover_message(message, signature=signed) == SIGNER.address


@pytest.mark.parametrize(
    "changes",
    [
        {"types": {}},
        {"types": None},
        {"primaryType": "Nothing"},
        {"message": {}},
        {"message": {"owner": "0x12", "value": 5}},
        {"message": {"owner": "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "value": -1}},
        {"message": {"owner": "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "value": 2**256}},
        {"message": {"owner": "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "value": "five"}},
        {"domain": 7},
    ],
    ids=str,
)
def test_what_is_no_typed_data_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        SIGNER.sign_typed_data(TYPED | changes)


def test_it_shows_only_its_address() -> None:
    for shown in (repr(SIGNER), str(SIGNER), f"{SIGNER}"):
        assert shown == f"<LocalSigner {KEY.address}>"


def test_imports_are_late_and_leave_the_recursion_limit() -> None:
    """A new interpreter: this one has loaded everything."""
    code = (
        "import sys\n"
        "from valetkey.chains.evm import deploy, reader, signer\n"
        "from valetkey.crypto.keys import PrivateKey\n"
        "heavy = {'web3', 'eth_account', 'eth_abi', 'aiohttp', 'py_ecc'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "before = sys.getrecursionlimit()\n"
        "one = signer.LocalSigner(PrivateKey(bytes(31) + b'\\1'))\n"
        "one.sign_transaction(dict(chainId=1, nonce=0, gas=21000, to=b'', value=0, data=b'',"
        " maxFeePerGas=1, maxPriorityFeePerGas=1))\n"
        "assert 'py_ecc' in sys.modules\n"
        "assert sys.getrecursionlimit() == before\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
