"""An escrow as the chain holds it: who paid whom how much, and where it stands. The chain has the last word."""

from dataclasses import dataclass
from enum import IntEnum


class EscrowStatus(IntEnum):
    """The contract's own numbers."""

    NONE = 0
    FUNDED = 1
    DELIVERED = 2
    RELEASED = 3
    REFUNDED = 4
    DISPUTED = 5
    RESOLVED = 6
    ABANDONED = 7


class DisputeOutcome(IntEnum):
    """How a dispute was decided. The contract's own numbers."""

    BUYER_REFUND = 1
    SELLER_PAID = 2
    SPLIT = 3


@dataclass(frozen=True, slots=True)
class Resolution:
    """A decided dispute: `buyer_percent` of what was locked went to the buyer, the rest to the seller."""

    outcome: DisputeOutcome
    buyer_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Escrow:
    """Addresses are EIP-55, amounts base units of `token`, times unix seconds of the chain, 0 = not yet."""

    buyer: str
    seller: str
    token: str
    locked_amount: int
    platform_fee: int
    status: EscrowStatus
    created_at: int
    deadline: int
    dispute_window: int
    abandonment_grace: int
    delivered_at: int
    proof_hash: bytes
    criteria_hash: bytes

    @property
    def amount(self) -> int:
        """What the buyer paid in: the seller's part and the fee."""
        return self.locked_amount + self.platform_fee
