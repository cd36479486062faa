"""The httpx transport of a paying client: it sends requests, and hands a 402 to the payer."""

import httpx

from valetkey.core.errors import InvalidInput
from valetkey.sdk._async.x402_payer import AsyncPayer
from valetkey.sdk.x402.requests import PAYMENT_HEADERS
from valetkey.sdk.x402.terms import origin_of

ASKED = "valetkey.asked"
"""An extension of a request that stays with it when httpx follows a redirect: whom it asked first."""


class AsyncPayingTransport(httpx.AsyncBaseTransport):
    """Sends through another transport. A payment is on no request that httpx knows of, so no redirect carries it."""

    def __init__(self, inner: httpx.AsyncBaseTransport, payer: AsyncPayer) -> None:
        self._inner = inner
        self._payer = payer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send; pay when that is asked for. Raises what httpx raises, and the refusals of valetkey.sdk.errors."""
        if any(name in request.headers for name in PAYMENT_HEADERS):
            raise InvalidInput("a paying client makes the payment header itself", field="headers")
        asked = request.extensions.setdefault(ASKED, origin_of(request.url))
        response = await self._inner.handle_async_request(request)
        if response.status_code != httpx.codes.PAYMENT_REQUIRED:
            return response
        return await self._payer.pay(self._inner, request, response, asked)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()
        await self._payer.close()
