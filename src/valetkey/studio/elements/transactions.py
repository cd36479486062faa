"""Transactions as links to where everybody can look at them, on chains that everybody knows."""

import re

from valetkey.studio.elements.html import link, paragraph, span
from valetkey.studio.words.amounts import short_address
from valetkey.wire.network import NetworkView

EXPLORERS = {8453: "https://basescan.org/tx/", 84532: "https://sepolia.basescan.org/tx/"}
_HASH = re.compile(r"(0x[0-9a-f]{64})")


def explorer_of(network: NetworkView) -> str | None:
    """Where transactions of a network are looked at; None for one that lives on this machine alone."""
    return None if network.test_mode else EXPLORERS.get(network.chain_id)


def told_with_links(text: str, network: NetworkView | None) -> None:
    """A text whose hashes of transactions are links, where there is somewhere to look."""
    explorer = None if network is None else explorer_of(network)
    with paragraph("", "told mono"):
        for part in _HASH.split(text):
            if _HASH.fullmatch(part) and explorer is not None:
                link(
                    short_address(part),
                    explorer + part,
                    target="_blank",
                    rel="noopener noreferrer",
                    title=part,
                )
            elif part:
                span(part)
