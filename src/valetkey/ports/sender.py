"""An account of the platform that sends transactions on one chain: the relayer's, or the resolver's."""

from dataclasses import dataclass
from typing import Protocol

from valetkey.ports.wallet import Call, SignedTransaction


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that is in a block: whether it succeeded, where, and the wei that it took for gas."""

    tx_hash: str
    succeeded: bool
    block: int
    cost: int


class ChainSender(Protocol):
    """Every method raises ChainUnavailable (retryable) when no node answers, and none quotes its URL."""

    @property
    def address(self) -> str:
        """EIP-55."""
        ...

    async def estimate(self, call: Call) -> int:
        """Gas that a call takes now. Raises CallReverts with the contract's reason when it would be refused.

        Raises NotAccepted when the node answers that it could not try it, and no reason of the contract.
        """
        ...

    async def fees(self) -> tuple[int, int]:
        """Wei per gas: the most that is offered now, and what of it goes to the block's maker."""
        ...

    async def nonce(self) -> int:
        """How many transactions of the account are in blocks."""
        ...

    async def sign(self, call: Call, *, nonce: int, gas: int, fee: int, tip: int) -> SignedTransaction:
        """Sign a call; nothing is sent."""
        ...

    async def send(self, signed: bytes) -> None:
        """Send signed bytes; sending them again is harmless. Raises NotAccepted when the node does not take them."""
        ...

    async def sent(self, tx_hash: str) -> Sent | None:
        """What became of a transaction; None while it is in no block of the chain."""
        ...

    async def close(self) -> None: ...
