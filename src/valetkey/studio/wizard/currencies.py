"""Currencies beside USDC: which a chain has, and the fields of a draft that are about each of them."""

from collections.abc import Iterable

from valetkey.core.chains import is_solana
from valetkey.core.money import CURRENCY_DECIMALS, Asset
from valetkey.core.tokens import COINS, TOKENS
from valetkey.sdk.chain_config import ChainConfig
from valetkey.wire.network import NetworkView

MAIN = "USDC"
OTHERS = tuple(one for one in CURRENCY_DECIMALS if one != MAIN)
PARTS = ("budget", "any", "each", "above", "windows")
"""Of each: its budget, whether it has none, the most for one spend, what is asked for, and limits by time."""


def fields_of(currency: str) -> tuple[str, ...]:
    """The names of a currency's fields, in the order of PARTS."""
    return tuple(f"{currency.lower()}_{part}" for part in PARTS)


FIELDS = tuple(name for one in OTHERS for name in fields_of(one))


def extra_of(network: NetworkView, entries: Iterable[ChainConfig]) -> tuple[Asset, ...]:
    """What the operator's file of chains says of tokens there."""
    return next((one.assets for one in entries if one.chain_id == network.chain_id), ())


def offered(network: NetworkView, extra: Iterable[Asset] = ()) -> dict[str, Asset]:
    """The currencies of a chain that have a token there, USDC first: the platform's own, the file's, everybody's."""
    chain = network.chain_id
    found = {MAIN: Asset(MAIN, chain, network.contracts.usdc, CURRENCY_DECIMALS[MAIN])}
    if is_solana(chain):
        return found
    known = {one.currency: one for one in (*TOKENS, *COINS, *extra) if one.chain_id == chain}
    return found | {one: known[one] for one in OTHERS if one in known}
