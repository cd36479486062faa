"""Names of chains and of what is on them."""

from collections.abc import Mapping

from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import SessionView


def title_of(network: str) -> str:
    """`base-sepolia` as Base Sepolia."""
    return " ".join(word.capitalize() for word in network.replace("_", "-").split("-"))


def chain_name(chain_id: int, networks: Mapping[int, NetworkView]) -> str:
    """The name of a chain that is served here, its number otherwise."""
    found = networks.get(chain_id)
    return title_of(found.network) if found is not None else f"chain {chain_id}"


def chains_of(view: SessionView, networks: Mapping[int, NetworkView]) -> str:
    """Where a session may spend."""
    if view.allowed_chains is None:
        return "any"
    return ", ".join(chain_name(one, networks) for one in view.allowed_chains) or "none"
