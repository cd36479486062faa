"""JSON shapes of the overview: sums over an owner's sessions; and of what one session spent over time."""

from typing import Annotated

import msgspec
from msgspec import Meta

from valetkey.wire.shape import View

DAYS_MAX = 92
BUCKET_SECONDS_MAX = 86_400 * 31


class RiskView(View, kw_only=True):
    """What live sessions could still cost: `amount` (a decimal string) of `sessions` with a budget; `unlimited` have
    none, and are in no sum."""

    currency: str
    amount: str
    sessions: int
    unlimited: int


class SpentByView(View, kw_only=True):
    """What was spent under a name, which is empty for what has none: a decimal string of `currency`, in `spends`."""

    name: str
    currency: str
    amount: str
    spends: int


class RefusedView(View):
    """How often a code was a reason of a refusal."""

    code: str
    count: int


class RefusedMostView(View, kw_only=True):
    """How many spends of a session were refused within the last hour."""

    session_id: str
    label: str | None = None
    count: int


class EndingView(View, kw_only=True):
    """A session that ends soon; `expires_at` is ISO-8601."""

    session_id: str
    label: str | None = None
    expires_at: str


class UnknownView(View, kw_only=True):
    """A payment whose outcome is not proven, and for how many seconds its money is held already."""

    spend_id: str
    age_seconds: int


class RelayedView(View, kw_only=True):
    """What the platform's relayer spent on gas for the owner in the last 24 hours, and may at most: decimal strings of
    the chain's coin."""

    chain: str
    coin: str
    spent: str
    limit: str


class OverviewView(View, kw_only=True):
    """GET /overview. `since` is when the days (of UTC) that spends and refusals are counted of began, ISO-8601.

    `at_risk` is the worst-case loss of the roots of all live trees of sessions, which bound what was made out of them.
    `refused_lately`: the sessions that were refused most within the last hour, by whole minutes.
    The lists of `by_delegate`, `by_label`, `by_chain` (of each currency) and `refusals` have the first 20, those of
    `refused_lately`, `ending_soon` and `unknown` the first 10; the counts beside them are of all.
    """

    since: str
    at_risk: list[RiskView]
    by_delegate: list[SpentByView]
    by_label: list[SpentByView]
    by_chain: list[SpentByView]
    refusals: list[RefusedView]
    refused_lately: list[RefusedMostView]
    ending_soon: list[EndingView]
    ending_soon_count: int
    unknown: list[UnknownView]
    unknown_count: int
    relayer: list[RelayedView]


class OverviewQuery(msgspec.Struct, kw_only=True):
    """Query of GET /overview. `days`: of how many days, with this one. `soon`: what ends in so many seconds."""

    days: Annotated[int, Meta(ge=1, le=DAYS_MAX)] = 7
    soon: Annotated[int, Meta(ge=1, le=DAYS_MAX * 86_400)] = 86_400


class SpentThenView(View, kw_only=True):
    """What a session spent itself in one bucket that begins at `at` (ISO-8601): a decimal string of `currency`."""

    at: str
    currency: str
    chain: int
    amount: str
    spends: int


class SpendingView(View):
    """GET /agents/session/{id}/spending: buckets in which something was spent, oldest first."""

    bucket_seconds: int
    spending: list[SpentThenView]


class SpendingQuery(msgspec.Struct, kw_only=True):
    """Query of what a session spent over time. `bucket` is seconds, whole times 300; `seconds`: how far back."""

    bucket: Annotated[int, Meta(ge=300, le=BUCKET_SECONDS_MAX, multiple_of=300)] = 3_600
    seconds: Annotated[int, Meta(ge=300, le=BUCKET_SECONDS_MAX)] = 86_400
