"""Requests that may be paid for, as httpx has them: whom they ask, whether they can be sent again. No I/O."""

import httpx

from valetkey.core.refusal import Code, Refused, refuse
from valetkey.sdk.x402.offers import REQUIRED_HEADER, Offer, Required, read_required, resources_of
from valetkey.sdk.x402.terms import Terms, is_of, origin_of

PAYMENT_HEADERS = ("PAYMENT-SIGNATURE", "X-PAYMENT")
KEY_HEADER = "Idempotency-Key"
ENCODING_HEADER = "Content-Encoding"


def demand_of(response: httpx.Response, body: bytes) -> Required | Refused | None:
    """What a 402 asks for; None when it is none of x402."""
    header = response.headers.get(REQUIRED_HEADER)
    if header is None and response.headers.get(ENCODING_HEADER, "identity").lower() != "identity":
        # Who unpacks what a stranger sends may be sent any amount.
        return refuse(Code.OFFER_UNREADABLE, "body", "the seller's demand is packed, and is not unpacked")
    return read_required(header, body)


def problem_of(request: httpx.Request, asked: str, required: Required, terms: Terms) -> Refused | None:
    """Why this request may not be paid for, whatever it costs; None when it may. `asked`: whom it asked at first."""
    if origin_of(request.url) != asked:
        return refuse(
            Code.REDIRECTED_OFFER,
            "redirect",
            "another host than the one that was asked wants to be paid",
            hint="ask that host itself, if it is meant",
        )
    if problem := terms.host_problem(request.url):
        return problem
    if not all(is_of(request.url, one) for one in resources_of(required)):
        return refuse(
            Code.OFFER_RESOURCE_ELSEWHERE, "resource", "the offer is for a resource of another host"
        )
    if not isinstance(request.stream, httpx.ByteStream):
        return refuse(
            Code.BODY_NOT_REPLAYABLE,
            "body",
            "the request's body is a stream, which cannot be sent again with the payment",
            hint="give the body as bytes, json or data",
        )
    return None


def body_of(request: httpx.Request) -> bytes:
    """The body of a request that can be sent again."""
    assert isinstance(request.stream, httpx.ByteStream)
    return b"".join(request.stream)


def with_payment(request: httpx.Request, header: str, value: str) -> httpx.Request:
    """The same request with its payment. httpx never sees it, so neither a redirect nor a log carries it on."""
    names = {one.lower() for one in PAYMENT_HEADERS}
    headers = [pair for pair in request.headers.multi_items() if pair[0].lower() not in names]
    return httpx.Request(
        request.method,
        request.url,
        headers=[*headers, (header, value)],
        stream=request.stream,
        extensions=request.extensions,
    )


def unpaid(response: httpx.Response, body: bytes) -> httpx.Response:
    """A 402 that was read, as it came."""
    return httpx.Response(
        response.status_code,
        headers=response.headers,
        stream=httpx.ByteStream(body),
        extensions=response.extensions,
    )


def second_demand(required: Required | Refused | None, offer: Offer, spend_id: str) -> Refused:
    """Why an answer to a payment that asks for money is not paid again."""
    hint = f"spend {spend_id} counts until the chain proves otherwise; the same request presents the same payment"
    again = not isinstance(required, Required) or any(one == offer.raw for one in required.accepts)
    if again:
        return refuse(
            Code.PAYMENT_NOT_ACCEPTED,
            "payment",
            "the seller was sent a payment and asks for one again",
            hint=hint,
        )
    return refuse(
        Code.OFFER_CHANGED,
        "payment",
        "the seller was sent a payment for its offer and made another one",
        hint=hint,
    )
