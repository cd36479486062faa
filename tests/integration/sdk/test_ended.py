"""An ended session's open escrows are still the owner's: it confirms, disputes and reads with the recovered key."""

import time
from dataclasses import dataclass

import pytest

from tests.e2e.processes import wait_until
from tests.integration.sdk.world import Shop, World
from valetkey import BuyerAgent, SessionExpired, SessionInfo, SessionRevoked
from valetkey.chains.evm.errors import CallReverts
from valetkey.cli.dev_rpc import USDC
from valetkey.sdk.errors import EscrowNotReleased, WrongStatus

EXPIRY = 15


@dataclass
class Ended:
    """A session that ended with two deliveries to decide on."""

    owner: BuyerAgent
    shop: Shop
    session: SessionInfo
    delegate: BuyerAgent
    good: str
    bad: str


def delivered(shop: Shop, delegate: BuyerAgent) -> str:
    checkout = delegate.purchase_encrypted(shop.service_id, {"n": 1})
    delegate.fund_and_verify(checkout)
    shop.seller.deliver_encrypted(checkout.id, {"done": checkout.id})
    shop.seller.submit_delivery(checkout.id, {"done": checkout.id})
    return checkout.id


@pytest.fixture(params=["revoked", pytest.param("expired", marks=pytest.mark.slow)])
def ended(world: World, request: pytest.FixtureRequest) -> Ended:
    owner, shop = world.owner(), world.shop()
    session = owner.create_session(30, EXPIRY if request.param == "expired" else 3_600)
    owner.fund_session(session)
    delegate = world.delegate(session)
    made = Ended(owner, shop, session, delegate, delivered(shop, delegate), delivered(shop, delegate))
    if request.param == "expired":
        wait_until(lambda: time.time() > session.expiry + 0.5, "the end of the session")
    else:
        owner.revoke_session(session)
    with pytest.raises(SessionExpired if request.param == "expired" else SessionRevoked):
        delegate.get_transaction(made.good)
    return made


def test_the_owner_decides_on_what_an_ended_session_bought(world: World, ended: Ended) -> None:
    owner, name = ended.owner, ended.session.session_id
    for one in (ended.good, ended.bad):
        found = owner.decrypt_response_payload(owner.get_transaction(one), session=name)
        assert (found.payload, found.verified) == ({"done": one}, True)

    assert owner.confirm_and_release(ended.good, session=name).status == "completed"
    assert world.has(ended.shop.key.address)[0] == 10 * USDC
    assert owner.dispute(ended.bad, "not what was asked", session=ended.session).status == "disputed"
    assert owner.dispute(ended.bad, "again", session=name).dispute_reason == "not what was asked"
    assert owner.submit_evidence(ended.bad, "text", "see above")
    assert owner.submit_payload_evidence(ended.bad, session=name)
    assert owner.get_dispute(ended.bad).evidence_count == 2
    begun = time.monotonic()
    with pytest.raises((EscrowNotReleased, WrongStatus)):
        owner.confirm_and_release(ended.bad, session=name)
    assert time.monotonic() - begun < 30, "what can never come is not waited for"
    with pytest.raises(CallReverts):
        owner.claim_abandoned(ended.good, session=name)

    owner.reclaim_session(owner.wallet_address, session=name)
    assert world.has(ended.session.wallet_address) == (0, 0)
    (view,) = owner.sessions()
    assert (view.spent_usdc, view.held_usdc) == ("20.4", "0")


def test_steps_on_chain_wait_for_their_turn(world: World) -> None:
    owner, shop = world.owner(), world.shop()
    checkout = owner.purchase(shop.service_id)
    owner.fund_and_verify(checkout)
    with pytest.raises(CallReverts, match="not delivered"):
        owner.confirm_and_release(checkout.id)
    with pytest.raises(CallReverts, match="not delivered"):
        owner.dispute(checkout.id, "too slow")
    with pytest.raises(CallReverts, match="not abandoned yet"):
        owner.claim_abandoned(checkout.id)
    shop.seller.deliver(checkout.id, {"a": 1})
    shop.seller.submit_delivery(checkout.id, {"a": 1})
    assert owner.confirm_and_release(checkout.id).status == "completed"
    with pytest.raises(WrongStatus):
        owner.submit_evidence(checkout.id, "text", "late")


def test_gas_for_a_step_is_lent_by_the_owner(world: World, shop: Shop) -> None:
    owner = world.owner()
    session = owner.create_session(30)
    owner.fund_session(session, gas_wei=0)
    delegate = world.delegate(session)
    checkout = delegate.purchase(shop.service_id)
    world.stack.rpc.give(session.wallet_address, 10**16)
    delegate.fund_and_verify(checkout)
    shop.seller.deliver(checkout.id, {"a": 1})
    shop.seller.submit_delivery(checkout.id, {"a": 1})
    owner.revoke_session(session)
    owner.reclaim_session(owner.wallet_address, session=session)
    assert world.has(session.wallet_address) == (0, 0)
    assert owner.confirm_and_release(checkout.id, session=session.session_id).status == "completed"
    owner.reclaim_session(owner.wallet_address, session=session)
    assert world.has(session.wallet_address) == (0, 0)
