"""Routes of the market and its networks, and of what serves them."""

from importlib.metadata import version as installed

from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.limits import Limit
from valetkey.platform.market import service
from valetkey.wire.http import API_PREFIX
from valetkey.wire.market import MarketplacePulse, Software
from valetkey.wire.network import NetworkList, NetworkView


async def pulse(call: Call) -> MarketplacePulse:
    return await service.pulse(call.platform)


async def network(call: Call) -> NetworkView:
    """The network that is asked for by its name, its chain's name or its number; the first one otherwise."""
    name = call.request.query_params.get("network")
    return service.network(call.platform, name).view


async def networks(call: Call) -> NetworkList:
    """Every network that is served."""
    return NetworkList(networks=[one.view for one in call.platform.served])


async def version(_call: Call) -> Software:
    """The version of this software."""
    return Software(version=installed("valetkey"))


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
    Endpoint(
        method="GET",
        path=f"{API_PREFIX}/networks",
        handler=networks,
        summary="Every network that is served, the one of those who name none first",
        gives=NetworkList,
        access=Access.PUBLIC,
        limit=Limit.PUBLIC,
    ),
    Endpoint(
        method="GET",
        path=f"{API_PREFIX}/version",
        handler=version,
        summary="The version of the software that serves",
        gives=Software,
        access=Access.PUBLIC,
        limit=Limit.PUBLIC,
    ),
]
