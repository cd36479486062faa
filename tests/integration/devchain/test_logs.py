"""Logs by address, topic and block, and the filters that clients poll."""

from typing import Any

import pytest
from web3 import Web3

from tests.fixtures_chain import ACCOUNTS, ChainRpc, RpcError
from tests.integration.devchain.programs import COUNTED, COUNTER, deploy

TOPIC = "0x" + COUNTED.hex()
NEVER = "0x" + "ee" * 32


def padded(account: str) -> str:
    return "0x" + account[2:].lower().rjust(64, "0")


@pytest.fixture
def counter(web3: Web3) -> str:
    return deploy(web3, COUNTER)


def count(chain: ChainRpc, counter: str, *accounts: int) -> None:
    for account in accounts:
        chain("eth_sendTransaction", {"from": ACCOUNTS[account], "to": counter})


def found(chain: ChainRpc, **query: Any) -> list[int]:
    """What the logs counted."""
    return [int(log["data"], 16) for log in chain("eth_getLogs", query)]


def test_logs_by_block(chain: ChainRpc, web3: Web3, counter: str) -> None:
    start = web3.eth.block_number
    count(chain, counter, 1, 2, 3)
    assert found(chain, address=counter, fromBlock=hex(start + 1), toBlock="latest") == [1, 2, 3]
    assert found(chain, address=counter, fromBlock=hex(start + 2), toBlock=hex(start + 2)) == [2]
    # Without a range it is the newest block alone.
    assert found(chain, address=counter) == [3]
    assert found(chain, address=counter, fromBlock="earliest") == [1, 2, 3]
    block = web3.eth.get_block(start + 1)["hash"].to_0x_hex()
    assert found(chain, address=counter, blockHash=block) == [1]
    with pytest.raises(RpcError, match="unknown block"):
        found(chain, blockHash=NEVER)
    with pytest.raises(RpcError, match="cannot specify both"):
        found(chain, blockHash=block, fromBlock="0x1")
    with pytest.raises(RpcError, match="invalid block range"):
        found(chain, fromBlock=hex(start + 2), toBlock=hex(start + 1))


def test_logs_by_what_they_say(chain: ChainRpc, web3: Web3, counter: str) -> None:
    other = deploy(web3, COUNTER)
    count(chain, counter, 1, 2)
    count(chain, other, 1)
    everything = {"fromBlock": "earliest"}
    mine = {"address": counter, **everything}
    assert found(chain, **mine, topics=[TOPIC]) == [1, 2]
    assert found(chain, **mine, topics=[]) == [1, 2]
    assert found(chain, **mine, topics=[None, padded(ACCOUNTS[2])]) == [2]
    assert found(chain, **mine, topics=[TOPIC, [padded(ACCOUNTS[2]), padded(ACCOUNTS[1])]]) == [1, 2]
    assert found(chain, **mine, topics=[[NEVER, TOPIC], padded(ACCOUNTS[1])]) == [1]
    assert found(chain, **mine, topics=[NEVER]) == []
    # A log with fewer topics than were asked for does not match.
    assert found(chain, **mine, topics=[TOPIC, None, None]) == []
    both = [counter, other]
    assert found(chain, address=both, **everything, topics=[TOPIC, padded(ACCOUNTS[1])]) == [1, 1]


@pytest.mark.parametrize(
    "query",
    [
        "0x",
        {"address": "0x12"},
        {"topics": ["0x12"]},
        {"topics": [TOPIC] * 5},
        {"topics": "all"},
        {"fromBlock": "soon"},
        {"fromBlock": []},
    ],
)
def test_a_query_that_is_none(chain: ChainRpc, query: Any) -> None:
    with pytest.raises(RpcError) as caught:
        chain("eth_getLogs", query)
    assert caught.value.code == -32602


def test_a_filter_tells_what_is_new(chain: ChainRpc, counter: str) -> None:
    count(chain, counter, 1)
    number = chain("eth_newFilter", {"address": counter, "topics": [TOPIC]})
    assert chain("eth_getFilterChanges", number) == []
    count(chain, counter, 2, 3)
    assert [int(log["data"], 16) for log in chain("eth_getFilterChanges", number)] == [2, 3]
    assert chain("eth_getFilterChanges", number) == []
    count(chain, counter, 2)
    assert [int(log["data"], 16) for log in chain("eth_getFilterLogs", number)] == [4]
    assert chain("eth_uninstallFilter", number) is True
    assert chain("eth_uninstallFilter", number) is False
    with pytest.raises(RpcError, match="filter not found"):
        chain("eth_getFilterChanges", number)


def test_a_filter_with_a_range(chain: ChainRpc, web3: Web3, counter: str) -> None:
    start = web3.eth.block_number
    count(chain, counter, 1, 2, 3)
    query = {"address": counter, "fromBlock": hex(start + 1), "toBlock": hex(start + 2)}
    number = chain("eth_newFilter", query)
    assert [int(log["data"], 16) for log in chain("eth_getFilterChanges", number)] == [1, 2]
    assert chain("eth_getFilterChanges", number) == []
    assert [int(log["data"], 16) for log in chain("eth_getFilterLogs", number)] == [1, 2]


def test_a_filter_of_blocks(chain: ChainRpc) -> None:
    number = chain("eth_newBlockFilter")
    chain("anvil_mine", 2)
    hashes = chain("eth_getFilterChanges", number)
    assert hashes == [
        chain("eth_getBlockByNumber", hex(int(chain("eth_blockNumber"), 16) - back), False)["hash"]
        for back in (1, 0)
    ]
    with pytest.raises(RpcError, match="filter not found"):
        chain("eth_getFilterLogs", number)


def test_a_filter_survives_a_return_to_a_snapshot(chain: ChainRpc, counter: str) -> None:
    number = chain("eth_newFilter", {"address": counter})
    before = chain("evm_snapshot")
    count(chain, counter, 1, 2)
    assert len(chain("eth_getFilterChanges", number)) == 2
    chain("evm_revert", before)
    assert chain("eth_getFilterChanges", number) == []
    count(chain, counter, 3)
    assert [int(log["data"], 16) for log in chain("eth_getFilterChanges", number)] == [1]
