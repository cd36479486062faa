"""What an action means on a network: which asset, how many base units, along which tokens. Nothing is asked here."""

from collections.abc import Iterable
from decimal import Decimal

from valetkey.core.chains import is_solana
from valetkey.core.errors import InvalidAmount, InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, NATIVE, Asset, parse_units, rescale, to_decimal
from valetkey.core.tokens import token_of
from valetkey.crypto.keys import is_address
from valetkey.sdk.action_members import is_of_solana
from valetkey.sdk.actions import Action, ContractCall, Swap, Transfer
from valetkey.wire.network import NetworkView


def asset_of(network: NetworkView, token: str, field: str = "token", extra: Iterable[Asset] = ()) -> Asset:
    """A token of a network by its name or address; its USDC is the platform's own. Raises InvalidInput.

    `extra`: those of a configuration.
    """
    if isinstance(token, str) and token.startswith("0x") and not is_address(token):
        raise InvalidInput(
            f"{field} is no address, or its checksum is wrong", code="invalid_address", field=field
        )
    usdc = Asset("USDC", network.chain_id, network.contracts.usdc, CURRENCY_DECIMALS["USDC"])
    if is_solana(network.chain_id):
        if token in (usdc.currency, usdc.address):
            return usdc
        raise InvalidInput("sessions on Solana pay USDC", code="unknown_token", field=field)
    problem = None
    try:
        return token_of(network.chain_id, token, (*extra, usdc))
    except InvalidInput as error:
        problem = error
    raise InvalidInput(str(problem), code=problem.code, field=field)


def asset_and_units(action: Action, network: NetworkView, extra: Iterable[Asset] = ()) -> tuple[Asset, int]:
    """What an action spends: the asset, and base units of it. Raises InvalidInput."""
    if isinstance(action, Transfer) and is_of_solana(action.to) is not is_solana(network.chain_id):
        raise InvalidInput(f"this is no account on {network.chain}", code="invalid_address", field="to")
    if isinstance(action, Swap):
        asset, given, field = (
            asset_of(network, action.token_in, "token_in", extra),
            action.amount_in,
            "amount_in",
        )
    elif isinstance(action, ContractCall) and action.value:
        asset, given, field = _coin(network), action.value, "value"
    elif isinstance(action, ContractCall):
        asset, given, field = asset_of(network, action.token, extra=extra), action.max_spend, "max_spend"
    else:
        asset, given, field = asset_of(network, action.token, extra=extra), action.amount, "amount"
    units = units_of(given, asset.decimals, field)
    if asset.address == NATIVE and not isinstance(action, (Transfer, ContractCall)):
        raise InvalidInput(f"a {action.type} is about a token, not the chain's coin", field=field)
    if isinstance(action, ContractCall):
        _check_call(action, asset, units)
    return asset, units


def units_of(amount: object, decimals: int, field: str) -> int:
    """Base units of an amount; the field is named when it has too many decimals. Raises InvalidAmount."""
    problem = ""
    assert isinstance(amount, Decimal), "actions check their amounts"
    try:
        return parse_units(amount, decimals)
    except InvalidAmount as error:
        problem = str(error)
    raise InvalidAmount(f"{field}: {problem}", field=field)


def ledger_amount(units: int, asset: Asset) -> Decimal:
    """Base units of an asset as the ledger writes amounts of its currency."""
    decimals = CURRENCY_DECIMALS[asset.currency]
    return to_decimal(rescale(units, asset.decimals, decimals, up=True), decimals)


def path_of(action: Swap, token_in: str, token_out: str) -> tuple[str, ...]:
    """The tokens on the way of a swap. Raises InvalidInput when it is another way than was said."""
    path = action.path or (token_in, token_out)
    if (path[0].lower(), path[-1].lower()) != (token_in.lower(), token_out.lower()):
        raise InvalidInput("a path begins with token_in and ends with token_out", field="path")
    return path


def _check_call(action: ContractCall, asset: Asset, units: int) -> None:
    """A token's own transfer is what it says: so much, of that very token."""
    if action.moves is None:
        if action.to.lower() == asset.address.lower() and units:
            raise InvalidInput("a token does not take an allowance of itself", field="max_spend")
        return
    if action.to.lower() != asset.address.lower():
        raise InvalidInput("a transfer is called on the token that it moves", field="to")
    if action.moves[1] != units:
        raise InvalidInput("max_spend is exactly what the transfer moves", field="max_spend")


def _coin(network: NetworkView) -> Asset:
    for name in ("ETH", "POL"):
        try:
            return token_of(network.chain_id, name)
        except InvalidInput:
            continue
    raise InvalidInput("the coin of this chain has no name here", code="unknown_token", field="value")
