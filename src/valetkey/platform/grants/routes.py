"""Routes of grants and of the relayer."""

from valetkey.core.api_key import Scope
from valetkey.platform.grants import exposure, giving, relaying
from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.limits import Limit
from valetkey.platform.room import Lane
from valetkey.wire.granting import (
    ExposureView,
    GiveGrantRequest,
    GrantListQuery,
    GrantPage,
    GrantView,
    RelayFundingRequest,
    RelaySpendRequest,
    RelayStepRequest,
    RelayView,
)
from valetkey.wire.http import API_PREFIX

SESSION = f"{API_PREFIX}/agents/session/{{id}}"
TRANSACTION = f"{API_PREFIX}/transactions/{{id}}"


async def give(call: Call) -> GrantView:
    return await giving.give(call.platform, call.caller, call.path("id"), call.body(GiveGrantRequest))


async def show(call: Call) -> GrantView:
    return await giving.show(call.platform, call.caller, call.path("id"))


async def listed(call: Call) -> GrantPage:
    return await giving.listed(call.platform, call.caller, call.query(GrantListQuery))


async def exposed(call: Call) -> ExposureView:
    return await exposure.exposure(call.platform, call.caller, call.path("id"))


async def fund(call: Call) -> RelayView:
    return await relaying.fund(call.platform, call.caller, call.path("id"), call.body(RelayFundingRequest))


async def step(call: Call) -> RelayView:
    return await relaying.step(call.platform, call.caller, call.path("id"), call.body(RelayStepRequest))


async def pay(call: Call) -> RelayView:
    return await relaying.pay(call.platform, call.caller, call.path("id"), call.body(RelaySpendRequest))


async def relay(call: Call) -> RelayView:
    return await relaying.show(call.platform, call.caller, call.path("id"))


ENDPOINTS = [
    Endpoint(
        method="POST",
        path=f"{SESSION}/grant",
        handler=give,
        summary="Give a session a grant that its owner signed; it pays out of the owner's balance from then on",
        takes=GiveGrantRequest,
        gives=GrantView,
        access=Access.OWNER,
        scope=Scope.SESSIONS_WRITE,
        status=201,
        remembers=False,
    ),
    Endpoint(
        method="GET",
        path=f"{SESSION}/grant",
        handler=show,
        summary="The grant that a session was given last, for its owner and its holder",
        gives=GrantView,
        scope=Scope.SESSIONS_READ,
    ),
    Endpoint(
        method="GET",
        path=f"{API_PREFIX}/agents/grants",
        handler=listed,
        summary="The grants that the owner gave, newest first, revoked ones too",
        query=GrantListQuery,
        gives=GrantPage,
        access=Access.OWNER,
        scope=Scope.SESSIONS_READ,
    ),
    Endpoint(
        method="GET",
        path=f"{SESSION}/exposure",
        handler=exposed,
        summary="The most that a session could still cost if its key leaked now, read from ledger and chain",
        gives=ExposureView,
        access=Access.OWNER,
        scope=Scope.SESSIONS_READ,
    ),
    Endpoint(
        method="POST",
        path=f"{TRANSACTION}/relay",
        handler=fund,
        lane=Lane.PROOF,
        summary="Send the escrow that a session key signed for; the relayer pays the gas",
        takes=RelayFundingRequest,
        gives=RelayView,
        limit=Limit.FUND,
        status=202,
        remembers=False,
    ),
    Endpoint(
        method="POST",
        path=f"{TRANSACTION}/step",
        handler=step,
        lane=Lane.PROOF,
        summary="Send a buyer's step on an escrow that a session key signed: accept, dispute or claim",
        takes=RelayStepRequest,
        gives=RelayView,
        limit=Limit.CONFIRM,
        status=202,
        remembers=False,
    ),
    Endpoint(
        method="POST",
        path=f"{API_PREFIX}/spends/{{id}}/relay",
        handler=pay,
        lane=Lane.PROOF,
        summary="Send a payment out of a grant that a session key signed for a spend that is held",
        takes=RelaySpendRequest,
        gives=RelayView,
        limit=Limit.FUND,
        status=202,
        remembers=False,
    ),
    Endpoint(
        method="GET",
        path=f"{API_PREFIX}/relays/{{id}}",
        handler=relay,
        summary="What became of something that the relayer sends",
        gives=RelayView,
        scope=Scope.SESSIONS_READ,
    ),
]
