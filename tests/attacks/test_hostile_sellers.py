"""Sellers that change their mind, send a payer elsewhere, or take money and give nothing: what they get in the end.

Each seller sends to the chain whatever it was given, as often as it can, before the money is counted.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.fixtures_stack import RunningStack
from tests.fixtures_x402 import X402Lab
from tests.x402.hostile import Asked, Behaviour, HostileSeller, Reply
from tests.x402.permit2 import PLACES
from tests.x402.victim import BUDGET, Payer, Victim, open_session
from valetkey import BuyerAgent
from valetkey.core.errors import ValetkeyError
from valetkey.wire.errors import CODES

New = Callable[..., HostileSeller]
CENT = 10_000
PROXIES = (PLACES["ExactProxy"], PLACES["UptoProxy"])


def refused(answer: object) -> str:
    """The code of a refusal that the one table of errors knows."""
    assert isinstance(answer, ValetkeyError), answer
    assert answer.code in CODES, answer.code
    return answer.code


def costs(victim: Payer, *sellers: HostileSeller, units: int, counted: int | None = None) -> None:
    """Assert what left the wallet when every seller has taken all it can, and what the ledger counts."""
    for seller in sellers:
        seller.take_all()
    assert victim.moved() == units
    assert victim.counted() == (units if counted is None else counted)


def nothing_paid(victim: Payer, *sellers: HostileSeller) -> None:
    """Assert that no seller was sent an authorisation, and that no money is gone from wallet or budget."""
    assert [payment for one in sellers for payment in one.payments] == []
    costs(victim, *sellers, units=0)


def then(*replies: Reply | Callable[[], Reply]) -> Behaviour:
    """Answer in turn; the last one for ever."""

    def behave(asked: Asked) -> Reply:
        reply = replies[min(asked.number, len(replies) - 1)]
        return reply if isinstance(reply, Reply) else reply()

    return behave


def paid_by(answer: object, status: int = 200) -> httpx.Response:
    assert isinstance(answer, httpx.Response), answer
    assert answer.status_code == status
    return answer


# The ground: a seller that does what it said is paid, once


def test_an_honest_seller_is_paid_once(victim: Payer, hostile: New) -> None:
    seller = hostile()
    seller.behaviour = then(seller.asks(seller.offer()), Reply(200, body=b'{"here": "it is"}'))
    assert paid_by(victim.get(seller.url + "/paid")).json() == {"here": "it is"}
    (payment,) = seller.payments
    assert payment["payload"]["authorization"]["value"] == "10000"
    costs(victim, seller, units=CENT)


# Quotes that change


def test_asks_more_on_the_retry(victim: Payer, hostile: New) -> None:
    seller = hostile()
    seller.behaviour = then(seller.asks(seller.offer()), seller.asks(seller.offer(amount="90000")))
    refused(victim.get(seller.url + "/paid"))
    assert len(seller.payments) == 1
    costs(victim, seller, units=CENT)


def test_changes_the_payee_on_the_retry(victim: Payer, hostile: New) -> None:
    seller, other = hostile(), hostile()
    seller.behaviour = then(seller.asks(seller.offer()), seller.asks(seller.offer(payTo=other.pay_to)))
    refused(victim.get(seller.url + "/paid"))
    assert {one["payload"]["authorization"]["to"] for one in seller.payments} == {seller.pay_to}
    costs(victim, seller, units=CENT)
    assert victim.stack.units(other.pay_to) == 0


def test_asks_again_for_ever(victim: Payer, hostile: New) -> None:
    seller = hostile()
    seller.behaviour = then(seller.asks(seller.offer()))
    refused(victim.get(seller.url + "/paid"))
    assert len(set(seller.payment_headers)) == 1
    assert len(seller.asked) <= 4
    costs(victim, seller, units=CENT)


def test_quotes_cheap_for_get_and_dear_for_post(victim: Payer, hostile: New) -> None:
    seller = hostile()

    def behave(asked: Asked) -> Reply:
        if asked.payment is not None:
            return Reply()
        return seller.asks(seller.offer(amount="10000" if asked.method == "GET" else "900000"))

    seller.behaviour = behave
    paid_by(victim.get(seller.url + "/paid"))
    assert refused(victim.ask("POST", seller.url + "/paid", json={})) == "per_spend_exceeded"
    assert [one.method for one in seller.asked if one.payment] == ["GET"]
    costs(victim, seller, units=CENT)


def test_asks_for_every_link_until_the_budget_is_gone(victim: Payer, hostile: New) -> None:
    seller = hostile()

    def behave(asked: Asked) -> Reply:
        return Reply() if asked.payment else seller.asks(seller.offer(amount="90000"))

    seller.behaviour = behave
    answers = [victim.get(f"{seller.url}/page/{page}") for page in range(14)]
    assert sum(isinstance(one, httpx.Response) for one in answers) == 11
    assert {refused(one) for one in answers[11:]} == {"budget_exceeded"}
    costs(victim, seller, units=990_000)


def test_holds_many_payments_back_and_takes_them_all_at_once(victim: Payer, hostile: New) -> None:
    seller = hostile()

    def behave(asked: Asked) -> Reply:
        if asked.payment is None:
            return seller.asks(seller.offer(amount="90000"))
        time.sleep(0.5)
        return Reply()

    seller.behaviour = behave
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda page: victim.get(f"{seller.url}/page/{page}", timeout=30), range(16)))
    assert sum(isinstance(one, httpx.Response) for one in answers) == 11
    assert len(set(seller.payment_headers)) == 11
    costs(victim, seller, units=990_000)
    assert victim.moved() <= BUDGET


# Redirects


def test_redirects_to_another_host_that_asks(victim: Payer, hostile: New) -> None:
    other, seller = hostile(), hostile()
    other.behaviour = then(other.asks(other.offer()))
    seller.behaviour = then(Reply(302, {"Location": other.url + "/paid"}))
    refused(victim.get(seller.url + "/paid", follow_redirects=True))
    nothing_paid(victim, seller, other)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_the_payment_to_another_host(victim: Payer, hostile: New, status: int) -> None:
    other, seller = hostile(), hostile()
    seller.behaviour = then(
        seller.asks(seller.offer()), Reply(status, {"Location": other.url + "/paid"}), Reply()
    )
    victim.get(seller.url + "/paid", follow_redirects=True)
    assert len(seller.payments) == 1
    assert other.payment_headers == []
    costs(victim, seller, other, units=CENT)


def test_offers_a_resource_of_another_host(victim: Payer, hostile: New) -> None:
    seller, other = hostile(), hostile()
    resource = {"url": other.url + "/paid"}
    seller.behaviour = then(seller.asks(seller.offer(), resource=resource), Reply())
    refused(victim.get(seller.url + "/paid"))
    nothing_paid(victim, seller, other)


# Money taken, nothing given


def test_settles_and_answers_an_error(victim: Payer, hostile: New) -> None:
    seller = hostile()

    def behave(asked: Asked) -> Reply:
        if asked.payment is None:
            return seller.asks(seller.offer())
        seller.take(asked.payment)
        return Reply(500, body=b"sorry")

    seller.behaviour = behave
    for _ in range(3):
        victim.get(seller.url + "/paid")
    # Asking for the same again presents the same payment.
    assert len(set(seller.payment_headers)) == 1
    costs(victim, seller, units=CENT)


def test_settles_and_drops_the_connection(victim: Payer, hostile: New) -> None:
    seller = hostile()

    def behave(asked: Asked) -> Reply | None:
        if asked.payment is None:
            return seller.asks(seller.offer())
        seller.take(asked.payment)
        return None

    seller.behaviour = behave
    assert isinstance(victim.get(seller.url + "/paid"), Exception)
    assert len(set(seller.payment_headers)) == 1
    costs(victim, seller, units=CENT)


def test_settles_and_hangs(victim: Payer, hostile: New) -> None:
    seller = hostile()

    def behave(asked: Asked) -> Reply:
        if asked.payment is None:
            return seller.asks(seller.offer())
        seller.take(asked.payment)
        seller.closed.wait(20)
        return Reply()

    seller.behaviour = behave
    began = time.monotonic()
    assert isinstance(victim.get(seller.url + "/paid", timeout=0.5), Exception)
    assert time.monotonic() - began < 15
    assert len(set(seller.payment_headers)) == 1
    costs(victim, seller, units=CENT)


def test_settles_twice(victim: Payer, hostile: New) -> None:
    seller = hostile()
    taken: list[str | None] = []

    def behave(asked: Asked) -> Reply:
        if asked.payment is None:
            return seller.asks(seller.offer())
        taken.extend(seller.take(asked.payment) for _ in range(3))
        return Reply(200, seller.receipt(str(taken[0])))

    seller.behaviour = behave
    paid_by(victim.get(seller.url + "/paid"))
    assert [one is not None for one in taken] == [True, False, False]
    costs(victim, seller, units=CENT)


def test_settles_late(victim: Payer, hostile: New) -> None:
    """It gives the goods, and comes for the money when the payer has long forgotten: still counted, once."""
    seller = hostile()
    seller.behaviour = then(seller.asks(seller.offer()), Reply())
    paid_by(victim.get(seller.url + "/paid"))
    assert victim.moved() == 0
    assert victim.counted() == CENT
    costs(victim, seller, units=CENT)


# Receipts that lie

LIES = {
    "no such transaction": lambda seller, _: seller.receipt("0x" + "ab" * 32),
    "no transaction at all": lambda seller, _: seller.receipt(""),
    "somebody else's transaction": lambda seller, stranger: seller.receipt(stranger),
    "another network": lambda seller, stranger: seller.receipt(stranger, network="eip155:1"),
    "failed": lambda seller, _: seller.receipt("", success=False, errorReason="insufficient_funds"),
    "another amount": lambda seller, stranger: seller.receipt(stranger, amount="1"),
    "garbage": lambda seller, _: {"PAYMENT-RESPONSE": "!!!"},
    "huge": lambda seller, _: {"PAYMENT-RESPONSE": "A" * 60_000},
}


@pytest.mark.parametrize("lie", LIES)
def test_receipt_of_a_settlement_that_was_not(victim: Payer, hostile: New, lie: str) -> None:
    seller = hostile()
    accounts = victim.stack.rpc.call("eth_accounts")
    stranger = victim.stack.rpc.call("eth_sendTransaction", {"from": accounts[1], "to": accounts[2]})
    seller.behaviour = then(seller.asks(seller.offer()), Reply(200, LIES[lie](seller, stranger)))
    paid_by(victim.get(seller.url + "/paid"))
    # Nothing moved, so nothing is proven: the money stays held, and is neither free nor called spent.
    assert victim.moved() == 0
    assert victim.states() == ["unknown"]
    assert victim.counted() == CENT
    costs(victim, seller, units=CENT)


# What else it would have signed


def test_offers_to_pay_the_gas_for_an_approval(victim: Payer, hostile: New) -> None:
    """Extensions by which the official client signs a permit, or a whole transaction."""
    seller = hostile()
    extensions = {
        name: {"info": {"description": "", "version": "1"}, "schema": {}}
        for name in ("eip2612GasSponsoring", "erc20ApprovalGasSponsoring", "sign-in-with-x")
    }
    permit2 = seller.offer(extra={"name": "USDC", "version": "2", "assetTransferMethod": "permit2"})
    seller.behaviour = then(seller.asks(permit2, extensions=extensions), Reply())
    victim.get(seller.url + "/paid")
    for payment in seller.payments:
        for name in extensions:
            assert "signature" not in str((payment.get("extensions") or {}).get(name, {}).get("info", {}))
            assert "signedTransaction" not in str(payment.get("extensions"))
    rpc = victim.stack.rpc
    assert rpc.call("eth_getTransactionCount", victim.wallet, "latest") == "0x0"
    costs(victim, seller, units=0, counted=CENT * len(seller.payments))


def test_chooses_nonce_and_times_itself(victim: Payer, hostile: New) -> None:
    seller = hostile()
    chosen = {"nonce": "0x" + "00" * 32, "validAfter": "0", "validBefore": str(2**255), "value": "900000"}
    extra = {"name": "USDC", "version": "2", "from": "0x" + "11" * 20, "to": "0x" + "22" * 20, **chosen}
    seller.behaviour = then(seller.asks(seller.offer(extra=extra)), Reply())
    victim.get(seller.url + "/paid")
    for payment in seller.payments:
        signed = payment["payload"]["authorization"]
        assert signed["nonce"] != chosen["nonce"]
        assert int(signed["validBefore"]) <= victim.expiry
        assert (signed["to"], signed["value"]) == (seller.pay_to, "10000")
    costs(victim, seller, units=CENT * len(seller.payments))


def test_is_watched_by_two_threads_of_one_client(victim: Payer, hostile: New) -> None:
    """One client for many threads: answers do not cross, and each payment is bound to its own request."""
    sellers = [hostile(), hostile()]
    for one in sellers:
        one.behaviour = lambda asked, one=one: (  # type: ignore[misc]
            Reply(body=one.pay_to.encode()) if asked.payment else one.asks(one.offer())
        )
    ready = threading.Barrier(2)
    with victim.http() as http, ThreadPoolExecutor(2) as pool:

        def ask(seller: HostileSeller) -> list[str]:
            ready.wait(10)
            return [http.get(f"{seller.url}/paid/{n}", timeout=10).text for n in range(3)]

        for seller, got in zip(sellers, pool.map(ask, sellers), strict=True):
            assert got == [seller.pay_to] * 3
            assert {one["payload"]["authorization"]["to"] for one in seller.payments} == {seller.pay_to}
    costs(victim, *sellers, units=6 * CENT)


# Permit2: an allowance that stands for ever, and signatures that say who may use it


@pytest.fixture
def approved(
    stack: RunningStack, x402_owner: BuyerAgent, x402_lab: X402Lab, tmp_path: Path
) -> Iterator[Victim]:
    """A victim whose wallet has given Permit2 an allowance of all it has; a manager's key can give none."""
    made = open_session(stack, x402_owner, tmp_path / "approved")
    x402_lab.permit2(made.session.bundle.wallet_private_key)
    yield made
    made.close()


