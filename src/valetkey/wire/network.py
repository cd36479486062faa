"""JSON shape of the network that a platform serves: chain, contracts, confirmations."""

from collections.abc import Collection, Iterable

from valetkey.wire.shape import View

CHAIN_NAMES = {"base-sepolia": "baseSepolia", "base": "base"}
"""How payment instructions name the chain of each network."""


class Contracts(View, kw_only=True):
    """Addresses of the contracts on one chain, EIP-55.

    `escrow` and `score` are None where nothing is sold, `allowance`, which keeps grants, where sessions have none.
    """

    escrow: str | None = None
    score: str | None = None
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


class NetworkList(View):
    """GET /networks: what is served, the network of those who name none first."""

    networks: list[NetworkView]


def network_for(
    networks: Iterable[NetworkView], allowed_chains: Collection[int] | None
) -> NetworkView | None:
    """The network of a session: the first one that its policy allows, the first one where that names none of them.

    None when nothing is served.
    """
    first: NetworkView | None = None
    for one in networks:
        if allowed_chains is None or one.chain_id in allowed_chains:
            return one
        first = first or one
    return first
