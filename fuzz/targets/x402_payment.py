"""PAYMENT-SIGNATURE and X-PAYMENT: what a stranger presents to a paid route, as the official package reads it."""

import asyncio
import base64
import json
import logging
from collections.abc import Iterable, MutableMapping
from functools import cache
from typing import Any

from hypothesis import strategies as st

from fuzz.making import VALUES, changed_object, changed_text
from fuzz.target import Target, must
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.x402.asked import Request
from valetkey.sdk.x402.asking import Terms, resource_server
from valetkey.sdk.x402.seller import PaidRoutes

USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
SELLER, PAYER = PrivateKey(b"\x22" * 32).address, PrivateKey(b"\x11" * 32).address
PRICE = "10000"
AS_HEADER, AS_JSON = range(2)
HEADERS_BYTES_MAX = 65_536
"""The longest head of a request that a server takes."""


class Facilitator:
    """Stands for the service that judges payments: it believes none, and says which it was shown."""

    def __init__(self) -> None:
        self.shown: list[Any] = []

    def get_supported(self) -> Any:
        from x402.schemas import SupportedKind, SupportedResponse

        kind = SupportedKind(x402_version=2, scheme="exact", network="eip155:84532")
        return SupportedResponse(kinds=[kind], extensions=[], signers={})

    async def verify(self, payload: Any, requirements: Any, *_: Any, **__: Any) -> Any:
        from x402.schemas import VerifyResponse

        self.shown.append((payload, requirements))
        return VerifyResponse(is_valid=False, invalid_reason="unbelieved", payer=None)

    async def settle(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("what was not verified is settled")


@cache
def _served() -> tuple[Facilitator, PaidRoutes, list[str]]:
    logging.getLogger("valetkey.x402").setLevel(logging.CRITICAL)
    facilitator, served = Facilitator(), []
    terms = Terms(chain_id=84_532, asset=USDC, name="USDC", version="2", pay_to=SELLER)
    server = resource_server({"GET /paid": "0.01", "POST /items/{id}": "0.01"}, terms, facilitator)

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        served.append("served")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"sold"})

    return facilitator, PaidRoutes(application, server), served


def check(data: bytes) -> None:
    """The first byte: a header as it is or the JSON in one, by which name, and with which path."""
    if len(data) < 2:
        return
    mode, rest = data[0] & 1, data[1:]
    name = b"payment-signature" if data[0] & 2 else b"x-payment"
    path, raw = (b"/paid", b"/paid") if data[0] & 4 else (b"/items/" + rest[:1], b"/items/%41")
    value = rest if mode == AS_HEADER else base64.b64encode(rest)
    facilitator, app, served = _served()
    facilitator.shown.clear()
    served.clear()
    scope: MutableMapping[str, Any] = {
        "type": "http",
        "method": "GET" if data[0] & 4 else "POST",
        "path": path.decode("latin-1"),
        "raw_path": raw,
        "query_string": b"q=1",
        "headers": [(b"host", b"sell.example.com"), (name, value)],
        "server": ("127.0.0.1", 80),
        "scheme": "http",
    }
    Request(scope).key(value.decode("latin-1"))
    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    _loop().run_until_complete(app(scope, receive, send))
    must(not served, "nothing is served for a payment that nobody verified")
    must(
        len(answers) == 2 and 400 <= answers[0]["status"] < 500,
        "a stranger's payment is no fault of the server",
    )
    for _payload, requirements in facilitator.shown:
        told = (str(requirements.amount), requirements.pay_to.lower(), requirements.asset.lower())
        must(
            told == (PRICE, SELLER.lower(), USDC.lower()),
            "what is verified is the price, the payee and the token of the route",
        )


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _payment() -> dict[str, Any]:
    return {
        "x402Version": 2,
        "resource": {"url": "http://sell.example.com/paid", "description": "", "mimeType": ""},
        "accepted": {
            "scheme": "exact",
            "network": "eip155:84532",
            "asset": USDC,
            "amount": PRICE,
            "payTo": SELLER,
            "maxTimeoutSeconds": 60,
            "extra": {"name": "USDC", "version": "2"},
        },
        "payload": {
            "signature": "0x" + "11" * 65,
            "authorization": {
                "from": PAYER,
                "to": SELLER,
                "value": PRICE,
                "validAfter": "0",
                "validBefore": "9999999999",
                "nonce": "0x" + "22" * 32,
            },
        },
        "extensions": {},
    }


def _first() -> dict[str, Any]:
    payload = _payment()["payload"]
    return {"x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": payload}


def strategy() -> st.SearchStrategy[bytes]:
    """Payments of both versions in which something is wrong."""
    kinds = st.sampled_from([0, 2, 4, 6])
    good = base64.b64encode(json.dumps(_payment()).encode()).decode()
    return st.one_of(
        st.builds(lambda kind, one: bytes([kind | AS_JSON]) + _json(one), kinds, changed_object(_payment)),
        st.builds(lambda kind, one: bytes([kind | AS_JSON]) + _json(one), kinds, changed_object(_first)),
        st.builds(lambda kind, one: bytes([kind | AS_JSON]) + _json(one), kinds, VALUES),
        st.builds(
            lambda kind, one: bytes([kind]) + one.encode("utf-8", "surrogatepass"), kinds, changed_text(good)
        ),
    )


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def seeds() -> Iterable[bytes]:
    """A payment of each version, as JSON and as a header."""
    yield bytes([6 | AS_JSON]) + _json(_payment())
    yield bytes([2 | AS_JSON]) + _json(_first())
    yield bytes([4]) + base64.b64encode(_json(_payment()))
    yield bytes([4 | AS_JSON]) + b"[" * 40


TARGET = Target(
    name="x402-payment",
    parser="sdk/x402/asked.py Request, sdk/x402/seller.py PaidRoutes, with the official package behind them",
    holds=(
        "nothing is raised: a stranger's payment is answered with 4xx, never with 5xx",
        "nothing is served and nothing settled that nobody verified",
        "what is verified is the route's own price, payee and token, whatever the payment says it accepted",
    ),
    check=check,
    strategy=strategy,
    seeds=seeds,
    words=(
        '"x402Version":',
        '"accepted":{',
        '"payload":{',
        '"authorization":{',
        '"signature":"0x',
        '"scheme":"exact"',
        "eip155:84532",
        "base-sepolia",
        '"extensions":{',
        '"resource":{',
    ),
    bytes_max=4_096,
    stretched_bytes=HEADERS_BYTES_MAX * 3 // 4,
)
