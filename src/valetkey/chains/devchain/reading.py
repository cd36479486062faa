"""The methods that only look: blocks, transactions, receipts, accounts, calls and fees."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from valetkey.chains.devchain.accounts import DEV_ADDRESSES
from valetkey.chains.devchain.archive import TransactionRow
from valetkey.chains.devchain.blocks import PENDING, find_block, need_block
from valetkey.chains.devchain.chain import PRIORITY_FEE_WEI, Chain
from valetkey.chains.devchain.encoding import (
    block_answer,
    data,
    log_answer,
    quantity,
    read_address,
    read_call,
    read_data,
    read_overrides,
    read_quantity,
    receipt_answer,
    transaction_answer,
)
from valetkey.chains.devchain.machine import Header, created_address
from valetkey.chains.faults import invalid_params

FEE_HISTORY_MAX = 1_024


class Reading:
    """What a node tells about its chain."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def methods(self) -> dict[str, Callable[..., Any]]:
        chain = self._chain
        return {
            "web3_clientVersion": lambda: f"valetkey-devchain/{version('valetkey')}/py-evm",
            "net_version": lambda: str(chain.chain_id),
            "net_listening": lambda: True,
            "eth_chainId": lambda: quantity(chain.chain_id),
            "eth_syncing": lambda: False,
            "eth_accounts": lambda: list(DEV_ADDRESSES),
            "eth_blockNumber": lambda: quantity(chain.head_number),
            "eth_gasPrice": lambda: quantity(chain.gas_price()),
            "eth_maxPriorityFeePerGas": lambda: quantity(PRIORITY_FEE_WEI),
            "eth_feeHistory": self.fee_history,
            "eth_getBlockByNumber": self.block,
            "eth_getBlockByHash": self.block,
            "eth_getBlockTransactionCountByNumber": self.transaction_count_of_block,
            "eth_getBlockTransactionCountByHash": self.transaction_count_of_block,
            "eth_getBlockReceipts": self.block_receipts,
            "eth_getTransactionByHash": self.transaction,
            "eth_getTransactionByBlockNumberAndIndex": self.transaction_of_block,
            "eth_getTransactionByBlockHashAndIndex": self.transaction_of_block,
            "eth_getTransactionReceipt": self.receipt,
            "eth_getTransactionCount": self.nonce,
            "eth_getBalance": self.balance,
            "eth_getCode": self.code,
            "eth_getStorageAt": self.storage,
            "eth_call": self.call,
            "eth_estimateGas": self.estimate,
        }

    # Blocks and transactions

    def block(self, which: Any, full: Any = False) -> dict[str, Any] | None:
        header = find_block(self._chain, which)
        if header is None:
            return None
        if which == PENDING:
            waiting = self._chain.pool.by_hash.values()
            listed = [transaction_answer(t, None, None) if full else data(t.hash) for t in waiting]
            return block_answer(header, listed, pending=True)
        archive = self._chain.archive
        if not full:
            return block_answer(header, [data(h) for h in archive.transaction_hashes_of(header.block_number)])
        rows = archive.transactions_of(header.block_number)
        decode = self._chain.machine.decode
        return block_answer(header, [transaction_answer(decode(row.raw), row, header) for row in rows])

    def transaction_count_of_block(self, which: Any) -> str | None:
        header = find_block(self._chain, which)
        if header is None:
            return None
        if which == PENDING:
            return quantity(len(self._chain.pool.by_hash))
        return quantity(len(self._chain.archive.transaction_hashes_of(header.block_number)))

    def block_receipts(self, which: Any) -> list[dict[str, Any]] | None:
        header = find_block(self._chain, which)
        if header is None or which == PENDING:
            return None
        rows = self._chain.archive.transactions_of(header.block_number)
        return [self._receipt(row, header) for row in rows]

    def transaction(self, transaction_hash: Any) -> dict[str, Any] | None:
        wanted = read_data(transaction_hash, "transaction hash", 32)
        waiting = self._chain.pool.by_hash.get(wanted)
        if waiting is not None:
            return transaction_answer(waiting, None, None)
        found = self._chain.transaction(wanted)
        if found is None:
            return None
        row, transaction = found
        return transaction_answer(transaction, row, self._chain.header_at(row.number))

    def transaction_of_block(self, which: Any, position: Any) -> dict[str, Any] | None:
        answer = self.block(which, True)
        index = read_quantity(position, "index")
        if answer is None or index >= len(answer["transactions"]):
            return None
        found: dict[str, Any] = answer["transactions"][index]
        return found

    def receipt(self, transaction_hash: Any) -> dict[str, Any] | None:
        row = self._chain.archive.transaction(read_data(transaction_hash, "transaction hash", 32))
        return None if row is None else self._receipt(row, self._chain.header_at(row.number))

    def _receipt(self, row: TransactionRow, header: Header) -> dict[str, Any]:
        transaction = self._chain.machine.decode(row.raw)
        logs = [
            log_answer(log, header, row.hash)
            for log in self._chain.archive.logs(row.number, row.number)
            if log.position == row.position
        ]
        created = None if transaction.to else created_address(transaction.sender, transaction.nonce)
        return receipt_answer(row, transaction, header, logs, created)

    # Accounts

    def nonce(self, address: Any, which: Any = None) -> str:
        header = need_block(self._chain, which)
        return quantity(self._chain.nonce(read_address(address), header, pending=which == PENDING))

    def balance(self, address: Any, which: Any = None) -> str:
        return quantity(self._state(which).get_balance(read_address(address)))

    def code(self, address: Any, which: Any = None) -> str:
        return data(self._state(which).get_code(read_address(address)))

    def storage(self, address: Any, slot: Any, which: Any = None) -> str:
        value = self._state(which).get_storage(read_address(address), read_quantity(slot, "slot"))
        return data(value.to_bytes(32, "big"))

    def _state(self, which: Any) -> Any:
        return self._chain.machine.state(need_block(self._chain, which))

    # Calls and fees

    def call(self, request: Any, which: Any = None, overrides: Any = None) -> str:
        change = read_overrides(overrides)
        return data(self._chain.call(need_block(self._chain, which), read_call(request), change))

    def estimate(self, request: Any, which: Any = None, overrides: Any = None) -> str:
        change = read_overrides(overrides)
        return quantity(self._chain.estimate(need_block(self._chain, which), read_call(request), change))

    def fee_history(self, count: Any, newest: Any, percentiles: Any = None) -> dict[str, Any]:
        last = self._chain.head_number if newest == PENDING else need_block(self._chain, newest).block_number
        wanted = min(read_quantity(count, "block count"), FEE_HISTORY_MAX, last + 1)
        if percentiles is not None and not isinstance(percentiles, list):
            raise invalid_params("reward percentiles must be a list")
        headers = [self._chain.header(number) for number in range(last - wanted + 1, last + 1)]
        after = self._chain.header_at(last + 1) or self._chain.pending_header()
        answer: dict[str, Any] = {
            "oldestBlock": quantity(last - wanted + 1),
            "baseFeePerGas": [quantity(header.base_fee_per_gas) for header in [*headers, after]],
            "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
        }
        if percentiles:
            answer["reward"] = [[quantity(PRIORITY_FEE_WEI) for _ in percentiles] for _ in headers]
        return answer
