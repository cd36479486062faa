"""Money: integers of the smallest unit, with an asset id that carries chain and decimals.

Decimal numbers appear only where people or JSON write prices; they become integers here or are refused.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from valetkey.core.addresses import canonical_address
from valetkey.core.chains import SOLANA_NAMESPACE, chain_of, is_solana
from valetkey.core.errors import InvalidAmount
from valetkey.core.value import value

DIGITS_MAX = 30
"""More digits than any real amount has; longer input is an attack on arithmetic, not money."""

CURRENCY_DECIMALS = {
    "USDC": 6,
    "ETH": 18,
    "USDT": 6,
    "EURC": 6,
    "DAI": 18,
    "WETH": 18,
    "POL": 18,
    "SOL": 9,
}
"""Decimals in which the limits of a currency are written, the same on every chain."""

COIN_TYPES = {"ETH": 60, "POL": 966, "SOL": 501}
"""SLIP-44: how an asset id names a chain's own coin. Another coin of an EVM chain is named as Ether is."""

NATIVE = "0x" + "0" * 40
"""Stands for a chain's own coin where a token's address would be."""

_PLAIN = re.compile(r"\d+(\.\d+)?", re.ASCII)
_SCIENTIFIC = re.compile(r"(\d+)(?:\.(\d+))?[eE]([+-]?\d{1,3})", re.ASCII)


@value
@dataclass(frozen=True, slots=True)
class Asset:
    """A currency on one chain: `eip155:84532/erc20:0x036c...` is USDC with 6 decimals. `address`: on Solana a mint."""

    currency: str
    chain_id: int
    address: str
    decimals: int

    @property
    def id(self) -> str:
        """CAIP-19 asset id, hex in lower case; a chain's own coin has NATIVE for its address and is its `slip44`."""
        coin = f"slip44:{COIN_TYPES.get(self.currency, COIN_TYPES['ETH'])}"
        if is_solana(self.chain_id):
            chain = f"{SOLANA_NAMESPACE}:{chain_of(self.chain_id).reference}"
            return f"{chain}/{coin}" if self.address == NATIVE else f"{chain}/token:{self.address}"
        if self.address == NATIVE:
            return f"eip155:{self.chain_id}/{coin}"
        return f"eip155:{self.chain_id}/erc20:{canonical_address(self.address)}"


@value
@dataclass(frozen=True, slots=True)
class Money:
    """So many base units of one asset. Adding two assets is refused, also when both are USDC."""

    units: int
    asset: Asset

    def __add__(self, other: "Money") -> "Money":
        self._same_asset(other)
        return Money(self.units + other.units, self.asset)

    def __sub__(self, other: "Money") -> "Money":
        self._same_asset(other)
        return Money(self.units - other.units, self.asset)

    def __str__(self) -> str:
        return f"{format_units(self.units, self.asset.decimals)} {self.asset.currency}"

    def _same_asset(self, other: "Money") -> None:
        if self.asset != other.asset:
            raise InvalidAmount(f"{self.asset.id} and {other.asset.id} do not add up")


def parse_units(amount: Decimal | int | str, decimals: int) -> int:
    """Base units of a decimal amount, exactly: `parse_units("0.1", 6)` is 100_000.

    Raises InvalidAmount for NaN, infinity, a sign, more decimals than the currency has, more than
    30 digits, huge exponents, and anything that is not a number. Nothing is rounded.
    """
    # bool is an int to Python and never an amount to a person.
    if isinstance(amount, bool) or not isinstance(amount, (Decimal, int, str)):
        raise InvalidAmount(f"an amount is a number or a decimal string, not {type(amount).__name__}")
    if isinstance(amount, Decimal) and _is_plain(text := str(amount)):
        pass
    elif isinstance(amount, Decimal):
        if not amount.is_finite():
            raise InvalidAmount("an amount is a finite number")
        if amount.is_signed() and amount:
            raise InvalidAmount("an amount is not negative")
        if len(amount.as_tuple().digits) > DIGITS_MAX or abs(amount.adjusted()) > DIGITS_MAX:
            raise InvalidAmount(f"an amount has at most {DIGITS_MAX} digits")
        # abs() would round to the precision of the thread's decimal context.
        text = f"{amount.copy_abs():f}"
    elif isinstance(amount, int):
        if amount < 0:
            raise InvalidAmount("an amount is not negative")
        if amount >= 10**DIGITS_MAX:
            raise InvalidAmount(f"an amount has at most {DIGITS_MAX} digits")
        text = str(amount)
    else:
        text = _plain(amount)
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > decimals:
        raise InvalidAmount(f"an amount of this currency has at most {decimals} decimals")
    digits = (whole + fraction.ljust(decimals, "0")).lstrip("0") or "0"
    if len(digits) > DIGITS_MAX:
        raise InvalidAmount(f"an amount has at most {DIGITS_MAX} digits")
    return int(digits)


def _is_plain(text: str) -> bool:
    """Digits with at most one point among them, and not too many: what most amounts are."""
    return len(text) <= DIGITS_MAX and text.replace(".", "", 1).isdecimal()


def format_units(units: int, decimals: int) -> str:
    """The shortest decimal string of so many base units: `format_units(100_000, 6)` is "0.1"."""
    sign, digits = ("-", str(-units)) if units < 0 else ("", str(units))
    if decimals == 0:
        return sign + digits
    digits = digits.rjust(decimals + 1, "0")
    fraction = digits[-decimals:].rstrip("0")
    return f"{sign}{digits[:-decimals]}.{fraction}" if fraction else f"{sign}{digits[:-decimals]}"


def to_decimal(units: int, decimals: int) -> Decimal:
    """The decimal number that stands for so many base units, as JSON prices are written."""
    return Decimal(format_units(units, decimals))


def rescale(units: int, decimals: int, decimals_wanted: int, *, up: bool) -> int:
    """The same amount in another number of decimals; a remainder is rounded up or down as the caller says.

    A spend is rounded up and a limit down, so that rounding never favours the spender.
    """
    if decimals_wanted == decimals:
        return units
    if decimals_wanted > decimals:
        return units * int("1".ljust(decimals_wanted - decimals + 1, "0"))
    divisor = int("1".ljust(decimals - decimals_wanted + 1, "0"))
    return -(-units // divisor) if up else units // divisor


def _plain(text: str) -> str:
    """Plain decimal notation of a number in text; the length is bounded before any arithmetic."""
    if len(text) > 2 * DIGITS_MAX:
        raise InvalidAmount(f"an amount has at most {DIGITS_MAX} digits")
    if _PLAIN.fullmatch(text):
        return text
    scientific = _SCIENTIFIC.fullmatch(text)
    if scientific is None:
        raise InvalidAmount("an amount is written as digits with at most one decimal point, without a sign")
    exponent = int(scientific[3])
    if abs(exponent) > DIGITS_MAX:
        raise InvalidAmount(f"an amount has at most {DIGITS_MAX} digits")
    whole, fraction = scientific[1], scientific[2] or ""
    digits = whole + fraction
    point = len(whole) + exponent
    if point <= 0:
        return "0." + "0" * -point + digits
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return digits[:point] + "." + digits[point:]
