"""The methods that no real chain has: mining on demand, time travel, snapshots, and editing accounts.

An edit of an account is a block of its own, because state has no place but in a block.
"""

from collections.abc import Callable
from typing import Any

from valetkey.chains.devchain.chain import Chain
from valetkey.chains.devchain.encoding import quantity, read_address, read_data, read_quantity
from valetkey.chains.faults import invalid_params

MINE_MAX = 10_000
SECONDS_MAX = 10**10


class Development:
    """evm_*, and the names that anvil and Hardhat share."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def methods(self) -> dict[str, Callable[..., Any]]:
        own: dict[str, Callable[..., Any]] = {
            "evm_mine": self.mine_one,
            "evm_increaseTime": self.increase_time,
            "evm_setNextBlockTimestamp": self.set_next_timestamp,
            "evm_setAutomine": self.set_automine,
            "evm_snapshot": lambda: quantity(self._chain.snapshot()),
            "evm_revert": lambda number: self._chain.revert(read_quantity(number, "snapshot id")),
        }
        shared: dict[str, Callable[..., Any]] = {
            "mine": self.mine,
            "setBalance": self.set_balance,
            "setNonce": self.set_nonce,
            "setCode": self.set_code,
            "setStorageAt": self.set_storage,
            "dropTransaction": lambda number: self._chain.drop(read_data(number, "transaction hash", 32)),
        }
        return own | {f"{tool}_{name}": m for tool in ("anvil", "hardhat") for name, m in shared.items()}

    # Blocks and time

    def mine_one(self, timestamp: Any = None) -> str:
        if isinstance(timestamp, dict):
            timestamp = timestamp.get("timestamp")
        if timestamp is not None:
            self.set_next_timestamp(timestamp)
        self._chain.mine()
        return "0x0"

    def mine(self, blocks: Any = 1, interval: Any = None) -> None:
        count = 1 if blocks is None else read_quantity(blocks, "blocks")
        apart = 0 if interval is None else _read_seconds(interval)
        if count > MINE_MAX:
            raise invalid_params(f"at most {MINE_MAX} blocks at once")
        for index in range(count):
            if index and apart:
                self._chain.set_next_timestamp(self._chain.head.timestamp + apart)
            self._chain.mine()

    def increase_time(self, seconds: Any) -> int:
        return self._chain.increase_time(_read_seconds(seconds))

    def set_next_timestamp(self, timestamp: Any) -> None:
        self._chain.set_next_timestamp(_read_seconds(timestamp))

    def set_automine(self, on: Any) -> None:
        if not isinstance(on, bool):
            raise invalid_params("automine is true or false")
        self._chain.automine = on

    # Accounts

    def set_balance(self, address: Any, balance: Any) -> bool:
        account, wei = read_address(address), read_quantity(balance, "balance")
        self._chain.alter(lambda state: state.set_balance(account, wei))
        return True

    def set_nonce(self, address: Any, nonce: Any) -> bool:
        account, number = read_address(address), read_quantity(nonce, "nonce")
        self._chain.alter(lambda state: state.set_nonce(account, number))
        return True

    def set_code(self, address: Any, code: Any) -> bool:
        account, body = read_address(address), read_data(code, "code")
        self._chain.alter(lambda state: state.set_code(account, body))
        return True

    def set_storage(self, address: Any, slot: Any, value: Any) -> bool:
        account, place = read_address(address), read_quantity(slot, "slot")
        word = int.from_bytes(read_data(value, "value", 32), "big")
        self._chain.alter(lambda state: state.set_storage(account, place, word))
        return True


def _read_seconds(value: Any) -> int:
    seconds = read_quantity(value, "seconds")
    if seconds > SECONDS_MAX:
        raise invalid_params("too far in the future")
    return seconds
