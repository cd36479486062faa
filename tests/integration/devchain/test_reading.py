"""What the chain tells: ids, blocks, receipts, and everything as it was at an earlier block."""

from typing import Any

import pytest
from web3 import Web3

from tests.fixtures_chain import ACCOUNTS, CHAIN_ID, ChainRpc, RpcError
from tests.integration.devchain.programs import (
    BOTTOMLESS,
    CALLER,
    CHAIN,
    COUNTER,
    ECHO_REVERT,
    NUMBER,
    READER,
    creation,
    deploy,
    error,
)

ETHER = 10**18


def call(chain: ChainRpc, to: str, block: Any = "latest", **more: Any) -> int:
    return int(chain("eth_call", {"to": to, **more}, block), 16)


def test_it_is_base_sepolia_by_every_method_and_inside_contracts(chain: ChainRpc, web3: Web3) -> None:
    assert chain("eth_chainId") == hex(CHAIN_ID)
    assert chain("net_version") == str(CHAIN_ID)
    assert call(chain, deploy(web3, CHAIN)) == CHAIN_ID
    assert "valetkey" in chain("web3_clientVersion")
    assert chain("eth_syncing") is False


def test_the_accounts_are_the_well_known_ones(chain: ChainRpc) -> None:
    assert chain("eth_accounts") == list(ACCOUNTS)
    for account in ACCOUNTS[1:3]:
        assert int(chain("eth_getBalance", account, "0x0"), 16) == 10_000 * ETHER


def test_blocks_hang_together(chain: ChainRpc, web3: Web3) -> None:
    deploy(web3, COUNTER)
    head = web3.eth.get_block("latest")
    parent = web3.eth.get_block(head["number"] - 1)
    assert head["parentHash"] == parent["hash"]
    assert web3.eth.get_block(head["hash"])["number"] == head["number"]
    assert head["timestamp"] >= parent["timestamp"]
    assert len(head["transactions"]) == 1
    (full,) = chain("eth_getBlockByNumber", "latest", True)["transactions"]
    assert full["hash"] == head["transactions"][0].to_0x_hex()
    for tag in ("safe", "finalized", hex(head["number"])):
        assert chain("eth_getBlockByNumber", tag, False)["hash"] == head["hash"].to_0x_hex()
    assert chain("eth_getBlockByNumber", "earliest", False)["number"] == "0x0"
    assert chain("eth_getBlockByNumber", hex(head["number"] + 1), False) is None
    assert chain("eth_getBlockByHash", "0x" + "11" * 32, False) is None
    assert chain("eth_getBlockByNumber", "pending", False)["number"] == hex(head["number"] + 1)


def test_a_block_by_its_count_index_and_receipts(chain: ChainRpc, web3: Web3) -> None:
    deploy(web3, COUNTER)
    block = chain("eth_getBlockByNumber", "latest", False)
    (tx_hash,) = block["transactions"]
    for method, which in (("ByNumber", block["number"]), ("ByHash", block["hash"])):
        assert chain(f"eth_getBlockTransactionCount{method}", which) == "0x1"
        found = chain(f"eth_getTransactionByBlock{method.replace('By', '')}AndIndex", which, "0x0")
        assert found["hash"] == tx_hash
        assert chain(f"eth_getTransactionByBlock{method.replace('By', '')}AndIndex", which, "0x1") is None
    assert [one["transactionHash"] for one in chain("eth_getBlockReceipts", block["number"])] == [tx_hash]


def test_a_receipt_has_every_field_that_clients_read(chain: ChainRpc, web3: Web3) -> None:
    counter = deploy(web3, COUNTER)
    sent = chain("eth_sendTransaction", {"from": ACCOUNTS[1], "to": counter})
    receipt = chain("eth_getTransactionReceipt", sent)
    block = chain("eth_getBlockByNumber", "latest", False)
    assert receipt["transactionHash"] == sent
    assert receipt["blockHash"] == block["hash"]
    assert receipt["blockNumber"] == block["number"]
    assert receipt["transactionIndex"] == "0x0"
    assert receipt["from"] == ACCOUNTS[1].lower()
    assert receipt["to"] == counter.lower()
    assert receipt["contractAddress"] is None
    assert receipt["status"] == "0x1"
    assert receipt["type"] == "0x2"
    assert receipt["gasUsed"] == receipt["cumulativeGasUsed"] == block["gasUsed"]
    assert int(receipt["effectiveGasPrice"], 16) > int(block["baseFeePerGas"], 16)
    assert receipt["logsBloom"] == block["logsBloom"] != "0x" + "00" * 256
    (log,) = receipt["logs"]
    assert log == chain("eth_getLogs", {"blockHash": block["hash"]})[0]
    assert (log["transactionHash"], log["logIndex"], log["removed"]) == (sent, "0x0", False)
    transaction = chain("eth_getTransactionByHash", sent)
    assert transaction["blockHash"] == block["hash"]
    assert transaction["gasPrice"] == receipt["effectiveGasPrice"]
    assert chain("eth_getTransactionByHash", "0x" + "11" * 32) is None
    assert chain("eth_getTransactionReceipt", "0x" + "11" * 32) is None


