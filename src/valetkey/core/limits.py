"""Limits: how much of one currency may be spent, in all, at once, and in any interval of a length."""

from dataclasses import dataclass

from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, DIGITS_MAX
from valetkey.core.windows import WINDOWS_MAX, Window


@dataclass(frozen=True, slots=True)
class Limits:
    """Rules about amounts, in base units of one currency.

    budget, per_spend: None = unlimited, 0 = nothing.
    windows: limits on any interval of a length, several at once; shortest first, each length once.
    approval_above: a spend of more than this waits for the owner's approval; None = none does, 0 = every one.
    unit: amounts count in so many base units, rounded up.
    """

    currency: str
    budget: int | None
    per_spend: int | None = None
    windows: tuple[Window, ...] = ()
    approval_above: int | None = None
    unit: int = 1

    def __post_init__(self) -> None:
        if self.currency not in CURRENCY_DECIMALS:
            raise InvalidInput(f"unknown currency {self.currency!r}; known: {', '.join(CURRENCY_DECIMALS)}")
        for name in ("budget", "per_spend", "approval_above"):
            limit = getattr(self, name)
            # A bool counts as an integer, and a fraction would compare like one: neither is money.
            if limit is not None and not (type(limit) is int and 0 <= limit < 10**DIGITS_MAX):
                raise InvalidInput(f"{name} is None or a non-negative integer below 10^{DIGITS_MAX}")
        if type(self.unit) is not int or not 1 <= self.unit < 10**DIGITS_MAX:
            raise InvalidInput(f"unit is a positive integer below 10^{DIGITS_MAX}")
        if len(self.windows) > WINDOWS_MAX:
            raise InvalidInput(f"a policy has at most {WINDOWS_MAX} windows of a currency")
        lengths = [window.seconds for window in self.windows]
        if lengths != sorted(set(lengths)):
            raise InvalidInput("windows come shortest first, each length once")

    def counted(self, units: int) -> int:
        """What a spend of so many base units counts as."""
        return -(-units // self.unit) * self.unit

    @property
    def decimals(self) -> int:
        """Decimals of the limits: those of the currency."""
        return CURRENCY_DECIMALS[self.currency]