PERMITS = {
    "asks for more on the retry": {},
    "another spender": {"spender": "0x" + "66" * 20},
    "a proxy of its own": {"proxy": "0x" + "66" * 20, "permit2Address": "0x" + "66" * 20},
    "for ever": {"deadline": str(2**255), "validAfter": "0"},
}


@pytest.mark.parametrize("trick", PERMITS)
@pytest.mark.parametrize("scheme", ["exact", "upto"])
def test_permit2_gives_no_more_than_was_quoted(
    approved: Victim, hostile: New, scheme: str, trick: str
) -> None:
    seller = hostile()
    taker = approved.stack.rpc.call("eth_accounts")[0]
    extra = {"name": "USDC", "version": "2", "assetTransferMethod": "permit2", "facilitatorAddress": taker}
    quoted = seller.asks(seller.offer(scheme=scheme, extra=extra | PERMITS[trick]))
    dearer = seller.asks(seller.offer(scheme=scheme, extra=extra | PERMITS[trick], amount="90000"))
    seller.behaviour = then(quoted, dearer)
    refused(approved.get(seller.url + "/paid"))
    for payment in seller.payments:
        signed = payment["payload"]["permit2Authorization"]
        assert signed["spender"] in PROXIES
        assert int(signed["deadline"]) <= approved.session.expiry
    assert len({str(one) for one in seller.payments}) <= 1
    costs(approved, seller, units=CENT * len(seller.payments[:1]))
