"""The whole life of a session, told by the async agents and by their sync twins."""

import asyncio
import inspect
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_stack import RunningStack
from valetkey import (
    AsyncBuyerAgent,
    AsyncSellerAgent,
    BudgetExceeded,
    BuyerAgent,
    InvalidInput,
    SellerAgent,
    ServiceNotAllowed,
    SessionRevoked,
)
from valetkey.cli.dev_rpc import USDC
from valetkey.sdk.errors import AgentNameTaken, WrongParty

Do = Callable[[Any], Any]


@pytest.fixture
def do() -> Iterator[Do]:
    """The value of an answer, of either kind."""
    with asyncio.Runner() as runner:

        def value(answer: Any) -> Any:
            if inspect.isasyncgen(answer):
                return runner.run(anext(answer))
            if inspect.isgenerator(answer):
                return next(answer)
            return runner.run(answer) if inspect.iscoroutine(answer) else answer

        yield value


@pytest.mark.parametrize(
    ("buyers", "sellers"), [(BuyerAgent, SellerAgent), (AsyncBuyerAgent, AsyncSellerAgent)], ids=["sync", "async"]
)  # fmt: skip
def test_a_session_from_birth_to_end(
    stack: RunningStack, tmp_path: Path, do: Do, buyers: Any, sellers: Any
) -> None:
    mark = uuid.uuid4().hex[:10]
    seller_key, owner_key = stack.wallet(), stack.wallet(1_000 * USDC)

    def places(name: str) -> dict[str, Any]:
        return {"base_url": stack.base_url, "state_dir": tmp_path / name}

    seller = do(sellers.register(seller_key.to_hex(), f"seller-{mark}", **places("seller")))
    seller.init_eoa_wallet(seller_key.to_hex())
    asked = {"title": f"Work {mark}", "description": "d", "category": "other", "price_unit": "per_request"}
    service = do(seller.list_service(**asked, price=10))
    other = do(seller.list_service(**asked, price="0.1"))

    owner = do(buyers.register(owner_key, f"owner-{mark}", "A description", **places("owner")))
    assert owner.init_eoa_wallet(owner_key) == owner_key.address
    session = do(owner.create_session(50, 3_600, [service.id], label="errands", per_spend_usdc="60"))
    do(owner.fund_session(session))
    units, wei = stack.units(session.wallet_address), stack.rpc.wei(session.wallet_address)
    assert units == 50 * USDC
    assert wei > 0

    delegate = buyers(**places("delegate"))
    view = do(delegate.init_with_session(session.serialize()))
    assert (view.session_id, view.status, view.budget_usdc) == (session.session_id, "active", "50")
    assert (view.funding_mode, view.network.chain_id, view.per_spend_usdc) == ("wallet", 84532, "60")
    assert view.allowed_service_ids == [service.id]
    assert delegate.agent_id == owner.agent_id == session.agent_id
    assert delegate.wallet_address == session.wallet_address
    assert delegate.session == view

    found = do(delegate.find_services(f"Work {mark}", max_price="10"))
    assert {one.id for one in found} == {service.id, other.id}
    with pytest.raises(ServiceNotAllowed):
        do(delegate.purchase(other.id))
    with pytest.raises(BudgetExceeded) as no:
        do(delegate.purchase(service.id, quantity=5))
    assert no.value.remaining == "50"
    with pytest.raises(InvalidInput):
        do(delegate.create_session(-1))

    checkout = do(
        delegate.purchase_encrypted(service.id, {"ask": "what?"}, dispute_window=600, criteria="short")
    )
    paid = do(delegate.fund_and_verify(checkout))
    assert paid.status == "escrowed"
    assert stack.units(session.wallet_address) == 50 * USDC - 10_200_000
    with pytest.raises(WrongParty):
        do(seller.confirm_and_release(checkout.id)) if hasattr(seller, "confirm_and_release") else do(
            seller._client.send("POST", f"/transactions/{checkout.id}/confirm", dict[str, Any])
        )

    purchase = do(seller.poll_for_purchases(interval=0.2))
    assert purchase.id == checkout.id
    assert purchase.buyer_agent_id != owner.agent_id, "the seller knows the session by an alias"
    opened = do(seller.decrypt_request_payload(purchase))
    assert (opened.payload, opened.verified) == ({"ask": "what?"}, True)
    answer = {"answer": ["this", 1, 0.5, None]}
    do(seller.deliver_encrypted(purchase.id, answer))
    assert do(seller.submit_delivery(purchase.id, answer)) is not None
    assert do(seller.submit_delivery(purchase.id, answer)) is None, "the chain shows it already"

    delivered = do(delegate.get_transaction(checkout.id))
    opened = do(delegate.decrypt_response_payload(delivered))
    assert (opened.payload, opened.verified) == (answer, True)
    assert do(owner.decrypt_response_payload(delivered, session=session.session_id)).payload == answer
    assert do(delegate.confirm_and_release(checkout.id)).status == "completed"
    assert do(delegate.confirm_and_release(checkout.id)).status == "completed", "again is the same"
    assert stack.units(seller_key.address) == 10 * USDC

    (kept,) = do(owner.sessions())
    assert (kept.spent_usdc, kept.held_usdc, kept.remaining_usdc) == ("10.2", "0", "39.8")
    assert do(owner.revoke_session(session)).status == "revoked"
    assert do(owner.revoke_session(session.session_id)).status == "revoked"
    with pytest.raises(SessionRevoked):
        do(delegate.purchase(service.id))
    before = stack.units(owner_key.address)
    assert do(owner.reclaim_session(owner_key.address, session=session.session_id)) is not None
    assert (stack.units(session.wallet_address), stack.rpc.wei(session.wallet_address)) == (0, 0)
    assert stack.units(owner_key.address) == before + 50 * USDC - 10_200_000
    assert do(owner.reclaim_session(owner_key.address, session=session)) is None
    for agent in (seller, owner, delegate):
        do(agent.close())


def test_a_wallet_registers_by_its_signature(stack: RunningStack, tmp_path: Path) -> None:
    key, other, name = stack.wallet(), stack.wallet(), f"agent-{uuid.uuid4().hex[:10]}"
    places: dict[str, Any] = {"base_url": stack.base_url, "state_dir": tmp_path}
    with BuyerAgent.register(key, name, **places) as one, SellerAgent.register(key, name, **places) as again:
        assert one.agent_id == again.agent_id
        assert one.api_key is not None
        assert again.api_key is not None
        assert one.api_key != again.api_key
        assert one.public_key(one.agent_id or "") == key.public_key_compressed
    with pytest.raises(AgentNameTaken):
        BuyerAgent.register(other, name, **places)
    with pytest.raises(InvalidInput):
        BuyerAgent.register(other, "x", **places)
