"""What anybody may ask, what sellers change, and wallets of every kind, with both twins."""

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.integration.sdk.world import Shop, World
from valetkey import (
    AsyncBuyerAgent,
    AsyncSellerAgent,
    BuyerAgent,
    InvalidInput,
    NotFound,
    PrivateKey,
    Secret,
    SellerAgent,
)
from valetkey.chains.evm.signer import LocalSigner
from valetkey.sdk.errors import NotConfigured, ServiceUnavailable

SESSIONS = 103

Do = Callable[[Any], Any]


class Foreign:
    """A wallet that only signs, as one on other hardware does."""

    def __init__(self, key: PrivateKey) -> None:
        self._signer = LocalSigner(key)
        self.address = key.address

    def sign_message(self, message: bytes) -> bytes:
        return self._signer.sign_message(message)

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        return self._signer.sign_transaction(transaction)

    def sign_typed_data(self, typed_data: Mapping[str, Any]) -> bytes:
        return self._signer.sign_typed_data(typed_data)


@pytest.fixture
def do() -> Iterator[Do]:
    """The value of an answer, of either kind."""
    with asyncio.Runner() as runner:
        yield lambda answer: runner.run(answer) if inspect.iscoroutine(answer) else answer


@pytest.mark.parametrize("kind", [BuyerAgent, AsyncBuyerAgent], ids=["sync", "async"])
def test_the_market_is_open_to_questions(world: World, shop: Shop, do: Do, kind: type[Any]) -> None:
    seller = shop.seller
    agent = kind(seller.api_key, base_url=world.stack.base_url, state_dir=world.folder())
    service = do(agent.get_service(shop.service_id))
    assert (service.id, service.agent_id) == (shop.service_id, seller.agent_id)
    page = do(agent.search_services(service.title, limit=1))
    assert ([one.id for one in page.services], page.total) == ([shop.service_id], 1)
    assert do(agent.find_services(service.title, max_price="9.99")) == []
    assert service.agent_id in {one.id for one in do(agent.list_agents("seller-", limit=100))}
    assert do(agent.get_fee_tier()).fee_bps == 200
    assert do(agent.get_score()).address == shop.key.address
    assert do(agent.get_score(shop.key.address)).required == 10
    assert 0 <= do(agent.get_discovery_score(service.agent_id)).discovery_score <= 1
    assert do(agent.get_marketplace_pulse()).services.total > 0
    assert do(agent.network()).chain_id == 84532
    for ask in (agent.get_service, agent.get_transaction, agent.public_key, agent.get_discovery_score):
        with pytest.raises(NotFound):
            do(ask("../nobody?x=1#"))
    assert "without" in repr(kind(base_url=world.stack.base_url, state_dir=world.folder()))
    do(agent.close())


@pytest.mark.parametrize("kind", [SellerAgent, AsyncSellerAgent], ids=["sync", "async"])
def test_a_seller_changes_what_it_offers(world: World, do: Do, kind: type[Any]) -> None:
    shop, buyer = world.shop(), world.owner()
    seller = kind(shop.seller.api_key, base_url=world.stack.base_url, state_dir=world.folder())
    changed = do(seller.update_service(shop.service_id, price=0.5, title="New", status="paused"))
    assert (str(changed.price), changed.title, changed.status) == ("0.5", "New", "paused")
    with pytest.raises(ServiceUnavailable):
        buyer.purchase(shop.service_id)
    for wrong in ({"colour": "red"}, {"price": float("nan")}, {"status": "sold"}):
        with pytest.raises(InvalidInput):
            do(seller.update_service(shop.service_id, **wrong))
    with pytest.raises(InvalidInput, match="colour"):
        do(
            seller.list_service(
                title="t", description="d", category="other", price=1, price_unit="flat", colour=1
            )
        )
    do(seller.archive_service(shop.service_id))
    assert do(seller.get_service(shop.service_id)).status == "archived"
    do(seller.close())


def test_every_session_is_listed(world: World) -> None:
    owner = world.owner()
    made = [owner.create_session(1).session_id for _ in range(SESSIONS)]
    assert [one.session_id for one in owner.sessions()] == made[::-1]


def test_any_signer_will_do(world: World, shop: Shop) -> None:
    key = world.stack.wallet(100 * 10**6)
    owner = BuyerAgent.register(Foreign(key), f"foreign-{key.address}", base_url=world.stack.base_url,
                                state_dir=world.folder())  # fmt: skip
    world.agents.append(owner)
    assert owner.init_eoa_wallet(Foreign(key)) == key.address
    with pytest.raises(NotConfigured, match="init_crypto"):
        owner.purchase_encrypted(shop.service_id, {"a": 1})
    assert owner.init_crypto(Secret(key.to_hex())) == key.public_key_compressed.hex()
    session = owner.create_session(20)
    owner.fund_session(session)
    assert owner.reclaim_session(key.address, session=session.session_id) is not None
    assert world.has(session.wallet_address) == (0, 0)
    assert owner.init_eoa_wallet(Secret(key.to_hex())) == key.address
    for nothing in (5, None, b"key"):
        with pytest.raises(TypeError):
            owner.init_eoa_wallet(nothing)  # type: ignore[arg-type]


def test_what_needs_a_wallet_says_so(world: World, shop: Shop) -> None:
    with BuyerAgent(base_url=world.stack.base_url, state_dir=world.folder()) as agent:
        with pytest.raises(NotConfigured):
            agent.wallet_address  # noqa: B018
        with pytest.raises(NotConfigured):
            agent.confirm_and_release("txn_1")
        with pytest.raises(NotConfigured):
            agent.dispute("txn_1", "why")
