"""Routes of transactions."""

from valetkey.core.api_key import Scope
from valetkey.platform.http import Call, Endpoint
from valetkey.platform.limits import Limit
from valetkey.platform.room import Lane
from valetkey.platform.transactions import disputes, service
from valetkey.wire.http import API_PREFIX
from valetkey.wire.transactions import (
    DeliverRequest,
    DisputeRequest,
    DisputeView,
    EvidenceRequest,
    EvidenceResult,
    FundRequest,
    FundResult,
    SignedRequest,
    TransactionListQuery,
    TransactionPage,
    TransactionView,
)

TRANSACTIONS = f"{API_PREFIX}/transactions"
ONE = TRANSACTIONS + "/{id}"


async def listed(call: Call) -> TransactionPage:
    return await service.listed(call.platform, call.caller, call.query(TransactionListQuery))


async def show(call: Call) -> TransactionView:
    return await service.show(call.platform, call.caller, call.path("id"))


async def signed(call: Call) -> TransactionView:
    call.body(SignedRequest)
    return await service.signed(call.platform, call.caller, call.path("id"))


async def fund(call: Call) -> FundResult:
    asked = call.body(FundRequest)
    return await service.fund(call.platform, call.caller, call.path("id"), asked.tx_hash)


async def deliver(call: Call) -> TransactionView:
    return await service.deliver(call.platform, call.caller, call.path("id"), call.body(DeliverRequest))


async def confirm(call: Call) -> TransactionView:
    return await service.confirm(call.platform, call.caller, call.path("id"))


async def dispute(call: Call) -> TransactionView:
    asked = call.body(DisputeRequest)
    return await disputes.dispute(call.platform, call.caller, call.path("id"), asked.reason)


async def show_dispute(call: Call) -> DisputeView:
    return await disputes.show(call.platform, call.caller, call.path("id"))


async def submit_evidence(call: Call) -> EvidenceResult:
    asked = call.body(EvidenceRequest)
    return await disputes.submit_evidence(call.platform, call.caller, call.path("id"), asked)


ENDPOINTS = [
    Endpoint(
        method="GET",
        path=TRANSACTIONS,
        handler=listed,
        summary="Transactions that the caller may see, newest first; what a seller has to deliver, oldest first",
        query=TransactionListQuery,
        gives=TransactionPage,
        scope=Scope.MARKET_READ,
    ),
    Endpoint(
        method="GET",
        path=ONE,
        handler=show,
        summary="One transaction",
        gives=TransactionView,
        scope=Scope.MARKET_READ,
    ),
    Endpoint(
        method="POST",
        path=ONE + "/signed",
        handler=signed,
        lane=Lane.REPORT,
        summary="The buyer signed a payment: its hold stays until proof",
        takes=SignedRequest,
        gives=TransactionView,
        scope=Scope.MARKET,
    ),
    Endpoint(
        method="POST",
        path=ONE + "/fund",
        handler=fund,
        lane=Lane.PROOF,
        summary="Prove the payment of the escrow",
        takes=FundRequest,
        gives=FundResult,
        scope=Scope.MARKET,
        limit=Limit.FUND,
    ),
    Endpoint(
        method="POST",
        path=ONE + "/deliver",
        handler=deliver,
        lane=Lane.REPORT,
        summary="Deliver what was bought",
        takes=DeliverRequest,
        gives=TransactionView,
        scope=Scope.MARKET,
        limit=Limit.DELIVER,
    ),
    Endpoint(
        method="POST",
        path=ONE + "/confirm",
        handler=confirm,
        lane=Lane.PROOF,
        summary="Complete the purchase after the escrow was released on chain; no body",
        gives=TransactionView,
        scope=Scope.MARKET,
        limit=Limit.CONFIRM,
    ),
    Endpoint(
        method="POST",
        path=ONE + "/dispute",
        handler=dispute,
        lane=Lane.PROOF,
        summary="Record a dispute that was opened on chain",
        takes=DisputeRequest,
        gives=TransactionView,
        scope=Scope.MARKET,
    ),
    Endpoint(
        method="GET",
        path=ONE + "/dispute",
        handler=show_dispute,
        summary="A dispute",
        gives=DisputeView,
        scope=Scope.MARKET_READ,
    ),
    Endpoint(
        method="POST",
        path=ONE + "/dispute/evidence",
        handler=submit_evidence,
        summary="Add evidence to an open dispute",
        takes=EvidenceRequest,
        gives=EvidenceResult,
        scope=Scope.MARKET,
        status=201,
    ),
]
