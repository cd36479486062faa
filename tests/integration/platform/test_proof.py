"""Money on a real chain: what is proven, what is refused, and what the reconciler settles by itself."""

from typing import Any

import httpx
import pytest

from tests.integration.platform.conftest import Start
from tests.integration.platform.onchain import Chain, calldata, eventually
from tests.integration.platform.serving import Agent, Server
from valetkey.crypto.keys import PrivateKey

PRICE = 2_550_000


@pytest.fixture(scope="module")
def live(start: Start, escrows: Chain) -> Server:
    """A platform on a real chain whose reconciler comes by rarely: what happens is done by the calls."""
    return start(escrows, VALETKEY_RECONCILE_SECONDS="3600")


@pytest.fixture(scope="module")
def followed(start: Start, escrows: Chain) -> Server:
    """A platform whose reconciler comes by every second, and whose checkouts last no longer."""
    return start(escrows, VALETKEY_RECONCILE_SECONDS="1", VALETKEY_CHECKOUT_SECONDS="1")


class Deal:
    """A seller, an owner, a funded session, and one purchase by it."""

    def __init__(self, server: Server, chain: Chain, **session: Any) -> None:
        self.chain = chain
        self.seller = server.register()
        self.owner = server.register()
        self.session = self.owner.session(**session)
        self.service = self.seller.offer(price=2.5)
        chain.supply(self.session.key.address, 100 * PRICE)
        chain.supply(self.seller.key.address)
        self.made = self.buy()
        self.id = self.made["transactionId"]
        self.path = f"/transactions/{self.id}"

    def buy(self) -> Any:
        answer = self.session.buy(self.service)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]

    def pay(self, key: PrivateKey | None = None, **changes: Any) -> str:
        return self.chain.pay(key or self.session.key, self.made, **changes)

    def fund(self, tx_hash: str, who: Agent | None = None) -> httpx.Response:
        return (who or self.session).ask("POST", f"{self.path}/fund", {"txHash": tx_hash})

    def funded(self) -> "Deal":
        assert self.fund(self.pay()).status_code == 200
        return self

    def delivered(self) -> "Deal":
        self.seller.data("POST", f"{self.path}/deliver", {"responsePayload": {"summary": "ok"}})
        self.chain.act(self.seller.key, "submitDelivery(bytes32,bytes32)", self.id, b"\x01" * 32)
        return self

    def status(self) -> str:
        return str(self.owner.data("GET", self.path)["status"])

    def usage(self) -> tuple[str, str]:
        view = self.owner.data("GET", f"/agents/session/{self.session.session_id}")
        return view["heldUsdc"], view["spentUsdc"]


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def test_a_purchase_from_order_to_release(live: Server, escrows: Chain) -> None:
    deal = Deal(live, escrows)
    assert deal.usage() == ("2.55", "0")
    tx_hash = deal.pay()
    result = deal.fund(tx_hash).json()["data"]
    assert (result["status"], result["escrowTxHash"]) == ("escrowed", tx_hash)
    assert (result["onChain"]["lockedAmount"], result["onChain"]["platformFee"]) == ("2500000", "50000")
    assert result["onChain"]["buyer"] == deal.session.key.address
    assert deal.usage() == ("0", "2.55")
    deal.delivered()
    assert code(deal.session.ask("POST", f"{deal.path}/confirm")) == (409, "escrow_not_released")
    escrows.act(deal.session.key, "accept(bytes32)", deal.id)
    assert deal.session.data("POST", f"{deal.path}/confirm")["status"] == "completed"
    assert deal.session.data("POST", f"{deal.path}/confirm")["status"] == "completed"
    assert deal.usage() == ("0", "2.55")


def test_confirming_captures_a_payment_that_nobody_told_of(live: Server, escrows: Chain) -> None:
    deal = Deal(live, escrows)
    deal.pay()
    escrows.act(deal.seller.key, "submitDelivery(bytes32,bytes32)", deal.id, b"\x01" * 32)
    escrows.act(deal.session.key, "accept(bytes32)", deal.id)
    assert deal.owner.data("POST", f"{deal.path}/confirm")["status"] == "completed"
    assert deal.usage() == ("0", "2.55")


