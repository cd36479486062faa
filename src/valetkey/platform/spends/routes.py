"""Routes of spends."""

from valetkey.core.api_key import Scope
from valetkey.core.ids import Kind
from valetkey.crypto.credentials import new_id
from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.limits import Limit
from valetkey.platform.room import Lane
from valetkey.platform.spends import service
from valetkey.wire.http import API_PREFIX, IDEMPOTENCY_HEADER
from valetkey.wire.spends import (
    CaptureBody,
    RefundBody,
    SignedBody,
    SpendBody,
    SpendListQuery,
    SpendPage,
    SpendView,
    Verdict,
    VoidBody,
)

SPENDS = f"{API_PREFIX}/spends"


async def ask(call: Call) -> SpendView:
    hold_id = new_id(Kind.HOLD)
    spend = await service.ask(
        call.platform, call.caller, call.body(SpendBody), call.header(IDEMPOTENCY_HEADER), hold_id
    )
    if call.is_recent and spend.spend_id != hold_id:
        # An earlier answer: the gate decided nothing now, so it did not look whether the session still lives.
        await call.look_again()
    return spend


async def check(call: Call) -> Verdict:
    return await service.check(call.platform, call.caller, call.body(SpendBody))


async def show(call: Call) -> SpendView:
    return await service.show(call.platform, call.caller, call.path("id"))


async def listed(call: Call) -> SpendPage:
    return await service.listed(call.platform, call.caller, call.query(SpendListQuery))


async def signed(call: Call) -> SpendView:
    return await service.signed(call.platform, call.caller, call.path("id"), call.body(SignedBody))


async def execute(call: Call) -> SpendView:
    return await service.execute(call.platform, call.caller, call.path("id"))


async def capture(call: Call) -> SpendView:
    amount = call.optional_body(CaptureBody).amount
    return await service.capture(call.platform, call.caller, call.path("id"), amount)


async def void(call: Call) -> SpendView:
    proven = call.optional_body(VoidBody).proven
    return await service.void(call.platform, call.caller, call.path("id"), proven=proven)


async def refund(call: Call) -> SpendView:
    amount = call.body(RefundBody).amount
    return await service.refund(call.platform, call.caller, call.path("id"), amount)


async def returned(call: Call) -> SpendView:
    return await service.returned(call.platform, call.caller, call.path("id"))


ENDPOINTS = [
    Endpoint(
        method="POST",
        path=SPENDS,
        handler=ask,
        summary="Hold the money of a spend; the spend gate decides. An Idempotency-Key header makes retries safe",
        takes=SpendBody,
        gives=SpendView,
        scope=Scope.SPENDS_WRITE,
        limit=Limit.CHECKOUT,
        status=201,
        remembers=False,
        decided=True,
    ),
    Endpoint(
        method="POST",
        path=f"{SPENDS}/check",
        handler=check,
        summary="What the gate would say to a spend now; nothing is held",
        takes=SpendBody,
        gives=Verdict,
        scope=Scope.SPENDS_WRITE,
        remembers=False,
    ),
    Endpoint(
        method="GET",
        path=SPENDS,
        handler=listed,
        summary="Spends, newest first: the owner's, or those of the session that calls",
        query=SpendListQuery,
        gives=SpendPage,
        scope=Scope.SPENDS_READ,
    ),
    Endpoint(
        method="GET",
        path=SPENDS + "/{id}",
        handler=show,
        summary="One spend",
        gives=SpendView,
        scope=Scope.SPENDS_READ,
    ),
    Endpoint(
        method="POST",
        path=SPENDS + "/{id}/signed",
        handler=signed,
        lane=Lane.REPORT,
        summary="Keep what was signed for a spend, before it is sent; its outcome is unknown from then on",
        takes=SignedBody,
        gives=SpendView,
        scope=Scope.SPENDS_WRITE,
    ),
    Endpoint(
        method="POST",
        path=SPENDS + "/{id}/execute",
        handler=execute,
        summary="Go on with a spend that the owner approved; it is decided again",
        gives=SpendView,
        scope=Scope.SPENDS_WRITE,
    ),
    Endpoint(
        method="POST",
        path=SPENDS + "/{id}/capture",
        handler=capture,
        lane=Lane.REPORT,
        summary="Say what moved: all that was held, or, by the owner, less",
        takes=CaptureBody,
        may_be_empty=True,
        gives=SpendView,
        scope=Scope.SPENDS_WRITE,
    ),
    Endpoint(
        method="POST",
        path=SPENDS + "/{id}/void",
        handler=void,
        lane=Lane.REPORT,
        summary="Give a spend's money back to the budget",
        takes=VoidBody,
        may_be_empty=True,
        gives=SpendView,
        scope=Scope.SPENDS_WRITE,
    ),
    Endpoint(
        method="POST",
        path=SPENDS + "/{id}/refund",
        handler=refund,
        lane=Lane.REPORT,
        summary="Say what the payee gave back, in all",
        takes=RefundBody,
        gives=SpendView,
        access=Access.OWNER,
        scope=Scope.SPENDS_WRITE,
    ),
    Endpoint(
        method="POST",
        path=SPENDS + "/{id}/returned",
        handler=returned,
        lane=Lane.REPORT,
        summary="Count what came back of a channel's deposit, as the chain proves it",
        gives=SpendView,
        scope=Scope.SPENDS_WRITE,
    ),
]
