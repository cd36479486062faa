"""Transactions that wait for a block: one per sender and nonce, in the order they may run."""

from dataclasses import dataclass, field
from typing import Any

from valetkey.chains.devchain.machine import max_gas_price
from valetkey.chains.faults import refused

PENDING_MAX = 4096
REPLACEMENT_BUMP_PERCENT = 10


@dataclass
class Pool:
    """Waiting transactions by sender and nonce. A nonce ahead of its turn waits until the gap is filled."""

    by_sender: dict[bytes, dict[int, Any]] = field(default_factory=dict)
    by_hash: dict[bytes, Any] = field(default_factory=dict)

    def copy(self) -> "Pool":
        return Pool({sender: dict(queue) for sender, queue in self.by_sender.items()}, dict(self.by_hash))

    def add(self, transaction: Any) -> None:
        """Keep a valid transaction; it replaces one of the same nonce only when it pays 10 % more."""
        if transaction.hash in self.by_hash:
            raise refused("already known")
        queue = self.by_sender.setdefault(transaction.sender, {})
        old = queue.get(transaction.nonce)
        if old is not None:
            if max_gas_price(transaction) * 100 < max_gas_price(old) * (100 + REPLACEMENT_BUMP_PERCENT):
                raise refused("replacement transaction underpriced")
            del self.by_hash[old.hash]
        elif len(self.by_hash) >= PENDING_MAX:
            raise refused("txpool is full")
        queue[transaction.nonce] = transaction
        self.by_hash[transaction.hash] = transaction

    def remove(self, transaction_hash: bytes) -> bool:
        transaction = self.by_hash.pop(transaction_hash, None)
        if transaction is None:
            return False
        queue = self.by_sender[transaction.sender]
        queue.pop(transaction.nonce, None)
        if not queue:
            del self.by_sender[transaction.sender]
        return True

    def next_nonce(self, sender: bytes, nonce: int) -> int:
        """The nonce after every transaction of the sender that can run, starting at the state's nonce."""
        queue = self.by_sender.get(sender, {})
        while nonce in queue:
            nonce += 1
        return nonce

    def ready(self, nonces: dict[bytes, int]) -> list[Any]:
        """What can run now, given each sender's nonce in the state; arrival order between senders."""
        place = {transaction_hash: index for index, transaction_hash in enumerate(self.by_hash)}
        queues = []
        for sender, queue in self.by_sender.items():
            nonce = nonces[sender]
            run = []
            while nonce in queue:
                run.append(queue[nonce])
                nonce += 1
            queues.append(run)
        queues.sort(key=lambda run: place[run[0].hash] if run else 0)
        return [transaction for run in queues for transaction in run]
