"""Trying other rules: what they would have said to what was spent, and which of two policies is wider."""

import asyncio
from dataclasses import replace

from valetkey.core.diff import Difference, Value, diff, wider
from valetkey.core.money import CURRENCY_DECIMALS, format_units
from valetkey.core.refusal import Refused
from valetkey.core.replay import FOREVER, Overruled, Replay, replay
from valetkey.core.spend import Hold
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.sessions.making import policy_of
from valetkey.platform.sessions.service import own
from valetkey.ports.ledger import SpendQuery
from valetkey.wire.errors import reasons_body
from valetkey.wire.policies import (
    DifferenceView,
    DiffPoliciesRequest,
    PolicyBody,
    PolicyDiff,
    RefusedSpendView,
    ReplayedAmount,
    ReplayRequest,
    ReplayView,
)
from valetkey.wire.timestamps import iso_timestamp

REPLAYED_MAX = 10_000
"""So many spends are replayed at most, the newest."""

PAGE = 1_000

LISTED_MAX = 1_000
"""So many refused or waiting spends are listed at most, the first."""


async def replay_spends(
    platform: Platform, caller: Caller, session_id: str, asked: ReplayRequest
) -> ReplayView:
    """What other rules would have said to a session's own spends. Raises NotFound, InvalidInput."""
    record = await own(platform, caller, session_id)
    policy = policy_of(asked.policy, not_before=0, expires_at=FOREVER)
    history, total = await _history(platform, record.session.owner_id, session_id)
    # Ten thousand decisions take longer than others should wait for the loop.
    found = await asyncio.to_thread(replay, policy, history)
    return ReplayView(
        spends=len(history),
        total=total,
        passed=found.passed,
        refused_count=len(found.refused),
        waiting_count=len(found.waiting),
        amounts=_amounts(found),
        refused=[_refused(one) for one in found.refused[:LISTED_MAX]],
        waiting=list(found.waiting[:LISTED_MAX]),
    )


def diff_policies(asked: DiffPoliciesRequest) -> PolicyDiff:
    """Which of two policies is wider, and where. Raises InvalidInput for one that is none."""
    a, b = (policy_of(one, not_before=one.not_before, expires_at=_end(one)) for one in (asked.a, asked.b))
    return PolicyDiff(wider=str(wider(a, b)), differences=[_difference(one) for one in diff(a, b)])


async def _history(platform: Platform, owner_id: str, session_id: str) -> tuple[list[Hold], int]:
    """The newest holds, oldest first, and how many there are in all."""
    # A spend that is placed meanwhile moves the others on by one: none is taken twice.
    found: dict[str, Hold] = {}
    query = SpendQuery(owner_id, session_id, limit=PAGE)
    while len(found) < REPLAYED_MAX:
        page, total = await platform.store.spends(query)
        for one in page:
            found.setdefault(one.hold.id, one.hold)
        if len(page) < PAGE:
            break
        query = replace(query, offset=query.offset + PAGE)
    return list(found.values())[:REPLAYED_MAX][::-1], total


def _end(body: PolicyBody) -> int:
    return FOREVER if body.expires_at is None else body.expires_at


def _amounts(found: Replay) -> list[ReplayedAmount]:
    return [
        ReplayedAmount(
            currency=currency,
            passed=format_units(found.passed_units.get(currency, 0), CURRENCY_DECIMALS[currency]),
            refused=format_units(found.refused_units.get(currency, 0), CURRENCY_DECIMALS[currency]),
        )
        for currency in sorted({*found.passed_units, *found.refused_units})
    ]


def _refused(one: Overruled) -> RefusedSpendView:
    currency = one.hold.currency
    return RefusedSpendView(
        spend_id=one.hold.id,
        placed_at=iso_timestamp(one.hold.placed_at),
        amount=format_units(one.hold.amount, CURRENCY_DECIMALS[currency]),
        currency=currency,
        reasons=reasons_body(Refused(one.reasons)),
    )


def _difference(one: Difference) -> DifferenceView:
    return DifferenceView(
        rule=one.rule,
        wider=str(one.wider),
        currency=one.currency,
        a=_written(one, one.a),
        b=_written(one, one.b),
    )


def _written(one: Difference, value: Value) -> str | int | bool | list[str | int] | None:
    if isinstance(value, frozenset):
        return sorted(value)
    if one.rule == "expires_at" and value == FOREVER:
        return None
    if type(value) is int and one.currency is not None:
        return format_units(value, CURRENCY_DECIMALS[one.currency])
    return value
