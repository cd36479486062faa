"""Pages of sessions agree with what core says of each, for every filter, alone and together, and every order."""

from collections import Counter
from dataclasses import replace
from itertools import product

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import DAY, HOUR, NOW, SystemTime, a_purchase, a_session, allowed, digest
from tests.stores.test_labels import child
from valetkey.core.limits import Limits
from valetkey.core.session import Status, Usage, remaining, remaining_rank, status
from valetkey.ports.accounts import SessionQuery, SessionRecord

CHAINS = (None, frozenset({1}), frozenset({8453}), frozenset({8453, 84532}), frozenset[int]())


@pytest.fixture
def records(store: Blocking, market: Market, time: SystemTime) -> list[SessionRecord]:
    """Sessions of every status, and, of each, a child, a grandchild, and one that took its place; oldest first."""
    made: list[SessionRecord] = []
    for number in range(20):
        record = a_session(
            market.owner,
            10_000,
            label=(None, "one", "two")[number % 3],
            delegate=("a", None)[number % 2],
            expires_at=NOW + (HOUR if number < 4 else DAY - number),
            usage=Usage(captured=10_000 if number in (6, 7) else 0),
            not_before=NOW + 2 * HOUR if number in (4, 5) else 0,
        )
        policy = replace(record.session.policy, allowed_chains=CHAINS[number % len(CHAINS)])
        record = replace(record, session=replace(record.session, policy=policy))
        made.append(store.add_session(record, digest(record.alias)))
        if number % 2:
            (below,) = store.add_children([child(record, "one")])
            made += [below, *store.add_children([child(below, None)])]
    roots = [one for one in made if one.session.parent_id is None]
    for one in (*roots[8:10], made[-2]):
        store.pause_session(one.session.id, paused=True)
    for one in (*roots[10:12], made[-5]):
        store.revoke_session(one.session.id)
    for one in roots[12:15]:
        new = replace(a_session(market.owner, 10_000, label="two", expires_at=NOW + DAY), delegate="a")
        made.append(
            store.rotate_session(one.session.id, new, digest(new.alias), grace_seconds=60, carry=True)
        )
    time.seconds += HOUR
    return [store.session(one.session.id) for one in made]


def fits(record: SessionRecord, query: SessionQuery, now: int) -> bool:
    chains = record.session.policy.allowed_chains
    return (
        (query.label is None or record.label == query.label)
        and (query.delegate is None or record.delegate == query.delegate)
        and (query.chain_id is None or chains is None or query.chain_id in chains)
        and (query.status is None or status(record.session, now, record.ancestors) == query.status)
        and (query.currency is None or query.currency in record.session.policy.currencies)
        and (query.part_of_label is None or query.part_of_label.lower() in (record.label or "").lower())
        and (query.text is None or found(record, query.text.lower()))
    )


def found(record: SessionRecord, text: str) -> bool:
    named = len(text) >= 8 and (
        record.session.id.startswith(text) or (record.wallet_address or "").lower().startswith(text)
    )
    return named or text in (record.label or "").lower() or text in (record.delegate or "").lower()


def test_every_filter_alone_and_together(
    store: Blocking, market: Market, records: list[SessionRecord], time: SystemTime
) -> None:
    now = int(time.seconds)
    assert {status(one.session, now, one.ancestors) for one in records} == set(Status)
    assert {len(one.ancestors) for one in records} == {0, 1, 2, 3}
    for label, state, chain, delegate in product(
        (None, "one", "two", "three"), (None, *Status), (None, 8453, 84532, 8), (None, "a")
    ):
        query = SessionQuery(
            market.owner.id, label=label, status=state, chain_id=chain, delegate=delegate, limit=100
        )
        expected = [one for one in reversed(records) if fits(one, query, now)]
        assert store.sessions(query) == (expected, len(expected)), query
        assert store.sessions(replace(query, counted=False)) == (expected, 0), query