def test_an_escrow_of_another_wallet_completes_nothing(live: Server, escrows: Chain) -> None:
    deal = Deal(live, escrows)
    thief = PrivateKey.generate()
    escrows.supply(thief.address, PRICE)
    deal.pay(thief)
    escrows.act(deal.seller.key, "submitDelivery(bytes32,bytes32)", deal.id, b"\x01" * 32)
    escrows.act(thief, "accept(bytes32)", deal.id)
    assert code(deal.session.ask("POST", f"{deal.path}/confirm")) == (409, "wrong_status")
    assert deal.usage() == ("2.55", "0")


def test_funding_again_answers_the_same(live: Server, escrows: Chain) -> None:
    deal = Deal(live, escrows)
    tx_hash = deal.pay()
    first, again = deal.fund(tx_hash), deal.fund(tx_hash.upper().replace("0X", "0x"))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert deal.usage() == ("0", "2.55")
    assert deal.fund(tx_hash, deal.owner).status_code == 200


def test_a_hash_that_nobody_knows_proves_nothing_and_keeps_the_hold(live: Server, escrows: Chain) -> None:
    deal = Deal(live, escrows)
    answer = deal.fund("0x" + "ab" * 32)
    assert code(answer) == (409, "funding_not_found")
    assert int(answer.headers["retry-after"]) >= 1
    assert deal.usage() == ("2.55", "0")
    assert deal.status() == "pending"


def test_a_hash_pays_once(live: Server, escrows: Chain) -> None:
    deal = Deal(live, escrows)
    tx_hash = deal.pay()
    assert deal.fund(tx_hash).status_code == 200
    other = deal.buy()["transactionId"]
    answer = deal.session.ask("POST", f"/transactions/{other}/fund", {"txHash": tx_hash})
    assert code(answer) == (409, "funding_replayed")
    assert deal.usage() == ("2.55", "2.55")


def test_an_escrow_that_another_wallet_made_is_not_the_buyers(live: Server, escrows: Chain) -> None:
    deal = Deal(live, escrows)
    thief = PrivateKey.generate()
    escrows.supply(thief.address, PRICE)
    answer = deal.fund(deal.pay(thief))
    assert code(answer) == (400, "funding_mismatch")
    assert answer.json()["details"]["rule"] == "buyer"


@pytest.mark.parametrize("amount", [PRICE - 1, PRICE + 1, 1_000])
def test_the_amount_is_exact(live: Server, escrows: Chain, amount: int) -> None:
    deal = Deal(live, escrows)
    answer = deal.fund(deal.pay(totalWithFee=str(amount)))
    assert code(answer) == (400, "funding_mismatch")
    assert answer.json()["details"]["rule"] == "amount"
    assert deal.status() == "pending"


def test_the_seller_is_the_one(live: Server, escrows: Chain) -> None:
    deal = Deal(live, escrows)
    answer = deal.fund(deal.pay(sellerAddress=PrivateKey.generate().address))
    assert code(answer) == (400, "funding_mismatch")
    assert answer.json()["details"]["rule"] == "seller"


def test_a_reverted_or_unrelated_transaction_pays_nothing(live: Server, escrows: Chain) -> None:
    deal = Deal(live, escrows)
    reverted = escrows.send(deal.session.key, escrows.escrow, calldata("accept(bytes32)", b"\x09" * 32))
    assert reverted["status"] == 0
    assert code(deal.fund("0x" + bytes(reverted["transactionHash"]).hex())) == (400, "funding_reverted")
    approval = escrows.send(
        deal.session.key, escrows.usdc, calldata("approve(address,uint256)", escrows.escrow, 1)
    )
    assert code(deal.fund("0x" + bytes(approval["transactionHash"]).hex())) == (400, "funding_mismatch")


def test_confirmations_are_waited_for(start: Start, escrows: Chain) -> None:
    server = start(escrows, confirmations=3, VALETKEY_RECONCILE_SECONDS="3600")
    deal = Deal(server, escrows)
    tx_hash = deal.pay()
    answer = deal.fund(tx_hash)
    assert code(answer) == (409, "funding_unconfirmed")
    assert deal.usage() == ("2.55", "0")
    escrows.mine(2)
    assert deal.fund(tx_hash).status_code == 200


