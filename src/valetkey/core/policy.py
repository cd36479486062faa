"""Policy: what a session may spend. Data and its validation; decide.py applies it.

`None` means unlimited and `0` or an empty set means nothing: the two are never confused here.
(The wire's empty list, which means "all services", is translated at the door.)
"""

from dataclasses import dataclass

from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, DIGITS_MAX
from valetkey.core.windows import WINDOWS_MAX, Window

LIFETIME_SECONDS_MIN = 60
LIFETIME_SECONDS_MAX = 30 * 86_400
"""Default bounds of a session's life; both are settings of the platform."""

ALLOWED_SERVICES_MAX = 1_000
SPENDS_MAX = 10**9
SERVICE_ID_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one session.

    budget, per_spend: base units of `currency`; None = unlimited, 0 = nothing.
    windows: limits on any interval of a length, several at once; shortest first, each length once.
    spends_max: how many spends; None = any number. One that is voided or expires does not count.
    allowed_services: service ids; None = every service.
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

    def __post_init__(self) -> None:
        if self.currency not in CURRENCY_DECIMALS:
            raise InvalidInput(f"unknown currency {self.currency!r}; known: {', '.join(CURRENCY_DECIMALS)}")
        for name in ("budget", "per_spend"):
            limit = getattr(self, name)
            # A bool counts as an integer, and a fraction would compare like one: neither is money.
            if limit is not None and not (type(limit) is int and 0 <= limit < 10**DIGITS_MAX):
                raise InvalidInput(f"{name} is None or a non-negative integer below 10^{DIGITS_MAX}")
        if self.spends_max is not None and not (
            type(self.spends_max) is int and 0 <= self.spends_max <= SPENDS_MAX
        ):
            raise InvalidInput(f"spends_max is None or a number from 0 to {SPENDS_MAX}")
        if len(self.windows) > WINDOWS_MAX:
            raise InvalidInput(f"a policy has at most {WINDOWS_MAX} windows")
        lengths = [window.seconds for window in self.windows]
        if lengths != sorted(set(lengths)):
            raise InvalidInput("windows come shortest first, each length once")
        if self.expires_at <= self.not_before:
            raise InvalidInput("a session ends after it begins")
        if self.allowed_services is not None:
            if len(self.allowed_services) > ALLOWED_SERVICES_MAX:
                raise InvalidInput(f"a policy names at most {ALLOWED_SERVICES_MAX} services")
            if any(not s or len(s) > SERVICE_ID_CHARS_MAX for s in self.allowed_services):
                raise InvalidInput(f"a service id has 1 to {SERVICE_ID_CHARS_MAX} characters")

    @property
    def decimals(self) -> int:
        """Decimals of the limits: those of the currency."""
        return CURRENCY_DECIMALS[self.currency]


def check_lifetime(seconds: int, *, seconds_min: int, seconds_max: int) -> None:
    """Raise InvalidInput unless a session may live that long; both bounds are inclusive."""
    if not seconds_min <= seconds <= seconds_max:
        raise InvalidInput(
            f"a session lives {seconds_min} to {seconds_max} seconds, not {seconds}",
            code="lifetime_out_of_bounds",
            field="expiry",
        )
