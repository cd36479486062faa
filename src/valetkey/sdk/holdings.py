"""What addresses hold, and what a sweep brought home."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Holdings:
    """What an address has on a chain now: USDC, and wei of the chain's coin. `wei_per_gas`: what gas costs at most."""

    usdc: Decimal
    wei: int
    wei_per_gas: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """The transactions that emptied a wallet: of its USDC, and of what was left for gas. None: there was nothing."""

    token_tx_hash: str | None
    gas_tx_hash: str | None
