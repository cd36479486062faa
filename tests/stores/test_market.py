"""Services: offering, changing, finding. Evidence, and figures about the market."""

from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import (
    DAY,
    HOUR,
    NOW,
    SystemTime,
    a_purchase,
    a_service,
    allowed,
    an_agent,
    an_api_key,
    an_id,
    digest,
)
from tests.stores.test_change import fund
from valetkey.core.errors import Contradiction
from valetkey.core.ids import Kind
from valetkey.core.service import Service, ServiceQuery, ServiceStatus
from valetkey.core.transaction import Party, Step
from valetkey.ports.ledger import Change, Facts
from valetkey.ports.market import Evidence, Pulse, ServiceChange


def titles(store: Blocking, **query: Any) -> list[str]:
    """What a search finds among the services of a test, which are all about quokkas."""
    found, total = store.services(ServiceQuery(**{"text": "quokka", **query}))
    if "limit" not in query and "offset" not in query:
        assert total == len(found)
    return [service.title.removeprefix("Quokka ") for service in found]


@pytest.fixture
def quokkas(store: Blocking, market: Market) -> dict[str, Service]:
    offers: list[dict[str, Any]] = [
        {"title": "a", "price": 9, "rating_hundredths": 450, "rating_count": 9, "avg_response_ms": 900},
        {"title": "b", "price": 10, "rating_hundredths": 450, "rating_count": 10},
        {
            "title": "c",
            "price": 10**29,
            "avg_response_ms": 100,
            "category": "coding",
            "total_transactions": 3,
        },
        {"title": "d", "price": 10, "rating_hundredths": 500, "rating_count": 1, "network": "base"},
    ]
    made = {}
    for number, offer in enumerate(offers):
        fields = {**offer, "title": f"Quokka {offer['title']}", "created_at": NOW + number // 2}
        made[offer["title"]] = a_service(market.seller, **fields)
        store.add_service(made[offer["title"]])
    return made


def test_a_service_comes_back_as_it_was_offered(
    store: Blocking, market: Market, quokkas: dict[str, Service]
) -> None:
    full = a_service(
        market.seller,
        price=10**30 - 1,
        callback_required=True,
        endpoint_url="https://seller.example/",
        status=ServiceStatus.PAUSED,
        currency="ETH",
        decimals=18,
    )
    store.add_service(full)
    for service in (full, market.service, *quokkas.values()):
        assert store.service(service.id) == service
    assert store.service("svc_0000000000000000000000000") is None
    with pytest.raises(Contradiction):
        store.add_service(full)
    with pytest.raises(Contradiction):
        store.add_service(a_service(an_agent()))


def test_a_change_leaves_the_rest(store: Blocking, market: Market, time: SystemTime) -> None:
    service = a_service(market.seller, endpoint_url="https://seller.example/")
    store.add_service(service)
    time.seconds += 5
    changed = store.change_service(service.id, ServiceChange(title="Quokka", price=7, callback_required=True))
    assert changed == store.service(service.id)
    assert (changed.title, changed.price, changed.callback_required) == ("Quokka", 7, True)
    assert (changed.endpoint_url, changed.updated_at, changed.created_at) == (
        service.endpoint_url,
        NOW + 5,
        NOW,
    )
    assert store.change_service(service.id, ServiceChange(endpoint_url="")).endpoint_url is None
    assert titles(store, price_max=7) == ["Quokka"]
    assert titles(store, price_max=6) == []
    assert store.change_service(service.id, ServiceChange()).title == "Quokka"
    with pytest.raises(Contradiction):
        store.change_service("svc_0000000000000000000000000", ServiceChange(title="x"))


def test_words_are_found_where_they_are_now(store: Blocking, market: Market) -> None:
    service = a_service(market.seller, title="Übersetzung alter Briefe", description="from Kurrent script")
    store.add_service(service)
    for text in (
        "übersetzung",
        "UBERSETZUNG",
        "alter brie",
        "kurrent briefe",
        "briefe script",
        "  Kurrent  ",
    ):
        assert titles(store, text=text) == [service.title], text
    for text in ("brief alter x", "ersetzung", "data", "seller"):
        assert titles(store, text=text) == [], text
    store.change_service(service.id, ServiceChange(title="Reading", description="old letters"))
    assert titles(store, text="kurrent") == []
    assert titles(store, text="read lett") == []
    assert titles(store, text="reading lett") == ["Reading"]


@pytest.mark.parametrize(
    "text",
    ['"', "*", "quokka OR a", "NEAR(quokka)", 'a"b*', "-", "\0", "quo\0kka", "title:quokka", "^quokka", "(", "'",
     "{a b}: c", "a AND", "🎉", "x" * 5_000, "w " * 500, "'; DROP TABLE services; --"],
)  # fmt: skip
def test_what_people_type_is_never_a_query_language(
    store: Blocking, quokkas: dict[str, Service], text: str
) -> None:
    # Marks around a word and in it are no part of it; every other word of these is in no title.
    assert len(titles(store, text=text)) == (4 if text in ("^quokka", "quo\0kka") else 0)
    assert len(titles(store)) == 4


def test_no_text_finds_all_and_only_what_is_active(
    store: Blocking, market: Market, quokkas: dict[str, Service]
) -> None:
    assert len(titles(store, text="")) == len(titles(store, text="  ")) == 5
    store.change_service(quokkas["a"].id, ServiceChange(status=ServiceStatus.PAUSED))
    store.change_service(quokkas["b"].id, ServiceChange(status=ServiceStatus.ARCHIVED))
    assert titles(store) == ["d", "c"]
    store.change_service(quokkas["a"].id, ServiceChange(status=ServiceStatus.ACTIVE))
    assert titles(store) == ["d", "c", "a"]


@pytest.mark.parametrize(
    ("sort_by", "order"),
    [
        ("newest", "dcba"), ("price_asc", "abdc"), ("price_desc", "cbda"), ("rating", "dbac"),
        ("response_time", "cabd"),
    ],
)  # fmt: skip
def test_orders_have_no_ties(store: Blocking, quokkas: dict[str, Service], sort_by: str, order: str) -> None:
    assert titles(store, sort_by=sort_by) == list(order)
    pages = [titles(store, sort_by=sort_by, limit=1, offset=number) for number in range(5)]
    assert [title for page in pages for title in page] == list(order)


def test_filters_narrow_together(store: Blocking, market: Market, quokkas: dict[str, Service]) -> None:
    assert titles(store, category="coding") == ["c"]
    assert titles(store, network="base") == ["d"]
    assert titles(store, rating_hundredths_min=451) == ["d"]
    assert titles(store, rating_hundredths_min=450) == ["d", "b", "a"]
    assert titles(store, price_max=9) == ["a"]
    assert titles(store, price_max=10**29 - 1) == ["d", "b", "a"]
    assert titles(store, price_max=10, network="base-sepolia", rating_hundredths_min=1) == ["b", "a"]
    assert titles(store, currency="ETH") == []
    assert store.services(ServiceQuery(text="quokka", limit=1))[1] == 4


def test_prices_of_two_currencies_compare_in_their_units(store: Blocking, market: Market) -> None:
    for title, price, currency, decimals in (
        ("half an ether", 5 * 10**17, "ETH", 18),
        ("a dollar", 10**6, "USDC", 6),
        ("two ether", 2 * 10**18, "ETH", 18),
    ):
        fields: dict[str, Any] = {"price": price, "currency": currency, "decimals": decimals}
        store.add_service(a_service(market.seller, title=f"Quokka {title}", **fields))
    assert titles(store, sort_by="price_asc") == ["half an ether", "a dollar", "two ether"]
    assert titles(store, sort_by="price_asc", price_max=10**6) == ["half an ether", "a dollar"]
    assert titles(store, currency="ETH", price_max=10**18) == ["half an ether"]


def test_completed_purchases_and_answers_count(store: Blocking, market: Market, time: SystemTime) -> None:
    for seconds in (2, 5):
        bought = allowed(store.place(a_purchase(market.service, market.owner), None))
        store.change(bought.id, fund())
        time.seconds += seconds
        delivered = Facts(delivered_at=int(time.seconds))
        store.change(bought.id, Change(step=Step.DELIVER, party=Party.SELLER, facts=delivered))
        confirm = Change(step=Step.CONFIRM, party=Party.BUYER, facts=Facts(completed_at=int(time.seconds)))
        store.change(bought.id, confirm)
        store.change(bought.id, confirm)
    known = store.service(market.service.id)
    assert (known.total_transactions, known.avg_response_ms) == (2, 3_500)


def test_evidence_comes_back_in_the_order_in_which_it_came(store: Blocking, market: Market) -> None:
    bought = allowed(store.place(a_purchase(market.service, market.owner), None))
    assert store.evidence(bought.id) == []
    pieces = [
        Evidence(
            id=an_id(Kind.EVIDENCE),
            transaction_id=bought.id,
            submitted_by=market.owner.id,
            evidence_type="log",
            description="what happened",
            content_hash=content_hash,
            ipfs_hash=None,
            metadata=metadata,
            created_at=NOW,
        )
        for content_hash, metadata in (("0xab", b'{"a": 1.0}'), (None, None))
    ]
    assert store.evidence_count(bought.id) == 0
    for piece in pieces:
        assert store.add_evidence(piece, pieces_max=2, bytes_max=1_000)
    assert store.evidence(bought.id) == pieces
    assert store.evidence_count(bought.id) == 2


@pytest.mark.parametrize(
    ("pieces_max", "bytes_max", "kept"), [(3, 10**6, 3), (9, 45, 3), (9, 44, 2), (9, 14, 0), (0, 10**6, 0)]
)
def test_evidence_of_one_party_is_bounded_in_pieces_and_bytes(
    store: Blocking, market: Market, pieces_max: int, bytes_max: int, kept: int
) -> None:
    bought, other = (allowed(store.place(a_purchase(market.service, market.owner), None)) for _ in range(2))

    def submit(transaction_id: str, by: str) -> Any:
        piece = Evidence(
            id=an_id(Kind.EVIDENCE),
            transaction_id=transaction_id,
            submitted_by=by,
            evidence_type="log",
            description="\N{LATIN SMALL LETTER E WITH ACUTE}",
            content_hash="0xab",
            ipfs_hash="Qm",
            metadata=b"null",
            created_at=NOW,
        )
        return store.store.add_evidence(piece, pieces_max=pieces_max, bytes_max=bytes_max)

    # Of 15 bytes each, sent at once.
    answers = store.together(*(submit(bought.id, market.owner.id) for _ in range(6)))
    assert sorted(answers, reverse=True) == [True] * kept + [False] * (6 - kept)
    assert store.evidence_count(bought.id) == kept
    for transaction, by in ((bought, market.seller), (other, market.owner)):
        assert store.run(submit(transaction.id, by.id)) is (kept > 0), "the other party, another purchase"


def test_the_pulse_counts_what_there_is(store: Blocking, market: Market, time: SystemTime) -> None:
    empty = Pulse(
        services_total=1,
        services_last_24h=1,
        categories=(("data", 1),),
        completed_total=0,
        completed_last_24h=0,
        volume_24h=0,
        agents_total=2,
        agents_active_7d=2,
    )
    assert store.pulse() == empty
    for days in (0, 8, 0):
        time.seconds += days * DAY
        bought = allowed(store.place(a_purchase(market.service, market.owner, units=2**63), None))
        store.change(bought.id, fund(units=2**63))
        done = Facts(completed_at=int(time.seconds))
        store.change(bought.id, Change(step=Step.CONFIRM, party=Party.BUYER, facts=done))
    open_one = allowed(store.place(a_purchase(market.service, market.owner), None))
    store.change(open_one.id, fund())
    store.seen(market.owner.id)
    idle = an_agent(last_seen_at=NOW)
    store.add_agent(idle, digest("idle"), an_api_key(idle))
    now = int(time.seconds)
    for category, created_at in (("coding", now), ("coding", now - 2 * DAY), ("content", now - HOUR)):
        store.add_service(a_service(market.seller, category=category, created_at=created_at))
    store.add_service(a_service(market.seller, status=ServiceStatus.PAUSED, created_at=now))
    assert store.pulse() == Pulse(
        services_total=4,
        services_last_24h=2,
        categories=(("coding", 2), ("content", 1), ("data", 1)),
        completed_total=3,
        completed_last_24h=2,
        volume_24h=2 * 2**63,
        agents_total=3,
        agents_active_7d=1,
    )
