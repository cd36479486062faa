"""Transactions as web3.py sends them, and the words in which the chain refuses them."""

from collections.abc import Callable
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.exceptions import Web3RPCError

from tests.fixtures_chain import ACCOUNTS, ChainRpc, RpcError
from tests.integration.devchain.programs import COUNTER, ECHO_REVERT, creation, deploy

GWEI = 10**9

Sign = Callable[..., bytes]


@pytest.fixture
def sign(web3: Web3, wallet: LocalAccount) -> Sign:
    """Sign a transfer of one wei; anything about it may be said otherwise."""

    def signed(**changes: Any) -> bytes:
        body: dict[str, Any] = {
            "to": ACCOUNTS[1],
            "value": 1,
            "gas": 21_000,
            "nonce": web3.eth.get_transaction_count(wallet.address),
            "chainId": 84532,
        }
        if "gasPrice" not in changes:
            body |= {"type": 2, "maxFeePerGas": 10 * GWEI, "maxPriorityFeePerGas": GWEI}
        return bytes(wallet.sign_transaction(body | changes).raw_transaction)

    return signed


def test_a_type_2_transaction_pays_base_fee_and_tip(web3: Web3, wallet: LocalAccount, sign: Sign) -> None:
    before, got = web3.eth.get_balance(wallet.address), web3.eth.get_balance(ACCOUNTS[1])
    sent = web3.eth.send_raw_transaction(sign(value=5))
    receipt = web3.eth.wait_for_transaction_receipt(sent)
    base_fee = web3.eth.get_block(receipt["blockNumber"])["baseFeePerGas"]
    assert receipt["status"] == 1
    assert receipt["type"] == 2
    assert receipt["effectiveGasPrice"] == base_fee + GWEI
    assert web3.eth.get_balance(wallet.address) == before - 5 - 21_000 * receipt["effectiveGasPrice"]
    assert web3.eth.get_balance(ACCOUNTS[1]) == got + 5
    assert web3.eth.get_transaction(sent)["from"] == wallet.address


@pytest.mark.parametrize("protected", [True, False])
def test_a_legacy_transaction(web3: Web3, sign: Sign, wallet: LocalAccount, protected: bool) -> None:
    raw = sign(gasPrice=3 * GWEI)
    if not protected:
        body = {"to": ACCOUNTS[1], "value": 1, "gas": 21_000, "nonce": 0, "gasPrice": 3 * GWEI}
        body["nonce"] = web3.eth.get_transaction_count(wallet.address)
        raw = bytes(wallet.sign_transaction(body).raw_transaction)
    receipt = web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(raw))
    assert (receipt["status"], receipt["type"], receipt["effectiveGasPrice"]) == (1, 0, 3 * GWEI)


def test_an_access_list_transaction(web3: Web3, sign: Sign) -> None:
    access = [{"address": ACCOUNTS[2], "storageKeys": ["0x" + "00" * 32]}]
    sent = web3.eth.send_raw_transaction(sign(gasPrice=3 * GWEI, type=1, accessList=access, gas=40_000))
    assert web3.eth.get_transaction(sent)["accessList"][0]["address"] == ACCOUNTS[2]
    assert web3.eth.get_transaction_receipt(sent)["type"] == 1


def test_the_same_bytes_again_are_already_known(web3: Web3, chain: ChainRpc, sign: Sign) -> None:
    raw = sign()
    web3.eth.send_raw_transaction(raw)
    with pytest.raises(Web3RPCError, match="already known"):
        web3.eth.send_raw_transaction(raw)
    chain("evm_setAutomine", False)
    waiting = sign()
    web3.eth.send_raw_transaction(waiting)
    with pytest.raises(Web3RPCError, match="already known"):
        web3.eth.send_raw_transaction(waiting)


