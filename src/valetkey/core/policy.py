"""Policy: what a session may spend. Data and its validation; decide.py applies it.

`None` means unlimited and `0` or an empty set means nothing: the two are never confused here.
(The wire's empty list, which means "all services", is translated at the door.)
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from valetkey.core.addresses import SOLANA_ADDRESS
from valetkey.core.errors import InvalidInput
from valetkey.core.limits import Limits
from valetkey.core.windows import Window

LIFETIME_SECONDS_MIN = 60
LIFETIME_SECONDS_MAX = 30 * 86_400
"""Default bounds of a session's life; both are settings of the platform."""

ALLOWED_SERVICES_MAX = 1_000
ALLOWED_NAMES_MAX = 200
"""How many assets, chains, payees or operations a policy names at most."""

SPENDS_MAX = 10**9
SERVICE_ID_CHARS_MAX = 200

PURCHASE = "purchase"
"""The operation of buying a service through an escrow."""

_ASSET = re.compile(
    r"eip155:[0-9]{1,18}/(erc20:0x[0-9a-f]{40}|slip44:(60|966))"
    rf"|solana:[1-9A-HJ-NP-Za-km-z]{{32}}/(token:{SOLANA_ADDRESS}|slip44:501)",
    re.ASCII,
)
_PAYEE = re.compile(rf"0x[0-9a-f]{{40}}|{SOLANA_ADDRESS}", re.ASCII)
_OPERATION = re.compile(r"[a-z][a-z0-9_.-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one session.

    budget, per_spend, windows, approval_above, unit: limits in base units of `currency`; see Limits.
    others: limits of further currencies, sorted by currency. A currency without limits cannot be spent.
    spends_max: how many spends; None = any number. One that is voided or expires does not count.
    allowed_services: service ids; None = every service.
    allowed_assets: CAIP-19 ids; allowed_chains: chain ids; allowed_payees: addresses; hex is in lower case, base58 as
    it is, since another case is another address. allowed_operations: such as `purchase`. None = every one.
    refunds_restore: whether what a payee gives back may be spent again.
    not_before, expires_at: unix seconds, half open: not_before <= now < expires_at.
    """

    budget: int | None
    expires_at: int
    not_before: int = 0
    currency: str = "USDC"
    per_spend: int | None = None
    allowed_services: frozenset[str] | None = None
    windows: tuple[Window, ...] = ()
    spends_max: int | None = None
    approval_above: int | None = None
    others: tuple[Limits, ...] = ()
    allowed_assets: frozenset[str] | None = None
    allowed_chains: frozenset[int] | None = None
    allowed_payees: frozenset[str] | None = None
    allowed_operations: frozenset[str] | None = None
    refunds_restore: bool = False
    unit: int = 1
    main: Limits = field(init=False, repr=False, compare=False)
    """The limits of `currency`."""
    asks: bool = field(init=False, repr=False, compare=False)
    """Whether there are spends that wait for the owner's approval."""
    names_nothing: bool = field(init=False, repr=False, compare=False)
    """Whether it allows every service, asset, chain, payee and operation, any number of times."""

    def __post_init__(self) -> None:
        main = Limits(
            self.currency, self.budget, self.per_spend, self.windows, self.approval_above, self.unit
        )
        object.__setattr__(self, "main", main)
        asks = any(one.approval_above is not None for one in (main, *self.others))
        object.__setattr__(self, "asks", asks)
        named = (
            *(self.allowed_services, self.allowed_assets, self.allowed_chains, self.allowed_payees),
            *(self.allowed_operations, self.spends_max),
        )
        names_nothing = all(one is None for one in named)
        object.__setattr__(self, "names_nothing", names_nothing)
        if self.spends_max is not None and not (
            type(self.spends_max) is int and 0 <= self.spends_max <= SPENDS_MAX
        ):
            raise InvalidInput(f"spends_max is None or a number from 0 to {SPENDS_MAX}")
        currencies = [one.currency for one in self.others]
        if currencies != sorted(set(currencies)) or self.currency in currencies:
            raise InvalidInput("limits of other currencies are sorted by currency, each currency once")
        if self.expires_at <= self.not_before:
            raise InvalidInput("a session ends after it begins")
        self._check_names()

    def _check_names(self) -> None:
        if self.allowed_services is not None:
            if len(self.allowed_services) > ALLOWED_SERVICES_MAX:
                raise InvalidInput(f"a policy names at most {ALLOWED_SERVICES_MAX} services")
            if any(not s or len(s) > SERVICE_ID_CHARS_MAX for s in self.allowed_services):
                raise InvalidInput(f"a service id has 1 to {SERVICE_ID_CHARS_MAX} characters")
        _check(self.allowed_assets, "assets", _ASSET.fullmatch, "CAIP-19 ids, hex in lower case")
        _check(self.allowed_payees, "payees", _PAYEE.fullmatch, "addresses, hex in lower case")
        _check(self.allowed_operations, "operations", _OPERATION.fullmatch, "lower-case words")
        _check(self.allowed_chains, "chains", lambda one: type(one) is int and one > 0, "chain ids")

    @property
    def decimals(self) -> int:
        """Decimals of the session's own currency."""
        return self.main.decimals

    @property
    def currencies(self) -> tuple[str, ...]:
        """Every currency that has limits, the session's own first."""
        return (self.currency, *(one.currency for one in self.others))

    def limits(self, currency: str) -> Limits | None:
        """The limits of a currency; None when it has none and cannot be spent."""
        if currency == self.currency:
            return self.main
        for one in self.others:
            if one.currency == currency:
                return one
        return None


def _check(names: frozenset[object] | None, what: str, fits: Callable[..., object], shape: str) -> None:
    if names is None:
        return
    if len(names) > ALLOWED_NAMES_MAX:
        raise InvalidInput(f"a policy names at most {ALLOWED_NAMES_MAX} {what}")
    if not all(fits(one) for one in names):
        raise InvalidInput(f"allowed {what} are {shape}")


def check_lifetime(seconds: int, *, seconds_min: int, seconds_max: int) -> None:
    """Raise InvalidInput unless a session may live that long; both bounds are inclusive."""
    if not seconds_min <= seconds <= seconds_max:
        raise InvalidInput(
            f"a session lives {seconds_min} to {seconds_max} seconds, not {seconds}",
            code="lifetime_out_of_bounds",
            field="expiry",
        )
