# Generated from src/valetkey/sdk/_async/x402_transport.py by scripts/generate_sync.py: edit that file instead.
"""The httpx transport of a paying client: it sends requests, and hands a 402 to the payer."""

import httpx

from valetkey.core.errors import InvalidInput
from valetkey.sdk._sync.x402_payer import Payer
from valetkey.sdk.x402.requests import PAYMENT_HEADERS
from valetkey.sdk.x402.terms import origin_of

ASKED = "valetkey.asked"
"""An extension of a request that stays with it when httpx follows a redirect: whom it asked first."""


class PayingTransport(httpx.BaseTransport):
    """Sends through another transport. A payment is on no request that httpx knows of, so no redirect carries it."""

    def __init__(self, inner: httpx.BaseTransport, payer: Payer) -> None:
        self._inner = inner
        self._payer = payer

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send; pay when that is asked for. Raises what httpx raises, and the refusals of valetkey.sdk.errors."""
        if any(name in request.headers for name in PAYMENT_HEADERS):
            raise InvalidInput("a paying client makes the payment header itself", field="headers")
        asked = request.extensions.setdefault(ASKED, origin_of(request.url))
        response = self._inner.handle_request(request)
        if response.status_code != httpx.codes.PAYMENT_REQUIRED:
            return response
        return self._payer.pay(self._inner, request, response, asked)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()
        self._payer.close()
