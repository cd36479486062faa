"""JSON shapes of limits: windows, and what may be spent of currencies that are not the session's own."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, field

from valetkey.core.windows import WINDOW_SECONDS_MAX, WINDOWS_MAX
from valetkey.wire.shape import Currency, Request, View, check_amount, check_currency


class WindowRule(Request):
    """A limit on any interval of so many seconds, wherever it begins."""

    seconds: Annotated[int, Meta(ge=1, le=WINDOW_SECONDS_MAX)]
    limit_usdc: Decimal

    def __post_init__(self) -> None:
        check_amount(self.limit_usdc, "limitUsdc")


class WindowView(View):
    """A window as it is now: `left_usdc` may be spent in it."""

    seconds: int
    limit_usdc: str
    left_usdc: str


class WindowOf(Request):
    """A limit on any interval of so many seconds, in the currency around it."""

    seconds: Annotated[int, Meta(ge=1, le=WINDOW_SECONDS_MAX)]
    limit: Decimal


class LimitRule(Request):
    """Limits of a currency that is not the session's own: amounts are decimals of that currency.

    `budget` must be present: None is unlimited, 0 is nothing.
    """

    currency: Currency
    budget: Decimal | None
    per_spend: Decimal | None = None
    approval_above: Decimal | None = None
    windows: Annotated[list[WindowOf], Meta(max_length=WINDOWS_MAX)] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_currency(self.currency)
        for name in ("budget", "per_spend", "approval_above"):
            check_amount(getattr(self, name), name, self.currency)
        for window in self.windows:
            check_amount(window.limit, "limit", self.currency)


class WindowOfView(View):
    """A window of a currency as it is now: `left` may be spent in it. Amounts are of the currency around it."""

    seconds: int
    limit: str
    left: str


class LimitView(View):
    """The limits of a currency that is not the session's own, and what is left of it; None is unlimited.

    `per_spend` and `approval_above` are absent where there is no such limit.
    """

    currency: str
    budget: str | None
    remaining: str | None
    held: str
    spent: str
    per_spend: str | None = None
    windows: list[WindowOfView] = field(default_factory=list)
    approval_above: str | None = None
