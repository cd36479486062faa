"""The official client against the official server and facilitator: the ground on which the payer is tried stands."""

import asyncio

import httpx
import pytest
from eth_account import Account
from x402 import x402Client
from x402.http.clients.httpx import PaymentError, x402HttpxClient
from x402.http.utils import decode_payment_required_header, decode_payment_response_header
from x402.mechanisms.evm.exact import register_exact_evm_client
from x402.mechanisms.evm.upto import UptoEvmClientScheme

from tests.fixtures_x402 import X402Lab
from tests.x402.faults import FaultyProxy, fail, lose, slowly
from tests.x402.resources import METERED, OfficialSeller
from valetkey.cli.dev_rpc import USDC
from valetkey.crypto.keys import PrivateKey


@pytest.fixture
def payer(x402_lab: X402Lab) -> PrivateKey:
    """A wallet with one dollar and no gas: the facilitator pays that."""
    key = PrivateKey.generate()
    x402_lab.stack.rpc.mint(x402_lab.asset.address, key.address, USDC)
    return key


def test_what_is_unpaid_is_asked_for(x402_lab: X402Lab, x402_seller: OfficialSeller) -> None:
    answer = httpx.get(f"{x402_seller.url}/weather", trust_env=False)
    assert answer.status_code == 402
    required = decode_payment_required_header(answer.headers["payment-required"])
    (offer,) = required.accepts
    assert (offer.scheme, offer.network) == ("exact", "eip155:84532")
    assert (offer.amount, offer.asset) == ("10000", x402_lab.asset.address)
    assert offer.pay_to == x402_seller.pay_to
    assert offer.extra == {"name": "USDC", "version": "2"}
    assert x402_seller.served["/weather"] == 0


def _ask(key: PrivateKey, *asked: tuple[str, str]) -> list[httpx.Response | Exception]:
    """Requests of one paying client, one after the other; what was raised stands in its answer's place."""

    async def ask() -> list[httpx.Response | Exception]:
        client = register_exact_evm_client(x402Client(), Account.from_key(key.to_hex()))
        client.register("eip155:*", UptoEvmClientScheme(Account.from_key(key.to_hex())))
        answers: list[httpx.Response | Exception] = []
        async with x402HttpxClient(client, timeout=30, trust_env=False) as http:
            for method, url in asked:
                try:
                    body = {"n": 1} if method == "POST" else None
                    answers.append(await http.request(method, url, json=body))
                except PaymentError as error:
                    answers.append(error)
        return answers

    return asyncio.run(ask())


def test_the_official_client_pays(x402_lab: X402Lab, x402_seller: OfficialSeller, payer: PrivateKey) -> None:
    routes = [("GET", "/weather"), ("GET", "/report"), ("POST", "/jobs"), ("GET", "/free")]
    answers = _ask(payer, *((method, x402_seller.url + path) for method, path in routes))
    weather, report, job, free = (one for one in answers if isinstance(one, httpx.Response))
    assert [one.status_code for one in (weather, report, job, free)] == [200] * 4
    assert weather.json() == {"weather": "sunny"}
    assert job.json() == {"done": {"n": 1}}
    receipt = decode_payment_response_header(weather.headers["payment-response"])
    mined = x402_lab.stack.rpc.call("eth_getTransactionReceipt", receipt.transaction)
    assert int(mined["status"], 16) == 1
    assert x402_lab.payments_of(payer.address) == [10_000, 250_000, 50_000]
    assert x402_lab.units(x402_seller.pay_to) == 310_000
    assert x402_lab.units(payer.address) == USDC - 310_000


def test_an_answer_lost_after_the_money_moved(
    x402_lab: X402Lab, x402_seller: OfficialSeller, payer: PrivateKey
) -> None:
    with FaultyProxy(x402_seller.url, lose) as proxy:
        lost, again = _ask(payer, *[("GET", f"{proxy.url}/weather")] * 2)
        assert isinstance(lost, PaymentError)
        assert isinstance(again, httpx.Response)
        assert len(proxy.paid) == 2
    # The official client forgets what it signed, and pays again: our payer must not.
    assert x402_lab.payments_of(payer.address) == [10_000, 10_000]


def test_an_error_after_the_money_moved(
    x402_lab: X402Lab, x402_seller: OfficialSeller, payer: PrivateKey
) -> None:
    with FaultyProxy(x402_seller.url, fail) as proxy:
        (answer,) = _ask(payer, ("GET", f"{proxy.url}/weather"))
    assert isinstance(answer, httpx.Response)
    assert answer.status_code == 500
    assert x402_lab.units(x402_seller.pay_to) == 10_000


def test_a_late_answer(x402_lab: X402Lab, x402_seller: OfficialSeller, payer: PrivateKey) -> None:
    with FaultyProxy(x402_seller.url, slowly(0.3)) as proxy:
        (answer,) = _ask(payer, ("GET", f"{proxy.url}/weather"))
    assert isinstance(answer, httpx.Response)
    assert answer.elapsed.total_seconds() > 0.3


def test_permit2_and_upto(x402_lab: X402Lab, x402_seller: OfficialSeller, payer: PrivateKey) -> None:
    x402_lab.permit2(payer)
    permit2, meter = _ask(payer, ("GET", f"{x402_seller.url}/permit2"), ("GET", f"{x402_seller.url}/meter"))
    assert isinstance(permit2, httpx.Response)
    assert isinstance(meter, httpx.Response)
    assert permit2.json() == {"permit2": "yes"}
    assert meter.json() == {"used": METERED}
    assert "settlement-overrides" not in meter.headers
    assert x402_lab.units(x402_seller.pay_to) == 20_000 + METERED
    assert x402_lab.units(payer.address) == USDC - 20_000 - METERED
