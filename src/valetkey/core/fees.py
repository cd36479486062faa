"""The marketplace fee: 2 % on top of the price at checkout, split off again inside the escrow."""

FEE_BPS = 200
"""2 %, in basis points of the subtotal. The contract's PLATFORM_FEE_BPS."""


def platform_fee(subtotal: int) -> int:
    """The fee of a subtotal, in base units: floor(subtotal / 50)."""
    return subtotal * FEE_BPS // 10_000


def escrow_split(amount: int) -> tuple[int, int]:
    """What an escrow of `amount` base units keeps for the seller, and the fee inside it.

    The inverse of checkout: for every subtotal, escrow_split(subtotal + platform_fee(subtotal))
    gives the subtotal back.
    """
    fee = amount * FEE_BPS // (10_000 + FEE_BPS)
    return amount - fee, fee
