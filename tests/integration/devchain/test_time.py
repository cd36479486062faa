"""Time travel, mining on demand, snapshots, and accounts that are edited."""

import time
from typing import Any

import pytest
from web3 import Web3

from tests.fixtures_chain import ACCOUNTS, ChainRpc, RpcError
from tests.integration.devchain.programs import CLOCK, COUNTER, READER, deploy

DAY = 86_400


def head(chain: ChainRpc) -> dict[str, Any]:
    found: dict[str, Any] = chain("eth_getBlockByNumber", "latest", False)
    return found


def stamp(chain: ChainRpc) -> int:
    return int(head(chain)["timestamp"], 16)


def number(chain: ChainRpc) -> int:
    return int(chain("eth_blockNumber"), 16)


def near(seconds: int, wanted: int) -> bool:
    """The clock of the machine goes on while a test runs."""
    return wanted <= seconds <= wanted + 20


def test_time_passes_as_it_is_told(chain: ChainRpc) -> None:
    chain("evm_mine")
    before = stamp(chain)
    chain("evm_increaseTime", DAY)
    assert stamp(chain) == before
    chain("evm_mine")
    assert near(stamp(chain), before + DAY)
    # And it stays passed.
    chain("evm_mine")
    assert near(stamp(chain), before + DAY)
    chain("evm_increaseTime", hex(DAY))
    chain("evm_mine")
    assert near(stamp(chain), before + 2 * DAY)


def test_calls_on_an_idle_chain_see_the_time(chain: ChainRpc, web3: Web3) -> None:
    clock = deploy(web3, CLOCK)

    def told(block: Any = "latest") -> int:
        return int(chain("eth_call", {"to": clock}, block), 16)

    before = told()
    chain("evm_increaseTime", DAY)
    assert near(told(), before + DAY)
    assert near(told("pending"), before + DAY)
    then = head(chain)
    chain("evm_mine")
    assert told(then["number"]) == int(then["timestamp"], 16)


def test_the_next_block_has_the_time_that_was_set(chain: ChainRpc) -> None:
    wanted = stamp(chain) + 5 * DAY
    chain("evm_setNextBlockTimestamp", wanted)
    chain("evm_mine")
    assert stamp(chain) == wanted
    # The clock goes on from there.
    chain("evm_mine")
    assert near(stamp(chain), wanted)
    chain("evm_mine", wanted + DAY)
    assert stamp(chain) == wanted + DAY
    chain("evm_mine", {"timestamp": hex(wanted + 2 * DAY)})
    assert stamp(chain) == wanted + 2 * DAY
    with pytest.raises(RpcError, match="before the last block"):
        chain("evm_setNextBlockTimestamp", wanted)


@pytest.mark.parametrize("method", ["evm_increaseTime", "evm_setNextBlockTimestamp", "evm_mine"])
@pytest.mark.parametrize("seconds", [-1, "soon", True, 10**12, "0xzz", 1.5])
def test_a_time_that_is_none(chain: ChainRpc, method: str, seconds: Any) -> None:
    with pytest.raises(RpcError) as caught:
        chain(method, seconds)
    assert caught.value.code == -32602


def test_many_blocks_at_once(chain: ChainRpc) -> None:
    start = number(chain)
    chain("anvil_mine", 5)
    chain("hardhat_mine", hex(3), hex(60))
    assert number(chain) == start + 8
    times = [int(chain("eth_getBlockByNumber", hex(start + n), False)["timestamp"], 16) for n in (6, 7, 8)]
    assert [times[1] - times[0], times[2] - times[1]] == [60, 60]
    with pytest.raises(RpcError, match="at most"):
        chain("anvil_mine", 10**9)


def test_blocks_never_go_back_in_time(chain: ChainRpc) -> None:
    times = []
    for _ in range(5):
        chain("evm_mine")
        times.append(stamp(chain))
    assert times == sorted(times)
    assert times[-1] <= time.time() + DAY * 365


def test_a_snapshot_brings_everything_back(chain: ChainRpc, web3: Web3) -> None:
    counter = deploy(web3, COUNTER)
    chain("eth_sendTransaction", {"from": ACCOUNTS[1], "to": counter})
    before, at, balance = number(chain), stamp(chain), web3.eth.get_balance(ACCOUNTS[1])
    snapshot = chain("evm_snapshot")
    chain("evm_increaseTime", DAY)
    sent = chain("eth_sendTransaction", {"from": ACCOUNTS[1], "to": counter})
    chain("anvil_setBalance", ACCOUNTS[1], "0x1")
    assert chain("evm_revert", snapshot) is True
    assert number(chain) == before
    assert web3.eth.get_balance(ACCOUNTS[1]) == balance
    assert int(chain("eth_getStorageAt", counter, "0x0", "latest"), 16) == 1
    assert chain("eth_getTransactionReceipt", sent) is None
    assert chain("eth_getTransactionByHash", sent) is None
    assert chain("eth_getBlockByNumber", hex(before + 1), False) is None
    chain("evm_mine")
    assert near(stamp(chain), at)
    # The same transaction may run again, and another block takes its place.
    chain("eth_sendTransaction", {"from": ACCOUNTS[1], "to": counter})
    assert int(chain("eth_getStorageAt", counter, "0x0", "latest"), 16) == 2