def test_every_order_and_page(
    store: Blocking, market: Market, records: list[SessionRecord], time: SystemTime
) -> None:
    now = int(time.seconds)
    place = {one.session.id: number for number, one in enumerate(records)}
    orders = {
        "newest": lambda one: -place[one.session.id],
        "oldest": lambda one: place[one.session.id],
        "expiry": lambda one: (one.session.policy.expires_at, place[one.session.id]),
        "label": lambda one: (one.label is None, one.label or "", place[one.session.id]),
        "remaining": lambda one: (
            (rank := remaining_rank(one.session)) is None,
            rank or 0,
            place[one.session.id],
        ),
    }
    for (sort, order), state, label in product(orders.items(), (None, "active", "revoked"), (None, "one")):
        query = SessionQuery(market.owner.id, status=state, label=label, sort=sort, limit=7)
        expected = sorted((one for one in records if fits(one, query, now)), key=order)
        found, offset = [], 0
        while offset <= len(expected):
            page, total = store.sessions(replace(query, offset=offset))
            assert total == len(expected)
            assert store.sessions(replace(query, offset=offset, counted=False)) == (page, 0)
            found += page
            offset += 7
        assert found == expected, query


def test_all_of_an_owner_that_is_frozen_are_paused(
    store: Blocking, market: Market, records: list[SessionRecord], time: SystemTime
) -> None:
    store.freeze(market.owner.id, frozen=True)
    frozen = [store.session(one.session.id) for one in records]
    for state in Status:
        query = SessionQuery(market.owner.id, status=state, limit=100)
        expected = [one for one in reversed(frozen) if fits(one, query, int(time.seconds))]
        assert store.sessions(query) == (expected, len(expected)), state
    assert store.sessions(SessionQuery(market.owner.id, status="active")) == ([], 0)
    assert store.sessions(SessionQuery(market.owner.id, status="pending")) == ([], 0)


def test_a_budget_that_grows_and_shrinks_is_in_the_list_at_once(store: Blocking, market: Market) -> None:
    def exhausted() -> int:
        count: int = store.sessions(SessionQuery(market.owner.id, status="exhausted"))[1]
        return count

    nothing = a_session(market.owner, 0)
    record = a_session(market.owner, 10_000)
    for one in (nothing, record):
        store.add_session(one, digest(one.alias))
    assert exhausted() == 1
    allowed(store.place(a_purchase(market.service, market.owner, record, 10_000), None))
    assert exhausted() == 2
    store.extend_session(record.session.id, NOW + HOUR, 10_001, "owner")
    assert exhausted() == 1
    new = a_session(market.owner, 10_000)
    store.rotate_session(record.session.id, new, digest("new"), grace_seconds=60, carry=True)
    assert exhausted() == 3, "both have spent what the new one may, and the old one is below it"


def test_parts_of_labels_words_ids_and_wallets_find_sessions(
    store: Blocking, market: Market, records: list[SessionRecord], time: SystemTime
) -> None:
    ether = a_session(
        market.owner, 5, label="Treasury Ops \u00c9", delegate="The swapper", expires_at=NOW + DAY
    )
    policy = replace(ether.session.policy, others=(Limits("ETH", 10**18),))
    ether = replace(ether, session=replace(ether.session, policy=policy), wallet_address="0x" + "AbCd" * 10)
    stranger = a_session(market.seller, 5, label="Treasury Ops", expires_at=NOW + DAY)
    for one in (ether, stranger):
        store.add_session(one, digest(one.alias))
    everything = [*records, store.session(ether.session.id)]
    now = int(time.seconds)
    asked = [
        {"currency": "ETH"},
        {"currency": "USDC"},
        {"currency": "SD"},
        {"part_of_label": "N"},
        {"part_of_label": "ops"},
        {"part_of_label": "%"},
        {"text": "SWAP"},
        {"text": "\u00c9"},
        {"text": ether.session.id[:-2]},
        {"text": ether.session.id[:7]},
        {"text": "0xabcdAB"},
        {"text": "0xabcd"},
        {"text": "one", "status": "active"},
        {"text": "nothing of the kind"},
        {"part_of_label": "o", "chain_id": 8453, "status": "active"},
        {"part_of_label": "reasury", "text": "wapper"},
        {"part_of_label": "reasury", "text": "nobody"},
        {"part_of_label": "y Ops \u00c9"},
        {"text": 'ops" OR "one'},
        {"text": "label:one"},
        {"text": "one*"},
        {"text": "Tr%ops"},
    ]
    for fields in asked:
        query = SessionQuery(market.owner.id, limit=100, **fields)
        expected = [one for one in everything if fits(one, query, now)]
        assert sorted(one.session.id for one in store.sessions(query)[0]) == sorted(
            one.session.id for one in expected
        ), fields
    assert store.sessions(SessionQuery(market.owner.id, text="0xabcdAB"))[1] == 1
    assert store.sessions(SessionQuery(market.owner.id, text=ether.session.id[:-2]))[1] >= 1


