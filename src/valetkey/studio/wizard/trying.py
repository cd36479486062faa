"""A dry run: what rules would have said to what the owner spent in the last week. It is core that says it."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from valetkey.core.chains import chain_of
from valetkey.core.errors import InvalidInput
from valetkey.core.limits import Limits
from valetkey.core.money import CURRENCY_DECIMALS, NATIVE, Asset, Money, format_units, parse_units
from valetkey.core.policy import Policy
from valetkey.core.replay import FOREVER, Overruled, replay
from valetkey.core.spend import Hold, HoldState, SpendRequest
from valetkey.core.windows import Window
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.sdk.limits import Rules, policy_of
from valetkey.studio.words.times import seconds_of
from valetkey.wire.limits import LimitRule
from valetkey.wire.policies import PolicyBody
from valetkey.wire.spends import SpendView

WEEK_SECONDS = 604_800
SPENDS_MAX = 2_000
"""The newest so many are tried."""

REASONS_MAX = 3
REFUSED_MAX = 8
"""So many are named."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A spend that would have been refused, of a session that is looked at; `at` is unix seconds."""

    session_id: str
    amount: str
    currency: str
    at: int
    code: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it. `of`: whose spends they were, an agent's or, when None, all of the owner's.

    `why`: the codes of refusals and how often each was the first reason; `which`: the newest that were refused.
    `is_cut`: there were more than were tried.
    """

    passed: int
    waiting: int
    refused: int
    why: tuple[tuple[str, int], ...]
    which: tuple[Refused, ...]
    of: str | None
    is_cut: bool

    @property
    def total(self) -> int:
        """How many were tried."""
        return self.passed + self.refused


async def dry_run(agent: AsyncBuyerAgent, rules: Rules, delegate: str | None, now: int) -> Trial:
    """Try the rules on last week's spends: those of the delegate's sessions where there are any, otherwise all.

    They are taken to be one session's. Raises what the SDK raises.
    """
    spends = await _of_last_week(agent, now)
    of = None
    if delegate is not None:
        own = {one.session_id async for one in agent.iter_sessions(delegate=delegate)}
        its = [one for one in spends if one.session_id in own]
        if its:
            spends, of = its, delegate
    found = await asyncio.to_thread(replay, policy_meant(rules), holds_of(spends[:SPENDS_MAX]))
    why = Counter(str(one.reasons[0].code) for one in found.refused)
    return Trial(
        passed=found.passed,
        waiting=len(found.waiting),
        refused=len(found.refused),
        why=tuple(why.most_common(REASONS_MAX)),
        which=tuple(_told(one) for one in reversed(found.refused[-REFUSED_MAX:])),
        of=of,
        is_cut=len(spends) > SPENDS_MAX,
    )


def policy_meant(rules: Rules) -> Policy:
    """The policy of rules, without beginning and end. Raises InvalidInput, InvalidAmount."""
    body = PolicyBody(**rules.members())
    return replace(policy_of(body, FOREVER), others=tuple(sorted(_others(body.limits), key=_currency)))


def holds_of(spends: Iterable[SpendView]) -> list[Hold]:
    """Spends as core has them, oldest first. What is of an asset that nobody here knows is left out."""
    found: list[Hold] = []
    for one in spends:
        asset = _asset(one.asset, one.currency)
        if asset is None:
            continue
        decimals = CURRENCY_DECIMALS[one.currency]
        amount = parse_units(one.amount, decimals)
        hold = Hold(
            id=one.spend_id,
            session_id=one.session_id,
            request=SpendRequest(Money(amount, asset), one.service_id, one.payee, one.operation),
            amount=amount,
            state=HoldState(one.state),
            placed_at=seconds_of(one.placed_at),
            expires_at=seconds_of(one.expires_at),
            captured=0 if one.captured is None else parse_units(one.captured, decimals),
            settled_at=None if one.settled_at is None else seconds_of(one.settled_at),
        )
        found.append(hold)
    # They come newest first, and of one second so, too.
    found.reverse()
    return sorted(found, key=lambda hold: hold.placed_at)


def _told(one: Overruled) -> Refused:
    amount = format_units(one.hold.amount, CURRENCY_DECIMALS[one.hold.currency])
    return Refused(
        one.hold.session_id, amount, one.hold.currency, one.hold.placed_at, str(one.reasons[0].code)
    )


async def _of_last_week(agent: AsyncBuyerAgent, now: int) -> Sequence[SpendView]:
    found: list[SpendView] = []
    async with aclosing(agent.iter_spends()) as spends:
        async for one in spends:
            if seconds_of(one.placed_at) < now - WEEK_SECONDS or len(found) > SPENDS_MAX:
                break
            found.append(one)
    return found


def _asset(name: str, currency: str) -> Asset | None:
    """An asset by its CAIP-19 id."""
    if currency not in CURRENCY_DECIMALS:
        return None
    place, _, thing = name.partition("/")
    kind, _, address = thing.partition(":")
    namespace, _, reference = place.partition(":")
    chain_id: int | None = None
    try:
        chain_id = int(reference) if namespace == "eip155" else chain_of(place).chain_id
    except (InvalidInput, ValueError):
        chain_id = None
    if chain_id is None:
        return None
    return Asset(currency, chain_id, NATIVE if kind == "slip44" else address, CURRENCY_DECIMALS[currency])


def _others(rules: Iterable[LimitRule]) -> Iterable[Limits]:
    for rule in rules:
        units = partial(_units, decimals=CURRENCY_DECIMALS[rule.currency])
        windows = sorted(
            Window(one.seconds, parse_units(one.limit, CURRENCY_DECIMALS[rule.currency]))
            for one in rule.windows
        )
        yield Limits(
            rule.currency,
            units(rule.budget),
            units(rule.per_spend),
            tuple(windows),
            units(rule.approval_above),
        )


def _units(amount: Decimal | None, decimals: int) -> int | None:
    return None if amount is None else parse_units(amount, decimals)


def _currency(limits: Limits) -> str:
    return limits.currency
