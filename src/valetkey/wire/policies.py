"""JSON shapes of policies: the rules of a session, two of them compared, and one replayed over what was spent."""

from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta, field

from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.core.policy import ALLOWED_NAMES_MAX, ALLOWED_SERVICES_MAX, SPENDS_MAX
from valetkey.core.windows import WINDOWS_MAX
from valetkey.wire.limits import LimitRule, WindowRule
from valetkey.wire.shape import AnyAddress, Id, Request, View, check_amount

Name = Annotated[str, Meta(min_length=1, max_length=100)]
"""A CAIP-19 asset id, or an operation; the policy looks at its shape."""


class PolicyRules(Request, kw_only=True):
    """What a session may spend, without its beginning and its end.

    `budget_usdc` must be present: None is unlimited, 0 is nothing, and an absent budget is neither. An empty
    `allowed_service_ids` is every service. `windows` limit any interval of a length, several at once.
    `approval_above_usdc`: what costs more waits for the owner. `limits`: what may be spent of other currencies.
    The other lists: None is every one, an empty list is none. `refunds_restore`: what a payee gives back may be
    spent again.
    """

    budget_usdc: Decimal | None
    allowed_service_ids: Annotated[list[Id], Meta(max_length=ALLOWED_SERVICES_MAX)] = field(
        default_factory=list
    )
    per_spend_usdc: Decimal | None = None
    windows: Annotated[list[WindowRule], Meta(max_length=WINDOWS_MAX)] = field(default_factory=list)
    spends_max: Annotated[int, Meta(ge=0, le=SPENDS_MAX)] | None = None
    approval_above_usdc: Decimal | None = None
    limits: Annotated[list[LimitRule], Meta(max_length=len(CURRENCY_DECIMALS))] = field(default_factory=list)
    allowed_assets: Annotated[list[Name], Meta(max_length=ALLOWED_NAMES_MAX)] | None = None
    allowed_chains: (
        Annotated[list[Annotated[int, Meta(le=2**53)]], Meta(max_length=ALLOWED_NAMES_MAX)] | None
    ) = None
    allowed_payees: Annotated[list[AnyAddress], Meta(max_length=ALLOWED_NAMES_MAX)] | None = None
    allowed_operations: Annotated[list[Name], Meta(max_length=ALLOWED_NAMES_MAX)] | None = None
    refunds_restore: bool = False

    def __post_init__(self) -> None:
        check_amount(self.budget_usdc, "budgetUsdc")
        check_amount(self.per_spend_usdc, "perSpendUsdc")
        check_amount(self.approval_above_usdc, "approvalAboveUsdc")


class PolicyBody(PolicyRules, kw_only=True):
    """A policy that no session has. `expires_at` and `not_before` are unix seconds; None is no end."""

    not_before: Annotated[int, Meta(ge=0, le=2**53)] = 0
    expires_at: Annotated[int, Meta(ge=1, le=2**53)] | None = None


class DiffPoliciesRequest(Request):
    """POST /policies/diff: two policies, which no session needs to have."""

    a: PolicyBody
    b: PolicyBody


class ReplayRequest(Request):
    """POST /agents/session/{id}/replay: the rules to replay under. Beginning and end of the session play no part."""

    policy: PolicyRules


class DifferenceView(View, kw_only=True):
    """A rule that differs: `wider` is a, b, or incomparable when each allows what the other does not.

    `rule` is named as in refusals; `currency` when one of them cannot spend that currency at all. Of `a` and `b`
    absent is unlimited, every one, or, of the rule `currency`, no limits. Amounts are decimal strings of
    `currency`, times unix seconds.
    """

    rule: str
    wider: str
    currency: str | None = None
    a: str | int | bool | list[str | int] | None = None
    b: str | int | bool | list[str | int] | None = None


class PolicyDiff(View, kw_only=True):
    """Which policy is wider as a whole (equal, a, b, or incomparable), and every rule that differs."""

    wider: str
    differences: list[DifferenceView]


class RefusedSpendView(View, kw_only=True):
    """A spend that the policy would have refused. `placed_at` is ISO-8601, `reasons` as in a refusal."""

    spend_id: str
    placed_at: str
    amount: str
    currency: str
    reasons: list[dict[str, Any]]


class ReplayedAmount(View, kw_only=True):
    """What would have passed of a currency, and what would have been refused: decimal strings."""

    currency: str
    passed: str
    refused: str


class ReplayView(View, kw_only=True, omit_defaults=False):
    """What another policy would have said to a session's own spends.

    `spends` of `total` were replayed, the newest. `refused` lists the first of the `refused_count`; `waiting` are the
    first spends that would have waited for approval, which they are taken to have got.
    """

    spends: int
    total: int
    passed: int
    refused_count: int = field(name="refusedCount")
    waiting_count: int = field(name="waitingCount")
    amounts: list[ReplayedAmount]
    refused: list[RefusedSpendView]
    waiting: list[str]
