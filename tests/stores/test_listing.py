"""Pages of transactions: narrowed to services, and never longer than memory is meant for."""

from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import a_hash, a_purchase, a_service, allowed, an_agent, an_api_key, digest
from tests.stores.test_change import fund
from valetkey.core.agent import Agent
from valetkey.core.transaction import Party, Step
from valetkey.ports.ledger import PAGE_BYTES_MAX, Change, Facts, TransactionQuery

HALF = b"x" * (PAGE_BYTES_MAX // 2)


def listed(store: Blocking, agent: Agent, **more: Any) -> tuple[list[str], int]:
    found, total = store.transactions(TransactionQuery(agent.id, **more))
    return [one.id for one in found], total


def test_services_narrow_a_list(store: Blocking, market: Market) -> None:
    other, elsewhere = a_service(market.seller), an_agent()
    store.add_service(other)
    store.add_agent(elsewhere, digest(elsewhere.id), an_api_key(elsewhere))
    made = [
        allowed(store.place(a_purchase(one, market.owner), None)).id for one in (market.service, other) * 3
    ]
    one, both = frozenset({other.id}), frozenset({other.id, market.service.id})

    def sold(agent: Agent, services: frozenset[str], **more: Any) -> tuple[list[str], int]:
        return listed(store, agent, role="seller", service_ids=services, **more)

    assert sold(market.seller, one) == (made[1::2][::-1], 3)
    assert sold(market.seller, both) == (made[::-1], 6)
    assert sold(market.seller, one, limit=1, offset=1) == ([made[3]], 3)
    assert sold(market.seller, both, limit=2, offset=3) == ([made[2], made[1]], 6)
    assert sold(market.seller, one, status="pending", limit=1) == ([made[5]], 3)
    assert sold(market.seller, one, status="delivered") == ([], 0)
    assert sold(market.seller, frozenset()) == ([], 0)
    assert sold(elsewhere, one) == sold(market.owner, one) == ([], 0)


@pytest.mark.parametrize("role", ["buyer", "all"])
def test_a_page_ends_where_its_payloads_are_long(store: Blocking, market: Market, role: str) -> None:
    """Two requests of half a page fit, a byte more does not; what is longer than any page comes alone."""
    lengths = [0, PAGE_BYTES_MAX + 1, 1, len(HALF), len(HALF), 0]
    made = []
    for length in lengths:
        payload = b"x" * length if length else None
        made.append(
            allowed(store.place(a_purchase(market.service, market.owner, request_payload=payload), None)).id
        )
    pages, offset = [], 0
    while offset < len(made):
        page, total = listed(store, market.owner, role=role, offset=offset, limit=100)
        assert total == len(made)
        pages.append(page)
        offset += len(page)
    newest = made[::-1]
    assert pages == [newest[:3], newest[3:4], newest[4:5], newest[5:]]


def test_deliveries_count_as_well(store: Blocking, market: Market) -> None:
    made = [allowed(store.place(a_purchase(market.service, market.owner), None)).id for _ in range(3)]
    for one in made:
        store.change(one, fund())
        delivered = Facts(response_payload=HALF, delivered_at=1)
        store.change(one, Change(step=Step.DELIVER, party=Party.SELLER, facts=delivered))
    assert listed(store, market.seller) == (made[:0:-1], 3)
    assert listed(store, market.seller, limit=1) == (made[2:], 3)


def test_what_a_seller_has_to_deliver_comes_oldest_first(store: Blocking, market: Market) -> None:
    """Clients that read one page of it would starve the oldest otherwise."""
    made = [allowed(store.place(a_purchase(market.service, market.owner), None)).id for _ in range(4)]
    for one in made[:3]:
        store.change(one, fund(a_hash()))
    asked = {"role": "seller", "status": "escrowed"}
    assert listed(store, market.seller, **asked) == (made[:3], 3)
    assert listed(store, market.seller, **asked, limit=1, offset=1) == (made[1:2], 3)
    assert listed(store, market.seller, role="seller") == (made[::-1], 4)
