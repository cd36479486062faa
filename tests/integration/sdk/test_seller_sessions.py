"""A seller session delivers in its owner's name, on the platform and on chain, and can do nothing else."""

from pathlib import Path

import pytest

from tests.integration.sdk.world import Shop, World
from valetkey import BuyerAgent, InvalidInput, NotFound, SellerAgent, SessionInfo, SessionRevoked
from valetkey.chains.evm.errors import CallReverts
from valetkey.cli.dev_rpc import USDC
from valetkey.crypto.errors import DecryptionFailed
from valetkey.sdk.errors import (
    InstructionsDiffer,
    InsufficientFunds,
    OwnerOnly,
    SessionCannotDelegate,
    WrongParty,
)
from valetkey.wire import calls


@pytest.fixture
def own_shop(world: World) -> Shop:
    return world.shop()


@pytest.fixture
def buyer(world: World) -> BuyerAgent:
    return world.owner()


def worker(world: World, session: SessionInfo, folder: Path | None = None) -> SellerAgent:
    """A process that holds a seller session."""
    agent = SellerAgent(base_url=world.stack.base_url, state_dir=folder or world.folder())
    world.agents.append(agent)
    view = agent.init_with_session(session.serialize())
    assert view is not None
    assert (view.role, view.budget_usdc) == ("seller", "0")
    return agent


def test_a_seller_session_delivers_from_end_to_end(world: World, own_shop: Shop, buyer: BuyerAgent) -> None:
    owner = own_shop.seller
    session = owner.create_session(3_600, [own_shop.service_id], label="worker")
    owner.authorize_session(session)
    assert session.token.reveal()
    process = worker(world, session)

    checkout = buyer.purchase_encrypted(own_shop.service_id, {"text": "hello"})
    buyer.fund_and_verify(checkout)
    purchase = next(process.poll_for_purchases(interval=0.2))
    assert purchase.id == checkout.id
    opened = process.decrypt_request_payload(purchase)
    assert (opened.payload, opened.verified) == ({"text": "hello"}, True)
    assert owner.decrypt_request_payload(purchase, session=session.session_id).payload == {"text": "hello"}
    with pytest.raises(DecryptionFailed):
        owner.decrypt_request_payload(purchase)

    result = {"summary": "h"}
    process.deliver_encrypted(checkout.id, result)
    assert process.submit_delivery(checkout.id, result) is not None
    assert process.submit_delivery(checkout.id, result) is None
    delivered = buyer.get_transaction(checkout.id)
    opened = buyer.decrypt_response_payload(delivered)
    assert (opened.payload, opened.verified) == (result, True)
    assert buyer.confirm_and_release(checkout.id).status == "completed"
    assert world.has(own_shop.key.address)[0] == 10 * USDC, "proceeds are the owner's"
    assert world.has(session.wallet_address)[0] == 0

    owner.revoke_session(session)
    with pytest.raises(SessionRevoked):
        next(process.poll_for_purchases(interval=0.2))
    owner.reclaim_session(owner.wallet_address, session=session.session_id)
    assert world.has(session.wallet_address) == (0, 0)


def test_a_seller_session_can_do_nothing_else(
    world: World, own_shop: Shop, shop: Shop, buyer: BuyerAgent
) -> None:
    owner = own_shop.seller
    session = owner.create_session()
    owner.authorize_session(session)
    process = worker(world, session)
    mine, theirs = (buyer.purchase(one.service_id) for one in (own_shop, shop))
    unpaid = buyer.purchase(own_shop.service_id)
    for one in (mine, theirs):
        buyer.fund_and_verify(one)

    with BuyerAgent(base_url=world.stack.base_url, state_dir=world.folder()) as spender:
        spender.init_with_session(session.serialize())
        with pytest.raises(WrongParty):
            spender.purchase(shop.service_id)
        with pytest.raises(SessionCannotDelegate):
            spender.create_session(1)
        with pytest.raises(InstructionsDiffer):
            spender.fund_and_verify(unpaid)
        owner.deliver(mine.id, {"a": 1})
        owner.submit_delivery(mine.id, {"a": 1})
        with pytest.raises(CallReverts, match="not the buyer"):
            spender.confirm_and_release(mine.id)
    for ask in (
        lambda: process.list_service(
            title="t", description="d", category="other", price=1, price_unit="flat"
        ),
        lambda: process.update_service(own_shop.service_id, price=2),
        lambda: process.archive_service(own_shop.service_id),
    ):
        with pytest.raises(OwnerOnly):
            ask()

    for ask in (
        lambda: process.get_transaction(theirs.id),
        lambda: process.deliver(theirs.id, {"a": 1}),
        lambda: process.deliver_encrypted(theirs.id, {"a": 1}),
    ):
        with pytest.raises(NotFound):
            ask()
    with pytest.raises(CallReverts, match="not the seller"):
        process.submit_delivery(theirs.id, {"a": 1})
    with pytest.raises(InvalidInput):
        process.submit_delivery(mine.id)
    with pytest.raises(InvalidInput):
        process.reclaim_session("0x" + "1" * 40)


def test_services_outside_its_policy_do_not_exist_for_it(
    world: World, own_shop: Shop, buyer: BuyerAgent
) -> None:
    owner = own_shop.seller
    asked = {"title": "Other", "description": "d", "category": "other", "price_unit": "flat"}
    other = owner.list_service(**asked, price=1)
    process = worker(world, owner.create_session(3_600, [own_shop.service_id]))
    seen, unseen = buyer.purchase(own_shop.service_id), buyer.purchase(other.id)
    assert [one.id for one in process.list_transactions(role="seller").transactions] == [seen.id]
    with pytest.raises(NotFound):
        process.get_transaction(unseen.id)
    with pytest.raises(NotFound):
        process.deliver(unseen.id, {"a": 1})


def test_rights_on_chain_are_given_and_taken_back(world: World, own_shop: Shop, buyer: BuyerAgent) -> None:
    owner = own_shop.seller
    session = owner.create_session()
    process = worker(world, session)
    checkout = buyer.purchase(own_shop.service_id)
    buyer.fund_and_verify(checkout)
    process.deliver(checkout.id, {"a": 1})
    with pytest.raises(CallReverts, match="not the seller"):
        process.submit_delivery(checkout.id, {"a": 1})
    owner.authorize_session(session, gas_wei=0)
    with pytest.raises(InsufficientFunds):
        process.submit_delivery(checkout.id, {"a": 1})
    owner.authorize_session(session)
    owner.withdraw_authorization(session.wallet_address)
    with pytest.raises(CallReverts, match="not the seller"):
        process.submit_delivery(checkout.id, {"a": 1})
    owner.authorize_session(session)
    assert process.submit_delivery(checkout.id, {"a": 1}) is not None
    with pytest.raises(CallReverts, match="not funded"):
        process.submit_delivery(checkout.id, {"another": "delivery"})
    # Nothing else that the escrow contract offers is for this key.
    escrow = world.stack.contracts["escrow"]
    desk = process._desk()
    for purpose, call in (("a", calls.accept(escrow, checkout.id)), ("d", calls.dispute(escrow, checkout.id)),
                          ("c", calls.claim_abandoned(escrow, checkout.id)),
                          ("f", calls.finalize_release(escrow, checkout.id))):  # fmt: skip
        with pytest.raises(CallReverts):
            desk.perform(purpose, call)