def test_a_used_nonce_is_too_low(web3: Web3, sign: Sign) -> None:
    nonce = int.from_bytes(web3.eth.get_transaction_count(ACCOUNTS[5]).to_bytes(8, "big"), "big")
    web3.eth.send_raw_transaction(sign())
    with pytest.raises(Web3RPCError, match=f"nonce too low: next nonce {nonce + 1}, tx nonce {nonce}"):
        web3.eth.send_raw_transaction(sign(nonce=nonce, value=2))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": 10**30}, "insufficient funds for gas \\* price \\+ value"),
        ({"maxFeePerGas": 10**24}, "insufficient funds"),
        ({"gas": 20_999}, "intrinsic gas too low: have 20999, want 21000"),
        (
            {"data": b"\1" * 1_000, "gas": 40_000},
            "insufficient gas for floor data gas cost: have 40000, want 61000",
        ),
        ({"gas": 40_000_000}, "exceeds block gas limit"),
        ({"maxFeePerGas": 1, "maxPriorityFeePerGas": 1}, "max fee per gas less than block base fee"),
        (
            {"maxFeePerGas": 2 * GWEI, "maxPriorityFeePerGas": 3 * GWEI},
            "max priority fee per gas higher than max",
        ),
        ({"chainId": 1}, "invalid chain id"),
        ({"to": None, "data": "0x" + "00" * 50_000, "gas": 5_000_000}, "max initcode size exceeded"),
    ],
)
def test_what_can_never_run_is_refused_at_the_door(
    web3: Web3, sign: Sign, changes: dict[str, Any], words: str
) -> None:
    before = web3.eth.block_number
    with pytest.raises(Web3RPCError, match=words):
        web3.eth.send_raw_transaction(sign(**changes))
    assert web3.eth.block_number == before
    assert web3.eth.get_transaction_receipt(web3.eth.send_raw_transaction(sign()))["status"] == 1


@pytest.mark.parametrize("raw", ["0x", "0x00", "0x02", "0x02c0", "0xdeadbeef", "0x03" + "00" * 64, "0xc0"])
def test_bytes_that_are_no_transaction(chain: ChainRpc, raw: str) -> None:
    with pytest.raises(RpcError) as caught:
        chain("eth_sendRawTransaction", raw)
    assert caught.value.code == -32000


def test_another_encoding_of_the_same_transaction_is_refused(chain: ChainRpc, sign: Sign) -> None:
    raw = sign()
    with pytest.raises(RpcError):
        chain("eth_sendRawTransaction", "0x" + raw.hex() + "00")


def test_a_reverted_transaction_has_a_receipt_that_says_so(web3: Web3, sign: Sign) -> None:
    contract = deploy(web3, ECHO_REVERT)
    sent = web3.eth.send_raw_transaction(sign(to=contract, value=0, data="0x01", gas=100_000))
    receipt = web3.eth.wait_for_transaction_receipt(sent)
    assert receipt["status"] == 0
    assert receipt["logs"] == []
    assert 21_000 < receipt["gasUsed"] < 100_000


def test_a_deployment_names_its_contract(web3: Web3, sign: Sign) -> None:
    sent = web3.eth.send_raw_transaction(sign(to=None, value=0, data=creation(COUNTER), gas=200_000))
    receipt = web3.eth.wait_for_transaction_receipt(sent)
    assert receipt["to"] is None
    assert bytes(web3.eth.get_code(receipt["contractAddress"])) == COUNTER


def test_a_well_known_account_sends_without_a_signature(web3: Web3) -> None:
    contract = deploy(web3, COUNTER)
    for price in ({}, {"gasPrice": 4 * GWEI}, {"maxFeePerGas": 5 * GWEI, "maxPriorityFeePerGas": GWEI}):
        sent = web3.eth.send_transaction({"from": ACCOUNTS[3], "to": contract, **price})
        assert web3.eth.get_transaction_receipt(sent)["status"] == 1
    assert int.from_bytes(web3.eth.get_storage_at(contract, 0), "big") == 3


