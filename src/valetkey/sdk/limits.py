"""The rules of a session as an owner writes them in Python, and as JSON and `core` have them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from valetkey.core.addresses import canonical_addresses, canonical_assets
from valetkey.core.errors import InvalidInput
from valetkey.core.limits import Limits
from valetkey.core.money import CURRENCY_DECIMALS, parse_units, to_decimal
from valetkey.core.policy import Policy
from valetkey.core.windows import Window
from valetkey.sdk.amounts import Amount, decimal_of, usdc_of, usdc_units
from valetkey.wire.limits import LimitRule, WindowOf, WindowRule

T = TypeVar("T", str, int)

Windows = Mapping[int, Amount]
"""Limits for any interval of so many seconds: `{3600: 20, 86400: 100}`."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a session may spend of a currency beside USDC, such as ETH; amounts are decimals of that currency.

    `budget` is all of it: None is unlimited, 0 nothing. `per_spend` is for each spend, `windows` for any interval of
    so many seconds, and what is above `approval_above` waits for the owner.
    """

    budget: Amount | None
    per_spend: Amount | None = None
    windows: Windows = field(default_factory=dict)
    approval_above: Amount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a new session may. As in a policy, None is unlimited, or every one; `services` [] is every one, too."""

    budget: Amount | None
    services: Iterable[str] = ()
    per_spend: Amount | None = None
    windows: Windows = field(default_factory=dict)
    spends_max: int | None = None
    approval_above: Amount | None = None
    limits: Mapping[str, Limit | Amount | None] = field(default_factory=dict)
    assets: Iterable[str] | None = None
    chains: Iterable[int] | None = None
    payees: Iterable[str] | None = None
    operations: Iterable[str] | None = None
    refunds_restore: bool = False

    def members(self) -> dict[str, Any]:
        """The members of wire's PolicyRules. Raises InvalidAmount, InvalidInput."""
        return {
            "budget_usdc": _usdc(self.budget),
            "allowed_service_ids": names(self.services, "allowed_service_ids"),
            "per_spend_usdc": _usdc(self.per_spend),
            "windows": [
                WindowRule(seconds=seconds, limit_usdc=usdc_of(limit))
                for seconds, limit in self.windows.items()
            ],
            "spends_max": self.spends_max,
            "approval_above_usdc": _usdc(self.approval_above),
            "limits": [_rule(currency, limit) for currency, limit in self.limits.items()],
            "allowed_assets": _names(self.assets, "allowed_assets"),
            "allowed_chains": _names(self.chains, "allowed_chains"),
            "allowed_payees": _names(self.payees, "allowed_payees"),
            "allowed_operations": _names(self.operations, "allowed_operations"),
            "refunds_restore": self.refunds_restore,
        }


def amount_of(amount: Amount, currency: str) -> Decimal:
    """An exact amount of a currency as the decimal that JSON carries. Raises InvalidAmount, InvalidInput."""
    return to_decimal(units_of(amount, currency), CURRENCY_DECIMALS[currency])


def units_of(amount: Amount, currency: str) -> int:
    """Base units of an exact amount of a currency. Raises InvalidAmount, InvalidInput."""
    decimals = CURRENCY_DECIMALS.get(currency)
    if decimals is None:
        raise InvalidInput(f"a currency is one of {', '.join(sorted(CURRENCY_DECIMALS))}", field="currency")
    return parse_units(decimal_of(amount), decimals)


def windows_of(windows: Windows) -> tuple[Window, ...]:
    """Windows in base units of USDC, shortest first. Raises InvalidAmount, InvalidInput."""
    return tuple(sorted(Window(seconds, usdc_units(limit)) for seconds, limit in windows.items()))


def names(found: Iterable[T], field: str) -> list[T]:
    """A list of names; a single text is none, though Python would take it for many letters."""
    if isinstance(found, str):
        raise InvalidInput(f"{field} is a list", field=field)
    return list(found)


def policy_of(asked: Any, expires_at: int) -> Policy:
    """What the platform made of the members of a policy; `expires_at` is unix seconds.

    `asked` is a request, or a view of a session: both have these members. Its amounts are those of USDC; of other
    currencies only the names are taken over.
    """

    def units(amount: Decimal | str | None) -> int | None:
        return None if amount is None else usdc_units(amount)

    return Policy(
        budget=units(asked.budget_usdc),
        expires_at=expires_at,
        not_before=asked.not_before or 0,
        per_spend=units(asked.per_spend_usdc),
        allowed_services=frozenset(asked.allowed_service_ids) or None,
        windows=windows_of({one.seconds: one.limit_usdc for one in asked.windows}),
        spends_max=asked.spends_max,
        approval_above=units(asked.approval_above_usdc),
        others=tuple(Limits(currency, None) for currency in sorted(one.currency for one in asked.limits)),
        allowed_assets=canonical_assets(asked.allowed_assets),
        allowed_chains=None if asked.allowed_chains is None else frozenset(asked.allowed_chains),
        allowed_payees=canonical_addresses(asked.allowed_payees),
        allowed_operations=None if asked.allowed_operations is None else frozenset(asked.allowed_operations),
        refunds_restore=asked.refunds_restore,
    )


def _usdc(amount: Amount | None) -> Decimal | None:
    return None if amount is None else usdc_of(amount)


def _names(found: Iterable[T] | None, field: str) -> list[T] | None:
    return None if found is None else names(found, field)


def _rule(currency: str, given: Limit | Amount | None) -> LimitRule:
    limit = given if isinstance(given, Limit) else Limit(given)

    def written(amount: Amount | None) -> Decimal | None:
        return None if amount is None else amount_of(amount, currency)

    return LimitRule(
        currency=currency,
        budget=written(limit.budget),
        per_spend=written(limit.per_spend),
        approval_above=written(limit.approval_above),
        windows=[
            WindowOf(seconds=seconds, limit=amount_of(most, currency))
            for seconds, most in limit.windows.items()
        ],
    )
