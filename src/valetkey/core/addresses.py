"""How addresses and assets are spelled: one form of each, in which they are stored, compared and allowed.

An EVM address is the same in any case of its letters, so it is lower-cased. An address of Solana is base58, where
another case is another address: it is never touched.
"""

import re
from collections.abc import Iterable

SOLANA_ADDRESS = "[1-9A-HJ-NP-Za-km-z]{32,44}"
"""32 bytes in base58. Its first letter is never 0, so it cannot be mistaken for hex with 0x."""

EVM_ADDRESS = "0x[0-9a-fA-F]{40}"

_SOLANA = re.compile(SOLANA_ADDRESS, re.ASCII)


def canonical_address(text: str) -> str:
    """The one spelling of an account, a token or a mint: hex in lower case, base58 as it is."""
    return text.lower() if text[:2] in ("0x", "0X") else text


def canonical_asset(text: str) -> str:
    """The one spelling of a CAIP-19 id: those of EVM chains in lower case, those of Solana as they are."""
    return text if text.startswith("solana:") else text.lower()


def canonical_addresses(found: Iterable[str] | None) -> frozenset[str] | None:
    """The spellings of several addresses; None stays None."""
    return None if found is None else frozenset(canonical_address(one) for one in found)


def canonical_assets(found: Iterable[str] | None) -> frozenset[str] | None:
    """The spellings of several CAIP-19 ids; None stays None."""
    return None if found is None else frozenset(canonical_asset(one) for one in found)


def same_address(one: str, other: str) -> bool:
    """Whether two texts name one account, as its chain tells accounts apart."""
    return canonical_address(one) == canonical_address(other)
