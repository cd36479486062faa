"""Parties act on chain without telling the platform, or tell it too early: it follows the chain in every order."""

import threading
import time

import pytest

from tests.integration.platform.conftest import Start
from tests.integration.platform.onchain import Chain, eventually
from tests.integration.platform.serving import Server
from tests.integration.platform.test_proof import Deal, code
from valetkey.crypto.keys import PrivateKey

DEPLOYER = PrivateKey.from_hex("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
REASON = {"reason": "not what was agreed"}
RESOLVE = "resolveDispute(bytes32,uint8,uint256,uint256)"


@pytest.fixture(scope="module")
def live(start: Start, escrows: Chain) -> Server:
    """A platform whose reconciler comes by rarely."""
    return start(escrows, VALETKEY_RECONCILE_SECONDS="3600")


@pytest.fixture(scope="module")
def followed(start: Start, escrows: Chain) -> Server:
    """A platform whose reconciler comes by every second."""
    return start(escrows, VALETKEY_RECONCILE_SECONDS="1")


@pytest.fixture(scope="module")
def patient(start: Start, escrows: Chain) -> Server:
    """A platform that looks again before it says no, and wants three confirmations."""
    return start(
        escrows, confirmations=3, VALETKEY_RECONCILE_SECONDS="3600", VALETKEY_PROOF_WAIT_SECONDS="15"
    )


def delivered_on_chain(deal: Deal) -> Deal:
    deal.chain.act(deal.seller.key, "submitDelivery(bytes32,bytes32)", deal.id, b"\x01" * 32)
    return deal


def test_a_delivery_on_chain_alone_can_be_disputed(live: Server, escrows: Chain) -> None:
    deal = delivered_on_chain(Deal(live, escrows).funded())
    escrows.act(deal.session.key, "dispute(bytes32)", deal.id)
    assert deal.session.data("POST", f"{deal.path}/dispute", REASON)["status"] == "disputed"


def test_a_dispute_on_chain_alone_is_followed_and_explained_later(followed: Server, escrows: Chain) -> None:
    deal = delivered_on_chain(Deal(followed, escrows).funded())
    escrows.act(deal.session.key, "dispute(bytes32)", deal.id)
    eventually(deal.status, "disputed")
    assert deal.session.data("POST", f"{deal.path}/dispute", REASON)["disputeReason"] == REASON["reason"]
    later = {"reason": "something else"}
    assert deal.session.data("POST", f"{deal.path}/dispute", later)["disputeReason"] == REASON["reason"]


@pytest.mark.parametrize(
    ("outcome", "to_buyer", "status", "told"),
    [(1, 100, "refunded", "buyer_refund"), (2, 0, "completed", "seller_paid")]
    + [(3, percent, "completed", "split") for percent in (0, 30, 50, 100)],
)
def test_a_decision_is_told_as_it_was_made(
    followed: Server, escrows: Chain, outcome: int, to_buyer: int, status: str, told: str
) -> None:
    deal = Deal(followed, escrows).funded().delivered()
    escrows.act(deal.session.key, "dispute(bytes32)", deal.id)
    deal.session.data("POST", f"{deal.path}/dispute", REASON)
    before = deal.session.data("GET", f"{deal.path}/dispute")
    assert (before["status"], before["outcome"], before["resolvedAt"]) == ("evaluating", None, None)
    escrows.act(DEPLOYER, RESOLVE, deal.id, outcome, to_buyer, 100 - to_buyer)
    eventually(deal.status, status)
    view = deal.seller.data("GET", f"{deal.path}/dispute")
    assert (view["status"], view["outcome"]) == ("resolved", told)
    assert (view["buyerPercent"], view["sellerPercent"]) == (to_buyer, 100 - to_buyer)
    assert view["createdAt"] == before["createdAt"]
    assert view["resolvedAt"]
    assert deal.usage() == ("0", "2.55")


@pytest.mark.parametrize(("percent", "spent"), [(100, "0.05"), (30, "1.8"), (0, "2.55")])
def test_a_refund_is_budget_again_where_the_policy_says_so(
    followed: Server, escrows: Chain, percent: int, spent: str
) -> None:
    """The fee stays: 2.55 were paid, 2.5 of it locked."""
    deal = Deal(followed, escrows, refundsRestore=True).funded().delivered()
    escrows.act(deal.session.key, "dispute(bytes32)", deal.id)
    deal.session.data("POST", f"{deal.path}/dispute", REASON)
    escrows.act(DEPLOYER, RESOLVE, deal.id, 1 if percent == 100 else 3, percent, 100 - percent)
    eventually(deal.status, "refunded" if percent == 100 else "completed")
    assert deal.usage() == ("0", spent)
    (one,) = deal.session.data("GET", "/spends")["spends"]
    back = {100: "2.5", 30: "0.75", 0: None}[percent]
    assert (one["captured"], one.get("refunded")) == ("2.55", back)


def test_an_abandoned_escrow_is_budget_again_where_the_policy_says_so(
    followed: Server, escrows: Chain
) -> None:
    deal = Deal(followed, escrows, refundsRestore=True).funded()
    escrows.pass_time(3_600 + 172_800 + 10)
    escrows.act(deal.session.key, "claimAbandoned(bytes32)", deal.id)
    eventually(deal.status, "abandoned")
    assert deal.usage() == ("0", "0.05")


def test_a_refund_is_followed_though_nobody_told_of_the_dispute(followed: Server, escrows: Chain) -> None:
    deal = delivered_on_chain(Deal(followed, escrows).funded())
    escrows.act(deal.session.key, "dispute(bytes32)", deal.id)
    escrows.act(DEPLOYER, RESOLVE, deal.id, 1, 100, 0)
    eventually(deal.status, "refunded")
    answer = deal.seller.ask("POST", f"{deal.path}/deliver", {"responsePayload": {"late": True}})
    assert code(answer) == (409, "wrong_status")
    assert deal.owner.data("GET", f"{deal.path}/dispute")["outcome"] == "buyer_refund"


def test_a_claim_is_followed_though_the_seller_delivered_to_the_platform(
    followed: Server, escrows: Chain
) -> None:
    deal = Deal(followed, escrows).funded()
    deal.seller.data("POST", f"{deal.path}/deliver", {"responsePayload": {"summary": "ok"}})
    escrows.pass_time(3_600 + 172_800 + 10)
    escrows.act(deal.session.key, "claimAbandoned(bytes32)", deal.id)
    eventually(deal.status, "abandoned")
    assert deal.usage() == ("0", "2.55")


def test_a_claim_waits_for_its_confirmations(patient: Server, escrows: Chain) -> None:
    """The third-party client asks once and takes a 409 for the end."""
    deal = Deal(patient, escrows)
    tx_hash = deal.pay()
    threading.Timer(1.0, escrows.mine, (2,)).start()
    began = time.monotonic()
    assert deal.fund(tx_hash).status_code == 200
    assert 0.5 < time.monotonic() - began < 14
    assert deal.usage() == ("0", "2.55")


def test_a_dispute_waits_for_its_block(patient: Server, escrows: Chain) -> None:
    deal = Deal(patient, escrows)
    tx_hash = deal.pay()
    escrows.mine(2)
    assert deal.fund(tx_hash).status_code == 200
    delivered_on_chain(deal)
    threading.Timer(1.0, escrows.act, (deal.session.key, "dispute(bytes32)", deal.id)).start()
    assert deal.session.data("POST", f"{deal.path}/dispute", REASON)["status"] == "disputed"


def test_the_hash_of_a_payment_is_kept_also_when_the_escrow_was_proven_first(
    followed: Server, escrows: Chain
) -> None:
    deal = Deal(followed, escrows)
    tx_hash = deal.pay()
    eventually(deal.status, "escrowed")
    assert "escrowTxHash" not in deal.owner.data("GET", deal.path)
    assert deal.fund(tx_hash).status_code == 200
    assert deal.owner.data("GET", deal.path)["escrowTxHash"] == tx_hash
    assert deal.status() == "escrowed"
