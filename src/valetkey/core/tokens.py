"""Tokens by currency and chain: which contract, or which mint, is USDC there. Nothing here asks a chain."""

import re
from collections.abc import Iterable

from valetkey.core.chains import CHAINS, EIP155, SOLANA, SOLANA_DEVNET
from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, NATIVE, Asset

COIN_DECIMALS = 18
"""Decimals of the coin of every EVM chain: one is 10^18 wei."""

WORD_BYTES = 32

_CONTRACTS = {
    8453: {
        "USDC": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
        "USDT": "0xfde4C96c8593536E31F229EA8f37b2ADa2699bb2",
        "EURC": "0x60a3E35Cc302bFA44Cb288Bc5a4F316Fdb1adb42",
        "DAI": "0x50c5725949A6F0c72E6C4a641F24049A917DB0Cb",
        "WETH": "0x4200000000000000000000000000000000000006",
    },
    84532: {
        "USDC": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "WETH": "0x4200000000000000000000000000000000000006",
    },
    1: {
        "USDC": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
        "USDT": "0xdAC17F958D2ee523a2206206994597C13D831ec7",
        "EURC": "0x1aBaEA1f7C830bD89Acc67eC4af516284b1bC33c",
        "DAI": "0x6B175474E89094C44Da98b954EedeAC495271d0F",
        "WETH": "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
    },
    137: {
        "USDC": "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359",
        "USDT": "0xc2132D05D31c914a87C6611C10748AEb04B58e8F",
        "DAI": "0x8f3Cf7ad23Cd3CaDbD9735AFf958023239c6A063",
        "WETH": "0x7ceB23fD6bC0adD59E62ac25578270cFf1b9f619",
    },
    80002: {"USDC": "0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582"},
    SOLANA: {"USDC": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"},
    SOLANA_DEVNET: {"USDC": "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU"},
}
"""By chain id: EIP-55, or a mint in base58. USDC and EURC are those that Circle itself issues there, no bridge's."""

TOKENS = tuple(
    Asset(currency, chain_id, address, CURRENCY_DECIMALS[currency])
    for chain_id, contracts in _CONTRACTS.items()
    for currency, address in contracts.items()
)
"""Everybody's tokens; others come from a configuration."""

COINS = tuple(
    Asset(one.coin, one.chain_id, NATIVE, COIN_DECIMALS) for one in CHAINS if one.namespace == EIP155
)
"""The coin of each EVM chain that has a name here."""

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


class TokenMismatch(InvalidInput):
    """A token that its chain describes otherwise than it is known here: amounts of it would mean something else."""

    code = "token_mismatch"


def token_of(chain_id: int, token: str, extra: Iterable[Asset] = ()) -> Asset:
    """A token by its symbol (USDC, exactly so), its address or its mint; the symbol of an EVM chain's coin is the coin.

    `extra`: assets of a configuration, each address in EIP-55. One of them takes the place of what is known here under
    the same symbol on that chain. Raises InvalidInput with the code `unknown_token`, also for a symbol in other letters
    than the known ones, and `invalid_address` for the zero address and for a checksum that is wrong.
    """
    if not isinstance(token, str):
        raise _unknown()
    given = {asset.currency: asset for asset in extra if asset.chain_id == chain_id}
    known = {asset.currency: asset for asset in (*TOKENS, *COINS) if asset.chain_id == chain_id} | given
    if token.startswith("0x"):
        return _by_address(token, known.values())
    found = known.get(token) or next((one for one in known.values() if one.address == token), None)
    if found is None:
        raise _unknown(f"; known on this chain are {', '.join(known)}" if known else "")
    return found


def check_decimals(asset: Asset, answer: bytes) -> None:
    """Raise TokenMismatch unless a token answered `decimals()` with the decimals that it is known to have.

    No answer is what an account without code, and a contract without such a function, give.
    """
    if len(answer) != WORD_BYTES:
        raise TokenMismatch(f"what is at {asset.address} is no token: it has no decimals", field="token")
    told = int.from_bytes(answer, "big")
    if told != asset.decimals:
        said = told if told <= 255 else "more than 255"
        raise TokenMismatch(
            f"the token at {asset.address} has {said} decimals on its chain, not {asset.decimals}",
            field="token",
        )


def _by_address(token: str, known: Iterable[Asset]) -> Asset:
    if not _ADDRESS.fullmatch(token):
        raise InvalidInput("a token's address is 0x and 40 hex digits", code="invalid_address", field="token")
    if token == NATIVE:
        raise InvalidInput(
            "the zero address is no token; name a chain's own coin by its symbol",
            code="invalid_address",
            field="token",
        )
    for asset in known:
        if asset.address.lower() != token.lower():
            continue
        # Mixed case is a checksum, and the right one is known.
        if token[2:] not in (asset.address[2:], token[2:].lower(), token[2:].upper()):
            raise InvalidInput(
                "the checksum of the token's address is wrong", code="invalid_address", field="token"
            )
        return asset
    raise _unknown()


def _unknown(known: str = "") -> InvalidInput:
    return InvalidInput(
        f"no token of this chain has this name or address{known}", code="unknown_token", field="token"
    )
