"""Which asset a spend is of: what a session says of currency, chain and token has to be so."""

from functools import lru_cache

from valetkey.core.chains import is_solana
from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, NATIVE, Asset
from valetkey.core.tokens import COINS, TokenMismatch, token_of
from valetkey.crypto.base58 import is_solana_address
from valetkey.crypto.keys import checksum_address, is_address
from valetkey.platform.context import Cluster, Platform
from valetkey.ports.accounts import SessionRecord
from valetkey.wire.spends import SpendBody

SOL = "SOL"

ASSETS_CACHED = 256
"""Assets that are kept ready: agents spend few, again and again."""


async def asset_of(platform: Platform, record: SessionRecord, asked: SpendBody) -> Asset:
    """The asset that a session asks to spend; on its own network when it names no chain.

    A token other than the network's own is looked up on its chain, where that is served: amounts of it count in the
    decimals of its currency. Raises InvalidInput with the codes `invalid_address`, `unknown_token` and
    `token_mismatch`, and ChainUnavailable.
    """
    own = platform.network_of_session(record.session.policy)
    chain_id = own.asset.chain_id if asked.chain_id is None else asked.chain_id
    on_solana = is_solana(chain_id)
    for address, name in ((asked.token, "token"), (asked.payee, "payee")):
        if address is not None:
            _check_address(address, name, on_solana=on_solana)
    if on_solana:
        return _of_solana(chain_id, asked, platform.cluster_of_chain(chain_id))
    if asked.token is None and asked.chain_id is None and asked.currency == own.asset.currency:
        return own.asset
    network = platform.network_of_chain(chain_id)
    known = () if network is None else (network.asset, network.coin)
    found = _of_symbol if asked.token is None else _of_address
    asset = found(chain_id, asked, known)
    if network is None or asset == network.asset:
        return asset
    return await platform.tokens.checked(asset, network.reader)


def _of_solana(chain_id: int, asked: SpendBody, cluster: Cluster | None) -> Asset:
    """A mint, or the coin. On a cluster that is not served whoever pays checks the mint's decimals."""
    if cluster is not None:
        if (asked.currency, asked.token or cluster.asset.address) == ("USDC", cluster.asset.address):
            return cluster.asset
        if asked.currency == SOL and asked.token is None:
            return cluster.coin
        raise InvalidInput("on this cluster USDC and SOL are spent", code="unknown_token", field="token")
    if (asked.token is None) is not (asked.currency == SOL):
        raise InvalidInput(f"on Solana a token is named by its mint, and {SOL} has none", field="token")
    return _asset(asked.currency, chain_id, asked.token or NATIVE)


def _check_address(address: str, name: str, *, on_solana: bool) -> None:
    """Raise InvalidInput for an address that is none, or that is one of another kind of chain."""
    if on_solana and not is_solana_address(address):
        raise InvalidInput("on Solana this is 32 bytes in base58", code="invalid_address", field=name)
    if not on_solana and not is_address(address):
        wrong = (
            "the checksum is wrong"
            if address.startswith("0x")
            else "on this chain it is 0x and 40 hex digits"
        )
        raise InvalidInput(wrong, code="invalid_address", field=name)


def _of_address(chain_id: int, asked: SpendBody, known: tuple[Asset, ...]) -> Asset:
    """What is at an address; a token that nobody here knows is what the session says."""
    assert asked.token is not None
    asset = _asset(asked.currency, chain_id, checksum_address(asked.token))
    try:
        found = token_of(chain_id, asset.address, known)
    except InvalidInput as problem:
        if problem.code != "unknown_token":
            raise
        return asset
    if found.currency != asked.currency:
        raise TokenMismatch(f"the token at {found.address} is {found.currency}", field="token")
    return found


def _of_symbol(chain_id: int, asked: SpendBody, known: tuple[Asset, ...]) -> Asset:
    """The asset of a currency that names no token."""
    try:
        return token_of(chain_id, asked.currency, known)
    except InvalidInput:
        # Nobody here knows the chain; its own coin needs no address.
        if known or _is_known(chain_id) or asked.currency != "ETH":
            raise
        return _asset(asked.currency, chain_id, NATIVE)


def _is_known(chain_id: int) -> bool:
    return any(one.chain_id == chain_id for one in COINS)


@lru_cache(ASSETS_CACHED)
def _asset(currency: str, chain_id: int, token: str) -> Asset:
    return Asset(currency, chain_id, token, CURRENCY_DECIMALS[currency])
