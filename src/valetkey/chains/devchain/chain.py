"""The development chain itself: head, waiting transactions, travelled time, snapshots. One caller at a time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from valetkey.chains.devchain.accounts import DEV_ADDRESSES, GENESIS_BALANCE_WEI
from valetkey.chains.devchain.archive import CHAIN_ID, TIME_OFFSET, Archive, TransactionRow
from valetkey.chains.devchain.machine import (
    GAS_LIMIT,
    CallRequest,
    Change,
    Header,
    Machine,
    check_creation,
    floor_gas,
    max_gas_price,
)
from valetkey.chains.devchain.pool import Pool
from valetkey.chains.faults import invalid_params, refused

PRIORITY_FEE_WEI = 10**9


class WrongChain(Exception):
    """The archive belongs to a chain with another id."""


@dataclass(frozen=True)
class _Snapshot:
    number: int
    offset: int
    pool: Pool


class Chain:
    """Blocks on demand: a transaction is mined as it arrives, unless automine is off.

    `now` answers unix seconds; block time is that plus the travelled offset, never before the parent's.
    Two blocks may carry the same second, as on anvil, so that blocks never run ahead of the clock.
    """

    def __init__(self, archive: Archive, chain_id: int, now: Callable[[], int] | None = None) -> None:
        self.archive = archive
        self.chain_id = chain_id
        self.machine = Machine(archive, chain_id)
        self.automine = True
        self.pool = Pool()
        self._now = now or (lambda: int(time.time()))
        self._offset = archive.setting(TIME_OFFSET, 0)
        self._next_timestamp: int | None = None
        self._snapshots: dict[int, _Snapshot] = {}
        self._snapshot_count = 0
        if archive.head_number() is None:
            balances = {bytes.fromhex(address[2:]): GENESIS_BALANCE_WEI for address in DEV_ADDRESSES}
            self.machine.make_genesis(self._now(), balances)
        self.head_number = archive.head_number() or 0
        known_id = archive.setting(CHAIN_ID, chain_id)
        if known_id != chain_id:
            raise WrongChain(f"the folder holds a chain with id {known_id}, not {chain_id}")

    # Reading

    def header(self, number: int) -> Header:
        """The header of a block that exists."""
        header = self.machine.header(number)
        if header is None:
            raise LookupError(f"no block {number}")
        return header

    @property
    def head(self) -> Header:
        return self.header(self.head_number)

    def time(self) -> int:
        """What the next block would carry, unix seconds."""
        if self._next_timestamp is not None:
            return self._next_timestamp
        return max(int(self.head.timestamp), self._now() + self._offset)

    def header_at(self, number: int) -> Header | None:
        return self.machine.header(number) if 0 <= number <= self.head_number else None

    def header_of(self, block_hash: bytes) -> Header | None:
        return self.machine.get_block_header_by_hash(block_hash)

    def pending_header(self) -> Header:
        return self.machine.next_header(self.head, self.time()).copy(state_root=self.head.state_root)

    def nonce(self, address: bytes, header: Header, *, pending: bool) -> int:
        mined = int(self.machine.state(header).get_nonce(address))
        return self.pool.next_nonce(address, mined) if pending else mined

    def gas_price(self) -> int:
        return int(self.pending_header().base_fee_per_gas) + PRIORITY_FEE_WEI

    def call(self, header: Header, request: CallRequest, change: Change | None = None) -> bytes:
        """Calls at the head see the time that passed since its block, so that deadlines pass on an idle chain."""
        if header.block_number == self.head_number:
            header = header.copy(timestamp=self.time())
        return self.machine.call(header, request, change)

    def estimate(self, header: Header, request: CallRequest, change: Change | None = None) -> int:
        at = self.pending_header() if header.block_number >= self.head_number else header
        return self.machine.estimate(at, request, change)

    # Writing

    def send(self, raw: bytes) -> bytes:
        """Take a signed transaction and answer its hash; mined before this returns, if its turn has come."""
        transaction = self.machine.decode(raw)
        if self.archive.transaction(transaction.hash) is not None:
            raise refused("already known")
        header = self.pending_header()
        state = self.machine.state(header)
        nonce = state.get_nonce(transaction.sender)
        if transaction.nonce < nonce:
            raise refused(f"nonce too low: next nonce {nonce}, tx nonce {transaction.nonce}")
        if transaction.gas > GAS_LIMIT:
            raise refused("exceeds block gas limit")
        if transaction.gas < transaction.intrinsic_gas:
            raise refused(f"intrinsic gas too low: have {transaction.gas}, want {transaction.intrinsic_gas}")
        floor = floor_gas(transaction.data)
        if transaction.gas < floor:
            raise refused(f"insufficient gas for floor data gas cost: have {transaction.gas}, want {floor}")
        check_creation(transaction.to, transaction.data)
        if transaction.max_priority_fee_per_gas > max_gas_price(transaction):
            raise refused("max priority fee per gas higher than max fee per gas")
        if max_gas_price(transaction) < header.base_fee_per_gas:
            raise refused("max fee per gas less than block base fee")
        # As real nodes do, the whole of what it might cost must be there, not just what it will cost.
        if state.get_balance(transaction.sender) < _cost_max(transaction):
            raise refused("insufficient funds for gas * price + value")
        self.pool.add(transaction)
        if self.automine and transaction.nonce == nonce:
            try:
                dropped = self.mine()
            except BaseException:
                # What cannot even be tried must not stop every block after it.
                self.pool.remove(transaction.hash)
                raise
            if transaction.hash in dropped:
                raise refused(dropped[transaction.hash])
        return bytes(transaction.hash)

    def mine(self) -> dict[bytes, str]:
        """Make one block of every transaction whose turn has come; it may be empty.

        Answers the transactions that can never run and were dropped, by hash, with why.
        """
        state = self.machine.state(self.head)
        ready = self.pool.ready({sender: state.get_nonce(sender) for sender in self.pool.by_sender})
        timestamp = self.time()
        offset = self._offset if self._next_timestamp is None else timestamp - self._now()
        _, left = self.machine.mine(self.head, timestamp, ready, {TIME_OFFSET: offset})
        self._offset, self._next_timestamp = offset, None
        self.head_number += 1
        # What found the block full waits, and so does what follows it; what cannot run is dropped.
        waiting: set[bytes] = set()
        dropped: dict[bytes, str] = {}
        kept: set[bytes] = set()
        for transaction, why in left:
            if "exceeds gas limit" in why or transaction.sender in waiting:
                waiting.add(transaction.sender)
                kept.add(transaction.hash)
            else:
                dropped[transaction.hash] = why
        for transaction in ready:
            if transaction.hash not in kept:
                self.pool.remove(transaction.hash)
        return dropped

    def alter(self, change: Change) -> None:
        """Edit the state in a block of its own, in which no transaction runs and no time passes."""
        self.machine.mine(self.head, self.head.timestamp, [], {}, change)
        self.head_number += 1

    def drop(self, transaction_hash: bytes) -> bool:
        return self.pool.remove(transaction_hash)

    # Development

    def increase_time(self, seconds: int) -> int:
        self._offset += seconds
        self.archive.set_setting(TIME_OFFSET, self._offset)
        return self._offset

    def set_next_timestamp(self, timestamp: int) -> None:
        if timestamp < self.head.timestamp:
            raise invalid_params(f"timestamp {timestamp} is before the last block's {self.head.timestamp}")
        self._next_timestamp = timestamp

    def snapshot(self) -> int:
        self._snapshot_count += 1
        self._snapshots[self._snapshot_count] = _Snapshot(self.head_number, self._offset, self.pool.copy())
        return self._snapshot_count

    def revert(self, snapshot_id: int) -> bool:
        """Go back to a snapshot, time included; it and later ones are used up."""
        snapshot = self._snapshots.get(snapshot_id)
        if snapshot is None:
            return False
        self._snapshots = {known: kept for known, kept in self._snapshots.items() if known < snapshot_id}
        self.archive.truncate(snapshot.number, {TIME_OFFSET: snapshot.offset})
        self.machine.forget_headers()
        self.head_number = snapshot.number
        self.pool = snapshot.pool
        self._next_timestamp = None
        self._offset = snapshot.offset
        return True

    def transaction(self, transaction_hash: bytes) -> tuple[TransactionRow, Any] | None:
        """A mined transaction and what its bytes say."""
        row = self.archive.transaction(transaction_hash)
        return None if row is None else (row, self.machine.decode(row.raw))


def _cost_max(transaction: Any) -> int:
    return int(transaction.value + transaction.gas * max_gas_price(transaction))
