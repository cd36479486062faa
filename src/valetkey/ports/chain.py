"""What the platform reads from a chain. It never writes: money moves only by keys that owners and delegates hold."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from valetkey.core.escrow import Escrow, Resolution
from valetkey.ports.following import Place
from valetkey.ports.wallet import Call


@dataclass(frozen=True, slots=True)
class Block:
    """A block's number and its time in unix seconds."""

    number: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a mined chain transaction.

    `escrows_created` are the 32-byte ids of the escrows whose creation the escrow contract itself logged in it.
    """

    tx_hash: str
    succeeded: bool
    block_number: int
    escrows_created: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Base units of a token that moved; a chain's own coin has the zero address for its token (core.money.NATIVE).

    On Solana payer and payee are the owners of the token accounts; `authority` is who signed for the move there, the
    owner or its delegate.
    """

    token: str
    payer: str
    payee: str
    units: int
    authority: str | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """What a mined chain transaction did: who sent it, in which block, and what it moved when it succeeded.

    Of the chain's own coin only what the transaction itself carries is told, not what contracts send on.
    """

    tx_hash: str
    sender: str
    succeeded: bool
    block: Block
    transfers: tuple[Transfer, ...] = ()
    signers: tuple[str, ...] = ()
    """Everybody who signed it, where these are several; on Solana the first, `sender`, paid the fee."""


@dataclass(frozen=True, slots=True)
class Log:
    """What a contract told in a block of the chain. `index` is its place in the block; hashes and topics: 32 bytes."""

    block: int
    tx_hash: str
    index: int
    topics: tuple[bytes, ...]
    data: bytes


class PaymentReader(Protocol):
    """What is read of any chain, of whatever family, to prove a payment."""

    async def final(self) -> Block: ...

    async def execution(self, tx_hash: str) -> Execution | None:
        """What a mined transaction did; None while it is pending or unknown."""
        ...


@runtime_checkable
class LapsingReader(Protocol):
    """A chain on which signed bytes can land for a while only, so that their absence is proof afterwards."""

    async def lapsed(self, payload: bytes) -> bool:
        """Whether it is proven that a stored payment moved nothing and never will. False is no proof of anything."""
        ...


class ChainReader(Protocol):
    """One network's escrow, score and token contracts, read only.

    Every method raises `ChainUnavailable` (retryable) when no node answers; none of them guesses.
    """

    async def head(self) -> Block: ...

    async def final(self) -> Block:
        """The newest block that is deep enough (`confirmations` of the network) to count as proof."""
        ...

    async def receipt(self, tx_hash: str) -> Receipt | None:
        """The receipt of a mined transaction; None while it is pending or unknown."""
        ...

    async def execution(self, tx_hash: str) -> Execution | None:
        """What a mined transaction did; None while it is pending or unknown."""
        ...

    async def escrow(self, transaction_id: str, *, at_block: int | None = None) -> Escrow | None:
        """The escrow of a marketplace transaction at a block (None = newest); None when there is none."""
        ...

    async def resolution(self, transaction_id: str, *, at_block: int | None = None) -> Resolution | None:
        """How the dispute about a transaction was decided; None when none was, or the contract does not tell."""
        ...

    def escrow_id(self, transaction_id: str) -> bytes:
        """The 32 bytes under which the contract knows a marketplace transaction."""
        ...

    async def session_key(self, transaction_id: str) -> str | None:
        """Whose key acts for the buyer of an escrow that a grant paid, EIP-55; None for one that its buyer paid."""
        ...

    async def place(self, number: int) -> Place | None:
        """A block of the chain with its hash; None when the chain is not that long."""
        ...

    async def logs(
        self, contract: str, first: int, last: int, topics: tuple[bytes | None, ...] = ()
    ) -> list[Log]:
        """What a contract told from one block to another, both included, in order; that with these topics, None any."""
        ...

    async def view(self, call: Call, *, at_block: int | None = None) -> bytes:
        """What a contract answers to a call at a block (None = newest).

        Nothing for one that refuses, and for an account without code.
        """
        ...

    async def token_allowance(self, token: str, owner: str, spender: str) -> int:
        """Base units of a token that a spender may still take."""
        ...

    async def token_balance(self, address: str) -> int:
        """Base units of the network's USDC."""
        ...

    async def native_balance(self, address: str) -> int:
        """Wei."""
        ...

    async def score(self, address: str) -> int: ...

    async def close(self) -> None: ...
