"""Amounts as people write them in Python: the outermost door, where a float may still come in."""

from decimal import Decimal

from valetkey.core.errors import InvalidAmount
from valetkey.core.money import CURRENCY_DECIMALS, parse_units, to_decimal

USDC_DECIMALS = CURRENCY_DECIMALS["USDC"]

Amount = Decimal | int | str | float
"""`50`, `"0.1"`, `Decimal("2.5")`, or `0.1`, which is read as the decimal that it prints as."""


def decimal_of(amount: Amount) -> Decimal | int | str:
    """The amount without a float: a float counts as the shortest decimal that is written for it."""
    if isinstance(amount, bool):
        raise InvalidAmount("an amount is a number or a decimal string, not bool")
    return Decimal(str(amount)) if isinstance(amount, float) else amount


def usdc_units(amount: Amount) -> int:
    """Base units of an exact amount of USDC. Raises InvalidAmount."""
    return parse_units(decimal_of(amount), USDC_DECIMALS)


def named_units(amount: Amount, decimals: int, field: str) -> int:
    """Base units of an exact amount; what is wrong with it is told with the field. Raises InvalidAmount."""
    problem = ""
    try:
        return parse_units(decimal_of(amount), decimals)
    except InvalidAmount as error:
        problem = str(error)
    raise InvalidAmount(f"{field}: {problem}", field=field)


def usdc_of(amount: Amount) -> Decimal:
    """An exact amount of USDC as the decimal that JSON carries. Raises InvalidAmount."""
    return to_decimal(usdc_units(amount), USDC_DECIMALS)
