"""Calldata beyond the vectors: one selector and whole words, and values that no word can hold."""

from collections.abc import Callable

import pytest
from eth_abi import encode
from hypothesis import given
from hypothesis import strategies as st

from valetkey.chains.evm.contracts import abi
from valetkey.core.errors import InvalidAmount, InvalidInput
from valetkey.crypto.keys import keccak256
from valetkey.ports.wallet import Call
from valetkey.wire import calls
from valetkey.wire.proofs import escrow_id

ESCROW = "0x1Aed68edafC24cc936cFabEcF88012CdF5DA0601"
USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
WALLET = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
TXN = "txn_000000000000000000000000a"

CALLS: dict[str, Call] = {
    "transfer(address,uint256)": calls.transfer(USDC, WALLET, 1),
    "approve(address,uint256)": calls.approve(USDC, ESCROW, 1),
    "balanceOf(address)": calls.balance_of(USDC, WALLET),
    "allowance(address,address)": calls.allowance(USDC, WALLET, ESCROW),
    "createEscrow(bytes32,address,uint256,address,uint256,uint256,uint256,bytes32)": calls.create_escrow(
        ESCROW, TXN, seller=WALLET, units=1, token=USDC, deadline=1
    ),
    "submitDelivery(bytes32,bytes32)": calls.submit_delivery(ESCROW, TXN, bytes(32)),
    "accept(bytes32)": calls.accept(ESCROW, TXN),
    "dispute(bytes32)": calls.dispute(ESCROW, TXN),
    "claimAbandoned(bytes32)": calls.claim_abandoned(ESCROW, TXN),
    "finalizeRelease(bytes32)": calls.finalize_release(ESCROW, TXN),
    "authorizeDelivery(address,uint256)": calls.authorize_delivery(ESCROW, WALLET, 1),
    "getEscrow(bytes32)": calls.get_escrow(ESCROW, TXN),
}


def signatures() -> set[str]:
    """The functions of the shipped escrow and token."""
    return {
        f"{entry['name']}({','.join(field['type'] for field in entry['inputs'])})"
        for contract in ("Escrow", "TestUSDC")
        for entry in abi(contract)
        if entry["type"] == "function"
    }


@pytest.mark.parametrize("signature", CALLS)
def test_a_call_is_a_selector_and_a_word_for_each_argument(signature: str) -> None:
    call = CALLS[signature]
    assert signature in signatures()
    assert call.data[:4] == keccak256(signature.encode())[:4]
    assert len(call.data) == 4 + 32 * (signature.count(",") + 1)
    assert call.value == 0
    assert call.to == (USDC if signature[0:2] in {"tr", "ap", "ba", "al"} else ESCROW)


@pytest.mark.parametrize("signature", [one for one in CALLS if "(bytes32" in one])
def test_escrows_are_named_by_their_transaction(signature: str) -> None:
    assert CALLS[signature].data[4:36] == escrow_id(TXN)


def test_the_native_coin_moves_without_calldata() -> None:
    assert calls.transfer_native(WALLET.lower(), 5) == Call(WALLET, b"", 5)


@given(st.integers(0, 2**256 - 1))
def test_every_word_is_the_number(units: int) -> None:
    assert int.from_bytes(calls.approve(USDC, ESCROW, units).data[36:], "big") == units


@pytest.mark.parametrize("number", [-1, 2**256, True])
def test_numbers_that_no_word_holds(number: int) -> None:
    makers: list[Callable[[], Call]] = [
        lambda: calls.transfer_native(WALLET, number),
        lambda: calls.transfer(USDC, WALLET, number),
        lambda: calls.create_escrow(ESCROW, TXN, seller=WALLET, units=1, token=USDC, deadline=number),
        lambda: calls.authorize_delivery(ESCROW, WALLET, number),
    ]
    for make in makers:
        with pytest.raises(InvalidAmount):
            make()


@pytest.mark.parametrize("length", [0, 31, 33])
def test_hashes_of_another_length(length: int) -> None:
    with pytest.raises(InvalidAmount):
        calls.submit_delivery(ESCROW, TXN, bytes(length))


@pytest.mark.parametrize("address", ["", "0x12", WALLET[2:], WALLET + "0", "0x" + "g" * 40])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(InvalidInput):
        calls.transfer(USDC, address, 1)
    with pytest.raises(InvalidInput):
        calls.transfer(address, WALLET, 1)


ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
NUMBERS = st.integers(0, 2**256 - 1)
HASHES = st.binary(min_size=32, max_size=32)


@given(ADDRESSES, ADDRESSES, st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), HASHES)
def test_an_escrow_call_is_what_another_encoder_makes(
    seller: str, token: str, numbers: tuple[int, int, int, int], criteria: bytes
) -> None:
    units, deadline, window, grace = numbers
    call = calls.create_escrow(
        ESCROW,
        TXN,
        seller=seller,
        units=units,
        token=token,
        deadline=deadline,
        dispute_window=window,
        abandonment_grace=grace,
        criteria_hash=criteria,
    )
    types = ["bytes32", "address", "uint256", "address", "uint256", "uint256", "uint256", "bytes32"]
    words = [escrow_id(TXN), seller, units, token, deadline, window, grace, criteria]
    assert call.data[4:] == encode(types, words)


@given(ADDRESSES, NUMBERS, HASHES)
def test_short_calls_are_what_another_encoder_makes(account: str, number: int, proof: bytes) -> None:
    pair = encode(["address", "uint256"], [account, number])
    assert calls.transfer(USDC, account, number).data[4:] == pair
    assert calls.approve(USDC, account, number).data[4:] == pair
    assert calls.authorize_delivery(ESCROW, account, number).data[4:] == pair
    delivery = calls.submit_delivery(ESCROW, TXN, proof).data[4:]
    assert delivery == encode(["bytes32", "bytes32"], [escrow_id(TXN), proof])
