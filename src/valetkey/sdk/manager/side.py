"""What a manager asks of its chain: the one seam between what every chain has in common and what each is about.

There are two: GrantSide (granting.py), where a contract enforces what owners sign, and DelegationSide (delegating.py),
where the token program of Solana lets a delegate move what is in a session's own account. Whatever is called here may
be called again after any crash, by any process of the file, and goes on.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from valetkey.core.spend import SpendRequest
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import Payment, SpendRecord
from valetkey.sdk.manager.views import Receipt

Pursuit = Callable[[SpendRecord], Awaitable[None]]
"""Brings a payment that is signed a little further. Raises TransactionReverted when it came to nothing."""


class Side(Protocol):
    """The chain of a manager."""

    hold_seconds: int
    """How long a hold waits for its signature, should its process end in between."""

    async def ready(self) -> None:
        """Once: that node, token and, where there is one, contract are those that were meant.

        Raises NotConfigured, TokenMismatch, WrongChain and ChainUnavailable.
        """
        ...

    # Sessions

    async def give(self, record: SessionRecord) -> None:
        """What the owner signs for a session, so far as that costs nothing; nothing for one that has ended."""
        ...

    async def back(self, record: SessionRecord) -> None:
        """What the owner does on chain so that a session can spend. Raises InsufficientFunds."""
        ...

    async def asked(self, record: SessionRecord) -> SessionRecord:
        """Ask the chain about a session and write into the file what it does not know; the session afterwards."""
        ...

    async def hand_over(self, record: SessionRecord) -> bool:
        """End, on chain, the session whose place this one took; whether anything was left to do."""
        ...

    def sign(
        self, record: SessionRecord, message: str | bytes | None, typed_data: Mapping[str, Any] | None
    ) -> bytes:
        """A signature of a session's key that moves no money. Raises InvalidInput, OperationNotAllowed."""
        ...

    async def exposure(self, record: SessionRecord) -> int:
        """What whoever has the session's key could take now, base units, whatever the gate says."""
        ...

    async def owns(self, address: str) -> bool:
        """Whether money lies at a session key's own address."""
        ...

    # Payments

    async def look(self, record: SessionRecord, request: SpendRequest) -> SessionRecord:
        """What would make a payment come to nothing, before anything is held. Raises InsufficientFunds, GrantNeeded."""
        ...

    async def pay(self, held: SpendRecord) -> None:
        """Sign what is held, store that, and have it sent, unless another process did meanwhile."""
        ...

    async def again(self, held: SpendRecord) -> None:
        """Have what was signed sent, when nobody has yet; nothing when its time is over."""
        ...

    def pursuit(self) -> Pursuit:
        """For one wait for one payment."""
        ...

    async def receipt(self, held: SpendRecord) -> Receipt: ...

    def contracts(self) -> tuple[str, ...]:
        """What is on chain for sessions, and is nobody to pay."""
        ...

    def signed_until(self, payment: Payment) -> int | None:
        """Until when (unix seconds) a signed payment may still come into a block; None where nobody knows."""
        ...

    def outlives(self, payment: Payment) -> bool:
        """Whether a signed payment may still come into a block after the chain has ended its session."""
        ...

    # The end

    async def is_ended(self, record: SessionRecord) -> bool:
        """Whether a final block says that the session's key can move nothing."""
        ...

    async def reclaim(self, record: SessionRecord) -> tuple[int, int]:
        """Bring home what an ended session has left: base units, and lamports."""
        ...

    async def freeze(self) -> str | None: ...

    async def thaw(self) -> str | None: ...

    # What goes on by itself

    async def step(self) -> bool:
        """Bring everything a step further; False when another process is doing that now."""
        ...

    async def open(self) -> int:
        """How many transactions are under way."""
        ...

    async def ending(self) -> bool:
        """Whether some session is to be ended on chain and is not yet."""
        ...

    async def until(self, there: Callable[[], Awaitable[bool]], seconds: float) -> bool:
        """Step until it is there; False when that took too long. Raises what a node that stays away raised last."""
        ...

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Nobody steps meanwhile."""
        ...

    async def export(self, record: SessionRecord) -> bytes:
        """A session as JSON, to be sealed."""
        ...

    async def bring(self, content: bytearray) -> SessionRecord:
        """The session of what was exported; again, it is the same."""
        ...

    async def approve(self, *, at_least: int | None = None, exactly: bool = False) -> str | None:
        """Let the contract take what living sessions may spend, where there is one; the hash, None when it may.

        `exactly`: and no more than that.
        """
        ...

    async def close(self) -> None: ...
