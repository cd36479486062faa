"""Routes of the market and its networks."""

from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.limits import Limit
from valetkey.platform.market import service
from valetkey.wire.http import API_PREFIX
from valetkey.wire.market import MarketplacePulse
from valetkey.wire.network import NetworkView


async def pulse(call: Call) -> MarketplacePulse:
    return await service.pulse(call.platform)


async def network(call: Call) -> NetworkView:
    """The network that is asked for by name, the first one otherwise."""
    name = call.request.query_params.get("network")
    found = call.platform.main_network if name is None else call.platform.network(name)
    return found.view


ENDPOINTS = [
    Endpoint(
        method="GET",
        path=f"{API_PREFIX}/marketplace/pulse",
        handler=pulse,
        summary="Figures about the whole market",
        gives=MarketplacePulse,
        access=Access.PUBLIC,
        limit=Limit.PUBLIC,
    ),
    Endpoint(
        method="GET",
        path=f"{API_PREFIX}/network",
        handler=network,
        summary="Chain, contracts and confirmations; `?network=` names another than the first",
        gives=NetworkView,
        access=Access.PUBLIC,
        limit=Limit.PUBLIC,
    ),
]
