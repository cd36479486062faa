"""What a desk on Solana tells of a payment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment in a block that most of the cluster voted for: its signature, its slot, its fee in lamports."""

    signature: str
    slot: int
    fee_lamports: int
