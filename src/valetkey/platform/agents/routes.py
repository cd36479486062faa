"""Routes of agents."""

from valetkey.core.api_key import Scope
from valetkey.platform.agents import registration, service
from valetkey.platform.http import Access, Call, Endpoint, Reply
from valetkey.platform.limits import Limit
from valetkey.wire.agents import (
    AgentSummary,
    DiscoveryScore,
    FeeTier,
    OwnerView,
    PublicKey,
    RegisterRequest,
    RegisterResponse,
    Score,
)
from valetkey.wire.http import API_PREFIX, InvalidRequest
from valetkey.wire.transactions import PageQuery

AGENTS = f"{API_PREFIX}/agents"


async def register(call: Call) -> Reply:
    try:
        asked = call.body(RegisterRequest)
    except InvalidRequest as refused:
        # Clients of the contract show the message alone here.
        what = "; ".join(f"{'.'.join(map(str, one.path))} {one.message}".strip() for one in refused.problems)
        raise InvalidRequest(f"{refused}: {what}", refused.problems) from None
    answer = await registration.register(call.platform, asked)
    return Reply(answer, 201, flat=True)


async def directory(call: Call) -> list[AgentSummary]:
    return await service.directory(call.platform, call.query(PageQuery))


async def itself(call: Call) -> OwnerView:
    return service.itself(call.caller)


async def fee_tier(_call: Call) -> FeeTier:
    return service.fee_tier()


async def score(call: Call) -> Score:
    address = call.request.query_params.get("address") or call.caller.agent.wallet_address
    return await service.score(call.platform, address)


async def discovery_score(call: Call) -> DiscoveryScore:
    return await service.discovery_score(call.platform, call.path("id"))


async def public_key(call: Call) -> PublicKey:
    return await service.public_key(
        call.platform, call.path("id"), call.request.query_params.get("serviceId")
    )


ENDPOINTS = [
    Endpoint(
        method="POST",
        path=f"{AGENTS}/register",
        handler=register,
        summary="Register a wallet by its signature; the answer is flat and shows the API key once",
        takes=RegisterRequest,
        gives=RegisterResponse,
        access=Access.PUBLIC,
        status=201,
        flat=True,
    ),
    Endpoint(
        method="GET",
        path=AGENTS,
        handler=directory,
        summary="The directory of agents",
        query=PageQuery,
        gives=list[AgentSummary],
        access=Access.OPEN,
    ),
    Endpoint(
        method="GET",
        path=f"{AGENTS}/self",
        handler=itself,
        summary="The owner whose key calls: what that key may do, and since when all sessions are frozen",
        gives=OwnerView,
        access=Access.OWNER,
        scope=Scope.SESSIONS_READ,
    ),
    Endpoint(
        method="GET",
        path=f"{AGENTS}/fee-tier",
        handler=fee_tier,
        summary="The fee that the caller pays",
        gives=FeeTier,
        scope=Scope.MARKET_READ,
    ),
    Endpoint(
        method="GET",
        path=f"{AGENTS}/score",
        handler=score,
        summary="The on-chain score of `address`, the caller's own when it is absent",
        gives=Score,
        access=Access.OPEN,
    ),
    Endpoint(
        method="GET",
        path=AGENTS + "/{id}/discovery-score",
        handler=discovery_score,
        summary="How high an agent ranks, 0 to 1",
        gives=DiscoveryScore,
        access=Access.OPEN,
    ),
    Endpoint(
        method="GET",
        path=AGENTS + "/{id}/public-key",
        handler=public_key,
        summary="The key to encrypt payloads for an agent to, for `serviceId` when it is named",
        gives=PublicKey,
        access=Access.PUBLIC,
        limit=Limit.PUBLIC,
    ),
]
