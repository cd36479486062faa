"""JSON shape of the network that a platform serves: chain, contracts, confirmations."""

from valetkey.wire.shape import View

CHAIN_NAMES = {"base-sepolia": "baseSepolia", "base": "base"}
"""How payment instructions name the chain of each network."""


class Contracts(View):
    """Addresses of the contracts on one chain, EIP-55. `allowance` keeps grants; None where sessions have none."""

    escrow: str
    score: str
    usdc: str
    allowance: str | None = None


class NetworkView(View):
    """GET /network. `rpc_url` is None when clients bring their own node; `confirmations` count blocks.

    `relayer`: the account that sends what sessions with grants sign, None where they pay the gas themselves.
    """

    network: str
    chain: str
    chain_id: int
    rpc_url: str | None
    contracts: Contracts
    confirmations: int
    test_mode: bool
    relayer: str | None = None
