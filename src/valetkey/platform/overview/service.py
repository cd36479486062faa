"""Sums over an owner's sessions, and over the time of one."""

from valetkey.core.money import CURRENCY_DECIMALS, format_units
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.sessions.service import within
from valetkey.ports.overview import SpentBy
from valetkey.wire.overview import (
    EndingView,
    OverviewQuery,
    OverviewView,
    RefusedMostView,
    RefusedView,
    RelayedView,
    RiskView,
    SpendingQuery,
    SpendingView,
    SpentByView,
    SpentThenView,
    UnknownView,
)
from valetkey.wire.timestamps import iso_timestamp

DAY_SECONDS = 86_400


async def overview(platform: Platform, caller: Caller, query: OverviewQuery) -> OverviewView:
    """What the owner looks at first."""
    now, owner_id = platform.clock.now(), caller.agent.id
    first_day = now // DAY_SECONDS - query.days + 1
    found = await platform.store.overview(owner_id, first_day, now + query.soon)
    return OverviewView(
        since=iso_timestamp(max(first_day, 0) * DAY_SECONDS),
        at_risk=[
            RiskView(
                currency=one.currency,
                amount=_text(one.units, one.currency),
                sessions=one.sessions,
                unlimited=one.unlimited,
            )
            for one in found.risks
        ],
        by_delegate=[_spent(one) for one in found.spent["delegate"]],
        by_label=[_spent(one) for one in found.spent["label"]],
        by_chain=[_spent(one) for one in found.spent["chain"]],
        refusals=[RefusedView(code=code, count=count) for code, count in found.refusals.items()],
        refused_lately=[
            RefusedMostView(session_id=one, label=found.labels.get(one), count=count)
            for one, count in found.refused_lately.items()
        ],
        ending_soon=[
            EndingView(session_id=one, label=found.labels.get(one), expires_at=iso_timestamp(at))
            for one, at in found.ending
        ],
        ending_soon_count=found.ending_count,
        unknown=[UnknownView(spend_id=one, age_seconds=max(now - at, 0)) for one, at in found.unknown],
        unknown_count=found.unknown_count,
        relayer=await _relayed(platform, owner_id),
    )


async def spending(platform: Platform, caller: Caller, session_id: str, query: SpendingQuery) -> SpendingView:
    """What a session spent itself over time: its owner's to see, its own, and that of those it was made of."""
    await within(platform, caller, session_id)
    size = query.bucket
    # The first bucket is whole, so that it is the same whenever it is asked for.
    since = (platform.clock.now() - query.seconds) // size * size
    sums: dict[tuple[int, str, int], tuple[int, int]] = {}
    for one in await platform.store.spending(session_id, since):
        key = one.at // size * size, one.currency, one.chain_id
        units, spends = sums.get(key, (0, 0))
        sums[key] = units + one.units, spends + one.spends
    return SpendingView(
        bucket_seconds=size,
        spending=[
            SpentThenView(
                at=iso_timestamp(at),
                currency=currency,
                chain=chain_id,
                amount=_text(units, currency),
                spends=spends,
            )
            for (at, currency, chain_id), (units, spends) in sorted(sums.items())
        ],
    )


async def _relayed(platform: Platform, owner_id: str) -> list[RelayedView]:
    found = []
    for chain_id, desk in platform.relayers.items():
        network = platform.network_of_chain(chain_id)
        assert network is not None, "a relayer sends on a network that is served"
        decimals = network.coin.decimals
        spent = await platform.store.relayed_wei(chain_id, desk.sender.address, owner_id)
        limit = desk.limits.owner
        found.append(
            RelayedView(
                chain=network.view.chain,
                coin=network.coin.currency,
                spent=format_units(spent, decimals),
                limit="unlimited" if limit is None else format_units(limit, decimals),
            )
        )
    return found


def _spent(one: SpentBy) -> SpentByView:
    return SpentByView(
        name=one.name, currency=one.currency, amount=_text(one.units, one.currency), spends=one.spends
    )


def _text(units: int, currency: str) -> str:
    return format_units(units, CURRENCY_DECIMALS[currency])
