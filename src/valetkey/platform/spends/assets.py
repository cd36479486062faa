"""Which asset a spend is of: what a session says of currency, chain and token has to be so."""

from functools import lru_cache

from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, NATIVE, Asset
from valetkey.core.tokens import COINS, TokenMismatch, token_of
from valetkey.crypto.keys import checksum_address, is_address
from valetkey.platform.context import Platform
from valetkey.ports.accounts import SessionRecord
from valetkey.wire.spends import SpendBody

ASSETS_CACHED = 256
"""Assets that are kept ready: agents spend few, again and again."""


async def asset_of(platform: Platform, record: SessionRecord, asked: SpendBody) -> Asset:
    """The asset that a session asks to spend; on its own network when it names no chain.

    A token other than the network's own is looked up on its chain, where that is served: amounts of it count in the
    decimals of its currency. Raises InvalidInput with the codes `invalid_address`, `unknown_token` and
    `token_mismatch`, and ChainUnavailable.
    """
    for address, name in ((asked.token, "token"), (asked.payee, "payee")):
        if address is not None and not is_address(address):
            raise InvalidInput("the checksum is wrong", code="invalid_address", field=name)
    own = platform.network_of_session(record.session.policy)
    if asked.token is None and asked.chain_id is None and asked.currency == own.asset.currency:
        return own.asset
    chain_id = own.asset.chain_id if asked.chain_id is None else asked.chain_id
    network = platform.network_of_chain(chain_id)
    known = () if network is None else (network.asset, network.coin)
    found = _of_symbol if asked.token is None else _of_address
    asset = found(chain_id, asked, known)
    if network is None or asset == network.asset:
        return asset
    return await platform.tokens.checked(asset, network.reader)


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
