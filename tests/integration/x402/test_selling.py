"""Routes of ours that ask for money, against the official client: what is served, what is paid, and what is not."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_account import Account
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from x402 import x402Client
from x402.http.clients.httpx import x402HttpxClient
from x402.http.utils import decode_payment_required_header, decode_payment_response_header
from x402.http.x402_http_client import x402HTTPClient
from x402.mechanisms.evm.exact import register_exact_evm_client

from tests.fixtures_x402 import X402Lab
from tests.x402.loopback import Loopback
from valetkey import SellerAgent
from valetkey.cli.dev_rpc import USDC
from valetkey.core.errors import InvalidAmount, InvalidInput
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.x402.asking import LocalFacilitator, price_units

ROUTES = {
    "GET /weather/{city}": "0.01",
    "POST /jobs": "$0.05",
    "GET /files/{path:path}": "0.02",
    "/any": "0.03",
}
CENT = 10_000


class Shop:
    """A Starlette application; `served` are the paths whose handlers ran."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.status = 200
        self.app = Starlette(
            routes=[
                Route("/weather/{city}", self._serve),
                Route("/jobs", self._serve, methods=["POST"]),
                Route("/files/{path:path}", self._serve),
                Route("/any", self._serve, methods=["GET", "PUT"]),
                Route("/free", self._serve),
            ]
        )

    async def _serve(self, request: Request) -> JSONResponse:
        self.served.append(request.url.path)
        body = (await request.body()).decode()
        return JSONResponse({"of": request.url.path, "body": body}, self.status, {"Cache-Control": "public"})


@pytest.fixture(scope="module")
def seller(x402_lab: X402Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SellerAgent]:
    key = x402_lab.stack.wallet()
    home = tmp_path_factory.mktemp("seller")
    base_url = x402_lab.stack.base_url
    agent = SellerAgent.register(key.to_hex(), f"paid-{key.address}", base_url=base_url, state_dir=home)
    agent.init_eoa_wallet(key.to_hex())
    yield agent
    agent.close()


@pytest.fixture
def payer(x402_lab: X402Lab) -> PrivateKey:
    key = PrivateKey.generate()
    x402_lab.stack.rpc.mint(x402_lab.asset.address, key.address, USDC)
    return key


