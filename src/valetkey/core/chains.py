"""Chains by name and number. A policy and the ledger name a chain by its number, people by its name."""

from dataclasses import dataclass

from valetkey.core.errors import InvalidInput

EIP155, SOLANA_NAMESPACE = "eip155", "solana"


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain that has a name here.

    `namespace` and `reference` are its CAIP-2 id; `coin` is the currency of its fees. An EVM chain's number is its
    EIP-155 chain id. A cluster of Solana has none: its main network has the number that aggregators give it, the
    others follow.
    """

    name: str
    chain_id: int
    coin: str
    namespace: str = EIP155
    reference: str = ""

    @property
    def id(self) -> str:
        """CAIP-2."""
        return f"{self.namespace}:{self.reference or self.chain_id}"


SOLANA = 1_151_111_081_099_710
SOLANA_DEVNET = SOLANA + 1
SOLANA_TESTNET = SOLANA + 2
SOLANA_LOCAL = SOLANA + 3
"""The embedded cluster of development."""

LOCAL_GENESIS_HASH = "EmbeddedCLusterofVaLetkeyDeveLopmentonLy1111"
"""What the embedded cluster answers to getGenesisHash: 32 bytes in base58, as every cluster's. A CAIP-2 reference is
the first 32 letters of it."""

CHAINS = (
    Chain("base", 8453, "ETH"),
    Chain("baseSepolia", 84532, "ETH"),
    Chain("ethereum", 1, "ETH"),
    Chain("polygon", 137, "POL"),
    Chain("polygonAmoy", 80002, "POL"),
    Chain("solana", SOLANA, "SOL", SOLANA_NAMESPACE, "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"),
    Chain("solanaDevnet", SOLANA_DEVNET, "SOL", SOLANA_NAMESPACE, "EtWTRABZaYq6iMfeYKouRu166VU2xqa1"),
    Chain("solanaTestnet", SOLANA_TESTNET, "SOL", SOLANA_NAMESPACE, "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z"),
    Chain("solanaLocal", SOLANA_LOCAL, "SOL", SOLANA_NAMESPACE, LOCAL_GENESIS_HASH[:32]),
)
"""Everybody's chains; others come from a configuration."""

ALIASES = {"base-sepolia": "baseSepolia", "polygon-amoy": "polygonAmoy", "mainnet": "ethereum"}

_BY_ID = {one.chain_id: one for one in CHAINS}
_BY_NAME = {one.name.lower(): one for one in CHAINS}


def chain_of(chain: int | str) -> Chain:
    """A chain by its name, its number, its number in digits, or its CAIP-2 id.

    Raises InvalidInput for one that has no name here.
    """
    found: Chain | None = None
    if isinstance(chain, bool) or not isinstance(chain, (int, str)):
        raise InvalidInput("a chain is its name or its number", code="unknown_chain", field="chain_id")
    if isinstance(chain, int):
        found = _BY_ID.get(chain)
    elif chain.isascii() and chain.isdecimal() and len(chain) <= 18:
        found = _BY_ID.get(int(chain))
    elif ":" in chain:
        found = next((one for one in CHAINS if one.id == chain), None)
    else:
        found = _BY_NAME.get(ALIASES.get(chain, chain).lower())
    if found is None:
        raise InvalidInput(
            f"no chain has this name or number; known are {', '.join(one.name for one in CHAINS)}",
            code="unknown_chain",
            field="chain_id",
        )
    return found


def is_solana(chain_id: int) -> bool:
    """Whether a number is that of a cluster of Solana."""
    found = _BY_ID.get(chain_id)
    return found is not None and found.namespace == SOLANA_NAMESPACE