def test_nobody_else_does(chain: ChainRpc) -> None:
    with pytest.raises(RpcError, match="unknown account"):
        chain("eth_sendTransaction", {"from": "0x" + "11" * 20, "to": ACCOUNTS[0]})


def test_a_replacement_must_pay_a_tenth_more(web3: Web3, chain: ChainRpc, sign: Sign) -> None:
    chain("evm_setAutomine", False)
    first = web3.eth.send_raw_transaction(sign(value=1))
    with pytest.raises(Web3RPCError, match="replacement transaction underpriced"):
        web3.eth.send_raw_transaction(sign(value=2, maxFeePerGas=10 * GWEI + 1))
    second = web3.eth.send_raw_transaction(
        sign(value=3, maxFeePerGas=11 * GWEI, maxPriorityFeePerGas=2 * GWEI)
    )
    chain("evm_mine")
    assert chain("eth_getTransactionByHash", first.to_0x_hex()) is None
    assert web3.eth.get_transaction_receipt(second)["status"] == 1


def test_waiting_transactions_are_pending(
    web3: Web3, chain: ChainRpc, wallet: LocalAccount, sign: Sign
) -> None:
    chain("evm_setAutomine", False)
    nonce = web3.eth.get_transaction_count(wallet.address)
    ahead = web3.eth.send_raw_transaction(sign(nonce=nonce + 1))
    assert web3.eth.get_transaction_count(wallet.address, "pending") == nonce
    first = web3.eth.send_raw_transaction(sign(nonce=nonce))
    assert web3.eth.get_transaction_count(wallet.address, "pending") == nonce + 2
    assert web3.eth.get_transaction_count(wallet.address, "latest") == nonce
    assert web3.eth.get_transaction(first)["blockNumber"] is None
    assert chain("eth_getTransactionReceipt", first.to_0x_hex()) is None
    assert first in web3.eth.get_block("pending")["transactions"]
    chain("evm_mine")
    receipts = [web3.eth.get_transaction_receipt(sent) for sent in (first, ahead)]
    assert [receipt["transactionIndex"] for receipt in receipts] == [0, 1]
    assert receipts[1]["cumulativeGasUsed"] == 42_000
    assert web3.eth.get_transaction_count(wallet.address) == nonce + 2


def test_a_gap_waits_even_when_blocks_come_by_themselves(
    web3: Web3, wallet: LocalAccount, sign: Sign
) -> None:
    nonce, head = web3.eth.get_transaction_count(wallet.address), web3.eth.block_number
    ahead = web3.eth.send_raw_transaction(sign(nonce=nonce + 1))
    assert web3.eth.block_number == head
    web3.eth.send_raw_transaction(sign(nonce=nonce))
    assert web3.eth.get_transaction_receipt(ahead)["blockNumber"] == head + 1


def test_a_dropped_transaction_is_gone(web3: Web3, chain: ChainRpc, sign: Sign) -> None:
    chain("evm_setAutomine", False)
    sent = web3.eth.send_raw_transaction(sign()).to_0x_hex()
    assert chain("anvil_dropTransaction", sent) is True
    chain("evm_mine")
    assert chain("eth_getTransactionReceipt", sent) is None


def test_a_full_block_leaves_the_rest_for_the_next(
    web3: Web3, chain: ChainRpc, wallet: LocalAccount, sign: Sign
) -> None:
    chain("evm_setAutomine", False)
    nonce, head = web3.eth.get_transaction_count(wallet.address), web3.eth.block_number
    sent = [web3.eth.send_raw_transaction(sign(nonce=nonce + i, gas=29_990_000)) for i in range(3)]
    chain("anvil_mine", 3)
    receipts = [web3.eth.get_transaction_receipt(one) for one in sent]
    assert [receipt["status"] for receipt in receipts] == [1, 1, 1]
    assert [receipt["blockNumber"] for receipt in receipts] == [head + 1, head + 2, head + 3]
