"""Polling a real platform: many pages, an outage in between, and the end of the credential."""

import threading

import pytest

from tests.e2e.proxy import Cut, Proxy
from tests.integration.sdk.world import World
from valetkey import SellerAgent, SessionRevoked, Unauthenticated

PURCHASES = 105


@pytest.mark.parametrize("outage", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_more_than_a_page_of_purchases_each_once(world: World, outage: bool) -> None:
    shop, owner = world.shop(), world.owner()
    bought = [owner.purchase(shop.service_id).id for _ in range(PURCHASES)]
    asked: list[str] = []

    def cut_some(where: str, _body: bytes) -> None:
        asked.append(where)
        # The second page of the first look never comes, however often it is asked for.
        if outage and len(asked) in range(2, 8):
            raise Cut

    with Proxy(world.stack.base_url, before=cut_some) as proxy:
        assert shop.seller.api_key is not None
        with SellerAgent(shop.seller.api_key, base_url=proxy.url, state_dir=world.folder()) as seller:
            found = []
            for one in seller.poll_for_purchases(interval=0.1, statuses=("pending",)):
                found.append(one.id)
                if len(found) == PURCHASES:
                    bought.append(owner.purchase(shop.service_id).id)
                if len(found) > PURCHASES:
                    seller.stop()
    assert sorted(found) == sorted(bought), "every one, and each once"
    assert found[-1] == bought[-1]
    assert any("offset=100" in one for one in asked)


def test_a_dead_credential_ends_the_polling(world: World) -> None:
    shop = world.shop()
    session = shop.seller.create_session()
    with SellerAgent(base_url=world.stack.base_url, state_dir=world.folder()) as worker:
        worker.init_with_session(session.serialize())
        threading.Timer(0.5, shop.seller.revoke_session, [session]).start()
        with pytest.raises(SessionRevoked):
            next(worker.poll_for_purchases(interval=0.1))
    with SellerAgent("nobody's key", base_url=world.stack.base_url, state_dir=world.folder()) as nobody:
        with pytest.raises(Unauthenticated):
            next(nobody.poll_for_purchases())
