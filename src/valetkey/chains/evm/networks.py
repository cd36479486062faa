"""What an EVM network is: its chain id, its node, its contracts. And the contracts that are known on public chains."""

from dataclasses import dataclass, field

BASE = 8453
BASE_SEPOLIA = 84532


@dataclass(frozen=True, slots=True)
class Network:
    """A network that is served. Addresses are EIP-55; `confirmations` count blocks, 1 is the block itself.

    `rpc_url` may hold a provider's key, so it is never shown.
    """

    name: str
    chain: str
    chain_id: int
    rpc_url: str = field(repr=False)
    escrow: str
    score: str
    usdc: str
    confirmations: int


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the contracts of one chain are, EIP-55."""

    escrow: str
    score: str
    usdc: str


KNOWN_ADDRESSES = {
    BASE_SEPOLIA: Addresses(
        escrow="0x1Aed68edafC24cc936cFabEcF88012CdF5DA0601",
        score="0x15a43BdE0F17A2163c587905e8E439ae2F1a2536",
        usdc="0x036CbD53842c5426634e7929541eC2318f3dCF7e",
    ),
    BASE: Addresses(
        escrow="0xC2C75e9F03Cb41a35655a2d8c276C34E4888c9d4",
        score="0xe38cD0a815384e52076E300c16e94eb227B4E42d",
        usdc="0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
    ),
}
"""By chain id: what the third-party client has compiled in (spec/vectors/chain.json), and Circle's USDC."""