def test_the_past_can_be_asked(chain: ChainRpc, web3: Web3) -> None:
    counter = deploy(web3, COUNTER)
    start = web3.eth.block_number
    for _ in range(3):
        chain("eth_sendTransaction", {"from": ACCOUNTS[1], "to": counter, "value": "0x0"})
    for counted in range(4):
        at = hex(start + counted)
        assert int(chain("eth_getStorageAt", counter, "0x0", at), 16) == counted
    assert chain("eth_getCode", counter, hex(start - 1)) == "0x"
    assert chain("eth_getCode", counter, hex(start)) == "0x" + COUNTER.hex()
    nonces = [int(chain("eth_getTransactionCount", ACCOUNTS[1], hex(start + n)), 16) for n in range(4)]
    assert nonces == list(range(nonces[0], nonces[0] + 4))
    reader = deploy(web3, READER)
    assert call(chain, reader, {"blockNumber": "latest"}) == 0
    assert call(chain, deploy(web3, NUMBER), hex(web3.eth.block_number)) == web3.eth.block_number


def test_a_balance_as_it_was(chain: ChainRpc) -> None:
    def balance(block: Any) -> int:
        return int(chain("eth_getBalance", ACCOUNTS[8], block), 16)

    start, had = int(chain("eth_blockNumber"), 16), balance("latest")
    for _ in range(2):
        chain("eth_sendTransaction", {"from": ACCOUNTS[1], "to": ACCOUNTS[8], "value": "0x5"})
    assert [balance(hex(start + n)) for n in range(3)] == [had, had + 5, had + 10]
    block_hash = chain("eth_getBlockByNumber", hex(start + 1), False)["hash"]
    assert balance({"blockHash": block_hash}) == had + 5
    with pytest.raises(RpcError, match="header not found"):
        balance(hex(start + 3))


def test_a_call_as_anybody(chain: ChainRpc, web3: Web3) -> None:
    contract = deploy(web3, CALLER)
    stranger = "0x" + "12" * 20
    assert call(chain, contract, **{"from": stranger}) == int(stranger, 16)
    assert call(chain, contract) == 0


def test_a_call_that_reverts_says_why(chain: ChainRpc, web3: Web3) -> None:
    contract = deploy(web3, ECHO_REVERT)
    with pytest.raises(RpcError) as caught:
        call(chain, contract, data="0x" + error("not the seller").hex())
    assert (caught.value.code, caught.value.message) == (3, "execution reverted: not the seller")
    assert caught.value.data == "0x" + error("not the seller").hex()
    for method in ("eth_call", "eth_estimateGas"):
        with pytest.raises(RpcError) as caught:
            chain(method, {"to": contract, "data": "0x01020304"}, "latest")
        assert (caught.value.code, caught.value.message, caught.value.data) == (
            3,
            "execution reverted",
            "0x01020304",
        )


def test_endless_recursion_ends(chain: ChainRpc, web3: Web3) -> None:
    contract = deploy(web3, BOTTOMLESS)
    assert call(chain, contract) in (0, 1)
    assert int(chain("eth_chainId"), 16) == CHAIN_ID


def test_an_estimate_is_enough_and_little_more(chain: ChainRpc, web3: Web3) -> None:
    counter = deploy(web3, COUNTER)
    estimate = int(chain("eth_estimateGas", {"from": ACCOUNTS[1], "to": counter}), 16)
    sent = chain("eth_sendTransaction", {"from": ACCOUNTS[1], "to": counter, "gas": hex(estimate)})
    receipt = chain("eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    assert int(receipt["gasUsed"], 16) <= estimate <= int(receipt["gasUsed"], 16) * 102 // 100
    assert chain("eth_estimateGas", {"from": ACCOUNTS[1], "to": ACCOUNTS[2], "value": "0x1"}) == hex(21_000)
    with pytest.raises(RpcError, match="insufficient funds"):
        chain("eth_estimateGas", {"from": "0x" + "12" * 20, "to": ACCOUNTS[2], "value": "0x1"})


def test_too_much_creation_code_is_refused_in_calls_too(chain: ChainRpc) -> None:
    for method in ("eth_call", "eth_estimateGas"):
        with pytest.raises(RpcError, match="max initcode size exceeded") as caught:
            chain(method, {"from": ACCOUNTS[1], "data": "0x" + "00" * 50_000}, "latest")
        assert caught.value.code == -32000


def test_a_creation_can_be_tried(chain: ChainRpc) -> None:
    assert chain("eth_call", {"data": "0x" + creation(COUNTER).hex()}, "latest") == "0x" + COUNTER.hex()


def test_a_call_with_another_state(chain: ChainRpc, web3: Web3) -> None:
    reader = deploy(web3, READER)
    word = "0x" + (7).to_bytes(32, "big").hex()
    slot = "0x" + "00" * 32

    def overridden(**override: Any) -> int:
        return int(chain("eth_call", {"to": reader}, "latest", {reader: override}), 16)

    assert overridden(stateDiff={slot: word}) == 7
    assert overridden(state={slot: word}) == 7
    assert overridden(code="0x" + CHAIN.hex()) == CHAIN_ID
    assert call(chain, reader) == 0
    rich = {"0x" + "12" * 20: {"balance": hex(ETHER)}}
    moved = {"from": "0x" + "12" * 20, "to": ACCOUNTS[1], "value": "0x1"}
    assert chain("eth_call", moved, "latest", rich) == "0x"
    with pytest.raises(RpcError, match="insufficient funds"):
        chain("eth_call", moved, "latest")


def test_fees(chain: ChainRpc) -> None:
    chain("anvil_mine", 3)
    history = chain("eth_feeHistory", "0x3", "latest", [25, 75])
    assert len(history["baseFeePerGas"]) == 4
    assert len(history["gasUsedRatio"]) == 3
    assert all(len(reward) == 2 for reward in history["reward"])
    tip = int(chain("eth_maxPriorityFeePerGas"), 16)
    assert int(chain("eth_gasPrice"), 16) == int(history["baseFeePerGas"][-1], 16) + tip
