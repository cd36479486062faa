"""Sessions as token accounts of a cluster of Solana: each has one of its own, and its key as the account's delegate.

The owner's signature opens, ends and empties them; the session's key pays. Keys and accounts are base58, amounts base
units, times unix seconds. Every method may be called again after any crash. All of them raise ChainUnavailable, and
WrongChain for a node of another cluster: nothing is signed then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from valetkey.ports.ledger import Payment
from valetkey.ports.signer import Ed25519Signer


@dataclass(frozen=True, slots=True)
class Delegation:
    """A session's account as of a slot. `is_open`: its key may still move something, `exposure` of it at most.

    units: what is in it; 0 when it is not there. `is_frozen`: whoever issued the token keeps it still, and the key may
    move it again as soon as they let go.
    """

    slot: int
    exists: bool
    units: int
    exposure: int
    is_open: bool
    is_frozen: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """That a key can move nothing, by a final block. `signature`: what did it; None when something else had before."""

    signature: str | None
    slot: int
    at: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that is in a block; `failed` is the cluster's reason when it took its fee and did nothing else."""

    is_final: bool
    failed: str | None


@dataclass(frozen=True, slots=True)
class Taken:
    """What a key moved in one final transaction. `payee` is None when it was several."""

    signature: str
    units: int
    payee: str | None


class Delegations(Protocol):
    """One owner's, about one token."""

    async def check(self) -> None:
        """Once: that cluster and token are those that were meant. Raises TokenMismatch."""
        ...

    async def check_payee(self, payee: str) -> None:
        """Raise InvalidInput for who could not spend what is paid: a token account, a program, whose key is none."""
        ...

    async def states(self, keys: Sequence[str]) -> list[Delegation]:
        """The accounts of several sessions, in this order."""
        ...

    async def home(self) -> int:
        """What the owner keeps where budgets come from."""
        ...

    async def owns(self, address: str) -> bool:
        """Whether an address has lamports or this token."""
        ...

    async def open(self, key: str, units: int) -> None:
        """Make the account with a budget in it and approve the key, in one transaction. One that is open stays.

        Raises CallReverts when the cluster refuses.
        """
        ...

    async def move(self, before: str, key: str, units: int, *, seen: int) -> bool:
        """As `open`, out of another session's account, whose key is revoked and whose account closed by it.

        What `units` takes beyond the account's comes from home; what it leaves goes home. It is one transaction: never
        can both keys move something. `seen`: what the other key could take when `units` was counted. What it took since
        is subtracted; False when nothing is left, and then nothing is done.
        """
        ...

    async def presign(self, key: str) -> bytes:
        """A revocation for anybody to submit, whenever its time has come."""
        ...

    async def end(self, key: str, presigned: bytes | None) -> Ended:
        """Let the key move nothing any more, and wait until that is final.

        By what the owner signed in advance where that still lives, otherwise by a signature of the owner's now.
        """
        ...

    async def reclaim(self, key: str) -> tuple[int, int]:
        """Bring the rest home and close the account; base units, and lamports of what was closed."""
        ...

    async def sign(self, key: Ed25519Signer, payee: str, units: int, name: str) -> Payment:
        """A payment, signed and not sent. Raises InvalidInput."""
        ...

    async def send(self, payload: bytes) -> Sent | None:
        """Hand a signed payment to the node unless it is in a block already; None while it is in none.

        Raises CallReverts when the programs refuse it; it may land nevertheless until it has lapsed.
        """
        ...

    async def landed(self, payload: bytes) -> int | None:
        """The slot of a signed payment; None while it is in none."""
        ...

    async def taken(self, key: str) -> list[Taken]:
        """Everything that a key moved in final transactions."""
        ...

    def is_transaction(self, message: bytes) -> bool:
        """Whether bytes can be read as the message of a transaction."""
        ...

    async def close(self) -> None: ...