def test_the_owner_funds_what_an_ended_session_paid(live: Server, escrows: Chain) -> None:
    deal = Deal(live, escrows)
    tx_hash = deal.pay()
    deal.owner.data("DELETE", f"/agents/session/{deal.session.session_id}")
    assert deal.fund(tx_hash).status_code == 401
    assert deal.fund(tx_hash, deal.owner).status_code == 200
    assert deal.usage() == ("0", "2.55")


def test_nobody_has_to_call_fund(followed: Server, escrows: Chain) -> None:
    deal = Deal(followed, escrows)
    tx_hash = deal.pay()
    deal.owner.data("DELETE", f"/agents/session/{deal.session.session_id}")
    eventually(deal.status, "escrowed")
    assert deal.usage() == ("0", "2.55")
    assert deal.fund(tx_hash, deal.owner).status_code == 200
    deal.delivered()
    escrows.act(deal.session.key, "accept(bytes32)", deal.id)
    eventually(deal.status, "completed")


def test_unknown_stays_held_until_a_final_block_proves_it(followed: Server, escrows: Chain) -> None:
    deal = Deal(followed, escrows)
    deal.session.data("POST", f"{deal.path}/signed", {"txHash": "0x" + "12" * 32})
    ends = deal.made["paymentInstructions"]["expiresAt"]
    assert ends
    assert deal.usage() == ("2.55", "0")

    def mined() -> str:
        escrows.mine()
        return deal.status()

    eventually(mined, "abandoned")
    assert deal.usage() == ("0", "0")
    # Paid late, nevertheless: what moved is debited and the purchase is on again.
    deal.pay()
    eventually(deal.status, "escrowed")
    assert deal.usage() == ("0", "2.55")


def test_what_was_paid_wrongly_is_debited(followed: Server, escrows: Chain) -> None:
    deal = Deal(followed, escrows)
    deal.pay(totalWithFee="1000000")

    def mined() -> str:
        escrows.mine()
        return deal.status()

    eventually(mined, "abandoned")
    assert deal.usage() == ("0", "1")


def test_what_was_paid_wrongly_and_late_is_debited_too(followed: Server, escrows: Chain) -> None:
    deal = Deal(followed, escrows)

    def mined() -> str:
        escrows.mine()
        return deal.status()

    eventually(mined, "abandoned")
    assert deal.usage() == ("0", "0")
    deal.pay(totalWithFee="1000000")
    eventually(deal.usage, ("0", "1"))
    assert deal.status() == "abandoned"


def test_a_dispute_is_the_chains(live: Server, escrows: Chain) -> None:
    deal = Deal(live, escrows).funded().delivered()
    reason = {"reason": "not what was agreed"}
    evidence = {"evidenceType": "text", "description": "see for yourself", "metadata": {"a": 1.0}}
    assert code(deal.session.ask("POST", f"{deal.path}/dispute/evidence", evidence)) == (409, "wrong_status")
    assert deal.session.ask("GET", f"{deal.path}/dispute").status_code == 404
    assert code(deal.session.ask("POST", f"{deal.path}/dispute", reason)) == (409, "escrow_not_disputed")
    escrows.act(deal.session.key, "dispute(bytes32)", deal.id)
    assert deal.session.data("POST", f"{deal.path}/dispute", reason)["status"] == "disputed"
    assert deal.session.data("POST", f"{deal.path}/dispute", reason)["disputeReason"] == reason["reason"]
    for party in (deal.session, deal.owner, deal.seller):
        assert party.data("POST", f"{deal.path}/dispute/evidence", evidence)["evidenceId"].startswith("evd_")
    view = deal.seller.data("GET", f"{deal.path}/dispute")
    assert (view["status"], view["outcome"], view["evidenceCount"]) == ("evaluating", None, 3)


def test_an_abandoned_escrow_is_followed(followed: Server, escrows: Chain) -> None:
    deal = Deal(followed, escrows).funded()
    escrows.pass_time(3_600 + 172_800 + 10)
    escrows.act(deal.session.key, "claimAbandoned(bytes32)", deal.id)
    eventually(deal.status, "abandoned")
    assert deal.usage() == ("0", "2.55")
