"""How far the events of a chain's contract were followed, so that they are told once and none is left out."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Place:
    """A block that counted as final when its events were told: number, 32-byte hash, unix seconds."""

    number: int
    hash: bytes
    timestamp: int


class FollowingStore(Protocol):
    """Where followers of every replica meet. A chain is followed by whoever is first to write the next place."""

    async def followed(self, chain_id: int, contract: str) -> Place | None:
        """The last block whose events were told; None before the first."""
        ...

    async def counts(self, subject: str, event: str) -> bool:
        """Whether this event is the one that counts for a hold or a purchase: the first that was asked about.

        A key may sign the same reference twice; what moved the second time is another payment.
        """
        ...

    async def follow(self, chain_id: int, contract: str, before: Place | None, after: Place) -> bool:
        """Go on from one place to another; False when somebody else went on meanwhile. Durable when it returns.

        `after` lies behind `before` when blocks that were final are not on the chain any more.
        """
        ...