def test_how_many_have_each_status(
    store: Blocking, market: Market, records: list[SessionRecord], time: SystemTime
) -> None:
    now = int(time.seconds)
    counted = Counter(str(status(one.session, now, one.ancestors)) for one in records)
    assert set(counted) == set(Status)
    assert store.session_counts(market.owner.id) == dict(counted)
    assert store.session_counts(market.seller.id) == dict.fromkeys(map(str, Status), 0)
    store.freeze(market.owner.id, frozen=True)
    frozen = store.session_counts(market.owner.id)
    assert (frozen["active"], sum(frozen.values())) == (0, len(records))


def test_what_is_left_sorts_at_once(store: Blocking, market: Market) -> None:
    """Two digits of it, whatever the currency; what is unlimited comes last."""
    budgets: list[int | None] = [None, 5_000_000, 120_000_000, 7, 0, 190_000_000, 10**29]
    made = [a_session(market.owner, one) for one in budgets]
    coin = a_session(market.owner, 6 * 10**18, currency="ETH")
    for record in (*made, coin):
        store.add_session(record, digest(record.alias))

    def listed() -> list[int | None]:
        page, _ = store.sessions(SessionQuery(market.owner.id, sort="remaining", limit=100))
        return [remaining(one.session) for one in page]

    assert listed() == [0, 7, 5_000_000, 6 * 10**18, 120_000_000, 190_000_000, 10**29, None]
    allowed(store.place(a_purchase(market.service, market.owner, made[2], 118_000_000), None))
    assert listed() == [0, 7, 2_000_000, 5_000_000, 6 * 10**18, 190_000_000, 10**29, None]
    store.extend_session(made[3].session.id, NOW + HOUR, 9_000_000, "owner")
    assert listed() == [0, 2_000_000, 5_000_000, 6 * 10**18, 9_000_000, 190_000_000, 10**29, None]


def standings_of(store: Blocking, market: Market) -> list[str]:
    """Sessions with much and little left; their ids in the order of what is left."""
    coin = a_session(market.owner, 6 * 10**18, currency="ETH", label="ranked")
    made = [
        a_session(market.owner, one, label="ranked")
        for one in (0, 7, 4_321, 7_000_000, None, 98_765 * 10**20)
    ]
    for record in (*made, coin):
        store.add_session(record, digest(record.alias))
    allowed(store.place(a_purchase(market.service, market.owner, made[3], 3_000), None))
    allowed(store.place(a_purchase(market.service, market.owner, made[1], 7), None))
    order = [made[0], made[1], made[2], coin, made[3], made[5], made[4]]
    assert listed_by_what_is_left(store, market) == [one.session.id for one in order]
    return [one.session.id for one in order]


def listed_by_what_is_left(store: Blocking, market: Market) -> list[str]:
    """The same of those that are in the list."""
    page, _ = store.sessions(SessionQuery(market.owner.id, label="ranked", sort="remaining", limit=100))
    return [one.session.id for one in page]