def test_a_snapshot_is_used_once_and_ends_later_ones(chain: ChainRpc) -> None:
    first, second = chain("evm_snapshot"), chain("evm_snapshot")
    assert chain("evm_revert", first) is True
    assert chain("evm_revert", first) is False
    assert chain("evm_revert", second) is False
    assert chain("evm_revert", "0xfff") is False


def test_a_snapshot_keeps_what_waits(chain: ChainRpc) -> None:
    chain("evm_setAutomine", False)
    sent = chain("eth_sendTransaction", {"from": ACCOUNTS[1], "to": ACCOUNTS[2], "value": "0x1"})
    snapshot = chain("evm_snapshot")
    chain("evm_mine")
    assert chain("eth_getTransactionReceipt", sent) is not None
    chain("evm_revert", snapshot)
    assert chain("eth_getTransactionReceipt", sent) is None
    assert chain("eth_getTransactionByHash", sent)["blockNumber"] is None
    chain("evm_mine")
    assert chain("eth_getTransactionReceipt", sent)["status"] == "0x1"


def test_without_automine_nothing_moves(chain: ChainRpc) -> None:
    chain("evm_setAutomine", False)
    start, nonce = number(chain), int(chain("eth_getTransactionCount", ACCOUNTS[1], "latest"), 16)
    for _ in range(3):
        chain("eth_sendTransaction", {"from": ACCOUNTS[1], "to": ACCOUNTS[2], "value": "0x1"})
    assert number(chain) == start
    assert int(chain("eth_getTransactionCount", ACCOUNTS[1], "latest"), 16) == nonce
    assert int(chain("eth_getTransactionCount", ACCOUNTS[1], "pending"), 16) == nonce + 3
    chain("evm_mine")
    assert number(chain) == start + 1
    assert chain("eth_getBlockTransactionCountByNumber", "latest") == "0x3"
    assert int(chain("eth_getTransactionCount", ACCOUNTS[1], "latest"), 16) == nonce + 3
    with pytest.raises(RpcError, match="true or false"):
        chain("evm_setAutomine", "yes")


@pytest.mark.parametrize("tool", ["anvil", "hardhat"])
def test_accounts_can_be_edited(chain: ChainRpc, tool: str) -> None:
    stranger = "0x" + "34" * 20
    assert chain("eth_getCode", stranger, "latest") == "0x"
    chain(f"{tool}_setBalance", stranger, hex(5))
    chain(f"{tool}_setNonce", stranger, hex(9))
    chain(f"{tool}_setCode", stranger, "0x" + READER.hex())
    chain(f"{tool}_setStorageAt", stranger, "0x0", "0x" + (7).to_bytes(32, "big").hex())
    assert chain("eth_getBalance", stranger, "latest") == "0x5"
    assert chain("eth_getTransactionCount", stranger, "latest") == "0x9"
    assert int(chain("eth_call", {"to": stranger}, "latest"), 16) == 7
    assert int(chain("eth_getStorageAt", stranger, "0x0", "latest"), 16) == 7
    assert chain("eth_getBalance", stranger, "0x0") == "0x0"
    chain(f"{tool}_setCode", stranger, "0x")
    assert chain("eth_getCode", stranger, "latest") == "0x"


def test_an_edit_takes_no_time_and_runs_nothing(chain: ChainRpc) -> None:
    chain("evm_mine")
    chain("evm_setAutomine", False)
    sent = chain("eth_sendTransaction", {"from": ACCOUNTS[1], "to": ACCOUNTS[2], "value": "0x1"})
    before = stamp(chain)
    chain("evm_increaseTime", DAY)
    chain("anvil_setBalance", "0x" + "34" * 20, "0x5")
    assert stamp(chain) == before
    assert chain("eth_getTransactionReceipt", sent) is None
    chain("evm_mine")
    assert near(stamp(chain), before + DAY)
    assert chain("eth_getTransactionReceipt", sent)["status"] == "0x1"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("anvil_setBalance", ["0x12", "0x1"]),
        ("anvil_setBalance", [ACCOUNTS[0], "lots"]),
        ("anvil_setCode", [ACCOUNTS[0], "code"]),
        ("anvil_setCode", [ACCOUNTS[0]]),
        ("anvil_setStorageAt", [ACCOUNTS[0], "0x0", "0x1"]),
        ("anvil_setNonce", [ACCOUNTS[0], -1]),
        ("evm_revert", []),
        ("anvil_dropTransaction", ["0x1"]),
    ],
)
def test_an_edit_that_is_none(chain: ChainRpc, method: str, params: list[Any]) -> None:
    before = number(chain)
    with pytest.raises(RpcError) as caught:
        chain(method, *params)
    assert caught.value.code == -32602
    assert number(chain) == before
