"""Routes of the checkout."""

from valetkey.core.api_key import Scope
from valetkey.platform.checkout import service
from valetkey.platform.http import Call, Endpoint
from valetkey.platform.limits import Limit
from valetkey.wire.checkout import CheckoutRequest, CheckoutResult
from valetkey.wire.http import API_PREFIX, IDEMPOTENCY_HEADER
from valetkey.wire.spends import Verdict


async def purchase(call: Call) -> CheckoutResult:
    asked = call.body(CheckoutRequest)
    return await service.purchase(call.platform, call.caller, asked, call.header(IDEMPOTENCY_HEADER))


async def check(call: Call) -> Verdict:
    return await service.check(call.platform, call.caller, call.body(CheckoutRequest))


ENDPOINTS = [
    Endpoint(
        method="POST",
        path=f"{API_PREFIX}/checkout",
        handler=purchase,
        summary="Order a service; the spend gate decides. An Idempotency-Key header makes retries safe",
        takes=CheckoutRequest,
        gives=CheckoutResult,
        scope=Scope.MARKET,
        limit=Limit.CHECKOUT,
        status=201,
        remembers=False,
    ),
    Endpoint(
        method="POST",
        path=f"{API_PREFIX}/checkout/check",
        handler=check,
        summary="What the gate would say to an order of a session now; nothing is ordered",
        takes=CheckoutRequest,
        gives=Verdict,
        scope=Scope.MARKET,
        remembers=False,
    ),
]
