"""Figures about the whole market."""

from valetkey.core.fees import FEE_BPS
from valetkey.core.money import format_units
from valetkey.platform.context import Network, Platform
from valetkey.wire.market import (
    AgentFigures,
    CategoryCount,
    MarketplacePulse,
    PlatformFacts,
    ServiceFigures,
    SettlementFacts,
    TransactionFigures,
)
from valetkey.wire.timestamps import iso_timestamp

ESCROW_VERSION = "2"


async def pulse(platform: Platform) -> MarketplacePulse:
    """Counts, volumes and facts, for everybody."""
    figures = await platform.store.pulse()
    network = platform.main_network
    now = platform.clock.now()
    return MarketplacePulse(
        timestamp=iso_timestamp(now),
        services=ServiceFigures(
            total=figures.services_total,
            new_last_24h=figures.services_last_24h,
            categories=[CategoryCount(name=name, count=count) for name, count in figures.categories],
        ),
        transactions=TransactionFigures(
            total_completed=figures.completed_total,
            last_24h=figures.completed_last_24h,
            volume_usd_24h=format_units(figures.volume_24h, network.asset.decimals),
        ),
        agents=AgentFigures(total_registered=figures.agents_total, active_last_7d=figures.agents_active_7d),
        settlement=SettlementFacts(
            supported_tokens=[network.asset.currency],
            chain=network.view.chain,
            escrow_version=ESCROW_VERSION,
        ),
        platform=PlatformFacts(protocol_fee=f"{FEE_BPS // 100}%", uptime=f"{now - platform.started_at}s"),
    )


def network(platform: Platform, name: str | None) -> Network:
    """A network by its name, its chain's name or number; the first one for None. Raises a refusal."""
    if name is None:
        return platform.main_network
    for one in platform.networks.values():
        if name in (one.name, one.view.chain, str(one.view.chain_id)):
            return one
    return platform.network(name)