Serve = Callable[[Any], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts an application, and tells where it answers."""
    running: list[Loopback] = []

    def start(app: Any) -> str:
        running.append(Loopback(app))
        return running[-1].url

    yield start
    for one in running:
        one.stop()


@pytest.fixture
def shop(x402_lab: X402Lab, seller: SellerAgent) -> Shop:
    made = Shop()
    assert seller.protect(made.app, ROUTES, facilitator=x402_lab.facilitator_url) is made.app
    return made


def _paying(key: PrivateKey) -> x402Client:
    return register_exact_evm_client(x402Client(), Account.from_key(key.to_hex()))


def pay(key: PrivateKey, method: str, url: str, **more: Any) -> httpx.Response:
    """One request of the official client."""

    async def ask() -> httpx.Response:
        async with x402HttpxClient(_paying(key), timeout=30, trust_env=False) as http:
            return await http.request(method, url, **more)

    return asyncio.run(ask())


def signed(key: PrivateKey, unpaid: httpx.Response) -> dict[str, str]:
    """The payment header for an offer, to be sent as often as a test likes."""
    client = x402HTTPClient(_paying(key))
    required = decode_payment_required_header(unpaid.headers["payment-required"])
    payload = asyncio.run(client.create_payment_payload(required))
    return dict(client.encode_payment_signature_header(payload))


def get(url: str, **more: Any) -> httpx.Response:
    return httpx.get(url, timeout=30, trust_env=False, **more)


def test_starlette_is_paid_to_the_owners_wallet(
    x402_lab: X402Lab, seller: SellerAgent, shop: Shop, payer: PrivateKey, serve: Serve
) -> None:
    url, before = serve(shop.app), x402_lab.units(seller.wallet_address)
    answer = pay(payer, "GET", f"{url}/weather/paris?units=metric")
    assert answer.status_code == 200
    assert answer.json()["of"] == "/weather/paris"
    assert answer.headers["cache-control"] == "private, no-store"
    receipt = decode_payment_response_header(answer.headers["payment-response"])
    mined = x402_lab.stack.rpc.call("eth_getTransactionReceipt", receipt.transaction)
    assert int(mined["status"], 16) == 1
    job = pay(payer, "POST", f"{url}/jobs", json={"n": 1})
    assert json.loads(job.json()["body"]) == {"n": 1}
    assert get(f"{url}/free").status_code == 200
    assert x402_lab.units(seller.wallet_address) - before == 6 * CENT


def test_fastapi_too(x402_lab: X402Lab, seller: SellerAgent, payer: PrivateKey, serve: Serve) -> None:
    app = FastAPI()

    @app.get("/weather/{city}")
    async def weather(city: str) -> dict[str, str]:
        return {"city": city}

    seller.protect(app, {"GET /weather/{city}": "0.01"}, facilitator=x402_lab.facilitator_url)
    assert pay(payer, "GET", f"{serve(app)}/weather/rome").json() == {"city": "rome"}
    assert x402_lab.payments_of(payer.address) == [CENT]


def test_any_asgi_application_and_the_facilitator_of_this_process(
    x402_lab: X402Lab, seller: SellerAgent, payer: PrivateKey, serve: Serve
) -> None:
    async def plain(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("hello")(scope, receive, send)

    gas = x402_lab.stack.wallet()
    before = x402_lab.units(seller.wallet_address)
    app = seller.protect(plain, {"GET /": "0.01"}, facilitator=gas)
    assert pay(payer, "GET", f"{serve(app)}/").text == "hello"
    assert x402_lab.units(seller.wallet_address) - before == CENT
    assert x402_lab.units(gas.address) == 0


def test_what_an_offer_says(x402_lab: X402Lab, seller: SellerAgent, shop: Shop, serve: Serve) -> None:
    url = serve(shop.app)
    required = decode_payment_required_header(get(f"{url}/weather/oslo?a=b").headers["payment-required"])
    (offer,) = required.accepts
    assert (offer.scheme, offer.network, offer.amount) == ("exact", x402_lab.network, "10000")
    assert (offer.asset, offer.pay_to) == (x402_lab.asset.address, seller.wallet_address)
    assert offer.extra == {"name": "USDC", "version": "2"}
    assert required.resource is not None
    assert required.resource.url == f"{url}/weather/oslo?a=b"


@pytest.mark.parametrize(
    "path",
    [
        "/weather/paris", "/weather/paris/", "/weather/par%69s", "/weather/%2e%2e", "//weather/paris",
        "/WEATHER/paris", "/weather/a%2Fb", "/weather/%0a", "/%77eather/paris", "/files/a/b/c", "/files/", "/files",
        "/files/..%2f..%2ffree", "/any", "/any/", "/any?free=1", "/any;x=1/../any",
    ],
)  # fmt: skip
def test_no_spelling_of_a_path_is_free(shop: Shop, serve: Serve, path: str) -> None:
    url = serve(shop.app)
    with httpx.Client(trust_env=False, timeout=10) as http:
        request = http.build_request("GET", url)
        request.url = request.url.copy_with(raw_path=path.encode())
        answer = http.send(request, follow_redirects=True)
    assert answer.status_code in (402, 404)
    assert shop.served == []


def test_head_runs_nothing_and_takes_nothing(
    x402_lab: X402Lab, shop: Shop, payer: PrivateKey, serve: Serve
) -> None:
    url = serve(shop.app)
    header = signed(payer, get(f"{url}/weather/paris"))
    assert httpx.head(f"{url}/weather/paris", headers=header, trust_env=False).status_code == 402
    assert shop.served == []
    assert x402_lab.payments_of(payer.address) == []
    assert httpx.request("PUT", f"{url}/any", trust_env=False).status_code == 402


def test_an_application_below_a_mount(
    x402_lab: X402Lab, seller: SellerAgent, payer: PrivateKey, serve: Serve
) -> None:
    inner = Shop()
    seller.protect(inner.app, ROUTES, facilitator=x402_lab.facilitator_url)
    url = serve(Starlette(routes=[Mount("/v1", app=inner.app)]))
    assert get(f"{url}/v1/weather/paris").status_code == 402
    assert pay(payer, "GET", f"{url}/v1/weather/paris").status_code == 200
    assert inner.served == ["/v1/weather/paris"]


@pytest.mark.parametrize("status", [400, 404, 500])
def test_an_error_costs_nothing(
    x402_lab: X402Lab, shop: Shop, payer: PrivateKey, serve: Serve, status: int
) -> None:
    shop.status = status
    assert pay(payer, "GET", f"{serve(shop.app)}/weather/paris").status_code == status
    assert shop.served == ["/weather/paris"]
    assert x402_lab.payments_of(payer.address) == []


def test_the_same_payment_again_gets_what_it_paid_for(
    x402_lab: X402Lab, shop: Shop, payer: PrivateKey, serve: Serve
) -> None:
    url = serve(shop.app)
    header = signed(payer, get(f"{url}/weather/paris"))
    first, again = (get(f"{url}/weather/paris", headers=header) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert first.headers["payment-response"] == again.headers["payment-response"]
    # It buys nothing else, and nothing elsewhere.
    assert get(f"{url}/weather/rome", headers=header).status_code == 402
    assert get(f"{url}/files/x", headers=header).status_code == 402
    assert x402_lab.payments_of(payer.address) == [CENT]


def test_copies_of_one_payment_at_once_run_the_handler_once(
    x402_lab: X402Lab, shop: Shop, payer: PrivateKey, serve: Serve
) -> None:
    url = serve(shop.app)
    header = signed(payer, get(f"{url}/weather/paris"))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: get(f"{url}/weather/paris", headers=header), range(8)))
    assert [one.status_code for one in answers] == [200] * 8
    assert shop.served == ["/weather/paris"]
    assert x402_lab.payments_of(payer.address) == [CENT]


def test_a_payment_of_too_little_or_to_another_is_not_taken(
    x402_lab: X402Lab, shop: Shop, payer: PrivateKey, serve: Serve
) -> None:
    url = serve(shop.app)
    unpaid = get(f"{url}/weather/paris")
    required = decode_payment_required_header(unpaid.headers["payment-required"])
    for change in ({"amount": "1"}, {"pay_to": PrivateKey.generate().address}):
        cheap = required.model_copy(update={"accepts": [required.accepts[0].model_copy(update=change)]})
        client = x402HTTPClient(_paying(payer))
        payload = asyncio.run(client.create_payment_payload(cheap))
        answer = get(f"{url}/weather/paris", headers=dict(client.encode_payment_signature_header(payload)))
        assert answer.status_code == 402
    poor = signed(PrivateKey.generate(), unpaid)
    assert get(f"{url}/weather/paris", headers=poor).status_code == 402
    # The last one ends a process whose limit of recursion was raised, as importing web3 does.
    deep = base64.b64encode(b"[" * 30_000).decode()
    for junk in ("", "%%%", "e30=", "bnVsbA==", "A" * 10_000, deep):
        assert get(f"{url}/weather/paris", headers={"payment-signature": junk}).status_code == 402
    assert shop.served == []
    assert x402_lab.payments_of(payer.address) == []


def test_without_its_facilitator_nothing_is_given_away(
    x402_lab: X402Lab, seller: SellerAgent, payer: PrivateKey, serve: Serve
) -> None:
    shop = Shop()
    with Loopback(Starlette()) as wrong:
        seller.protect(shop.app, ROUTES, facilitator=wrong.url)
        url = serve(shop.app)
        answer = get(f"{url}/weather/paris")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert get(f"{url}/free").status_code == 200
    assert get(f"{url}/weather/paris").status_code == 503
    assert shop.served == ["/free"]


@pytest.mark.parametrize("price", [0.01, 1e-3, True, None, "0", 0, "-1", "", "0.0000001", "NaN", "0.01 USD"])
def test_prices_are_exact(seller: SellerAgent, x402_lab: X402Lab, price: Any) -> None:
    with pytest.raises(InvalidAmount):
        seller.protect(Starlette(), {"GET /weather": price}, facilitator=x402_lab.facilitator_url)


def test_prices_in_every_spelling() -> None:
    assert [price_units(one) for one in ("0.01", "$0.01", Decimal("0.01"), 3)] == [CENT] * 3 + [3 * USDC]


@pytest.mark.parametrize(
    "route",
    ["weather", "", "GET", "GET weather", "GET /a{b", "GET /a}b", "GET /a b", "GIVE /a", "GET /a?b=1", "{a}"],
)
def test_a_route_that_would_match_nothing_is_refused(
    seller: SellerAgent, x402_lab: X402Lab, route: str
) -> None:
    with pytest.raises(InvalidInput):
        seller.protect(Starlette(), {route: "0.01"}, facilitator=x402_lab.facilitator_url)


def test_no_route_and_the_same_route_twice_are_refused(seller: SellerAgent, x402_lab: X402Lab) -> None:
    for routes in ({}, {"GET /a/{b}": "0.01", "GET /a/{c}": "0.02"}):
        with pytest.raises(InvalidInput):
            seller.protect(Starlette(), routes, facilitator=x402_lab.facilitator_url)


def test_a_sellers_session_asks_for_its_owner(
    x402_lab: X402Lab, seller: SellerAgent, tmp_path: Path, serve: Serve
) -> None:
    session = seller.create_session()
    worker = SellerAgent(base_url=x402_lab.stack.base_url, state_dir=tmp_path)
    worker.init_with_session(session.serialize())
    shop = Shop()
    worker.protect(shop.app, ROUTES, facilitator=x402_lab.facilitator_url)
    required = decode_payment_required_header(get(f"{serve(shop.app)}/any").headers["payment-required"])
    assert required.accepts[0].pay_to == seller.wallet_address
    worker.close()


def test_a_local_facilitator_keeps_its_key_to_itself(x402_lab: X402Lab) -> None:
    key = PrivateKey.generate()
    facilitator = LocalFacilitator(x402_lab.stack.rpc_url, key, x402_lab.stack.chain_id)
    assert key.to_hex()[2:] not in repr(facilitator)
    assert key.to_hex()[2:] not in str(facilitator.get_supported())
