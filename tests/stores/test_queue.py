"""The reconciler's queue: who waits for proof, who for an end, when, and in which order."""

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
    a_session,
    allowed,
    an_agent,
    an_api_key,
    digest,
)
from tests.stores.test_change import UNPAID, fund
from valetkey.core.agent import Agent
from valetkey.core.transaction import Party, Step, Transaction
from valetkey.ports.ledger import BUYER_LOOKS_PER_SECOND, Change, Facts, Waiting

OTHERS = 3 * BUYER_LOOKS_PER_SECOND


def buy(store: Blocking, market: Market, **fields: Any) -> str:
    """A purchase of a new owner's session, whose payment can be announced."""
    owner = an_agent()
    store.add_agent(owner, digest(owner.id), an_api_key(owner))
    return bought_by(store, market, owner, **fields)


def bought_by(store: Blocking, market: Market, owner: Agent, **fields: Any) -> str:
    session = a_session(owner, expires_at=NOW + 30 * DAY)
    store.add_session(session, digest(session.alias))
    return allowed(store.place(a_purchase(market.service, owner, session, **fields), None)).id


@pytest.fixture
def three(store: Blocking, market: Market) -> list[str]:
    return [buy(store, market) for _ in range(3)]


def ids(found: list[Waiting]) -> list[str]:
    return [one.transaction.id for one in found]


def awaiting(store: Blocking, limit: int = 10) -> list[str]:
    return ids(store.awaiting_proof(limit))


def unsettled(store: Blocking, limit: int = 10) -> list[str]:
    return ids(store.unsettled(limit))


def test_what_is_due_comes_and_what_was_due_longest_comes_first(
    store: Blocking, three: list[str], time: SystemTime
) -> None:
    a, b, c = three
    assert awaiting(store) == [a, b, c]
    assert awaiting(store, 2) == [a, b]
    store.looked_up(a, NOW + 20)
    store.looked_up(b, NOW + 10)
    assert awaiting(store) == [c]
    time.seconds += 10
    assert awaiting(store) == [c, b]
    time.seconds += 10
    assert awaiting(store) == [c, b, a]
    assert awaiting(store, 1) == [c]


def test_what_comes_is_the_purchase_without_its_payloads(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    made = a_purchase(market.service, market.owner, request_payload=b'{"x": 1}')
    store.place(made, None)
    time.seconds += 7
    ((found),) = store.awaiting_proof(10)
    assert (found.transaction.request_payload, found.signed, found.now) == (None, False, NOW + 7)
    assert store.transaction(made.id) == made
    store.change(made.id, fund())
    delivered = Facts(response_payload=b'"done"', delivered_at=NOW)
    store.change(made.id, Change(step=Step.DELIVER, party=Party.SELLER, facts=delivered))
    ((found),) = store.unsettled(10)
    assert (found.transaction.response_payload, found.transaction.delivered_at) == (None, NOW)
    assert store.transaction(made.id).response_payload == b'"done"'


def test_signed_payments_pass_what_only_waits(store: Blocking, market: Market, three: list[str]) -> None:
    a, b, c = three
    store.change(b, UNPAID)
    store.mark_signed(c)
    found = store.awaiting_proof(10)
    assert ids(found) == [c, a, b]
    assert [one.signed for one in found] == [True, False, False]


def test_an_announced_payment_is_due_at_once_and_announcing_it_again_changes_nothing(
    store: Blocking, three: list[str], time: SystemTime
) -> None:
    _, b, _ = three
    for one in three:
        store.looked_up(one, NOW + HOUR)
    store.mark_signed(b)
    assert awaiting(store) == [b]
    store.looked_up(b, NOW + 15)
    store.mark_signed(b)
    assert awaiting(store) == []
    time.seconds += 15
    assert awaiting(store) == [b]


def test_an_owner_s_own_payment_can_be_announced(store: Blocking, market: Market, three: list[str]) -> None:
    own = allowed(store.place(a_purchase(market.service, market.owner), None))
    store.mark_signed(own.id)
    assert awaiting(store) == [own.id, *three]


def test_no_class_takes_all_of_a_batch(store: Blocking, market: Market) -> None:
    made = [buy(store, market) for _ in range(30)]
    signed, pending, ended = made[:10], made[10:20], made[20:]
    for one in signed:
        store.mark_signed(one)
    for one in ended:
        store.change(one, UNPAID)
    assert awaiting(store) == [*signed[:6], *pending[:2], *ended[:2]]
    assert awaiting(store, 30) == made
    assert awaiting(store, 2) == signed[:2]
    for one in pending:
        store.looked_up(one, NOW + HOUR)
    assert awaiting(store) == [*signed[:8], *ended[:2]]
    for one in signed[1:]:
        store.looked_up(one, NOW + HOUR)
    assert awaiting(store) == [signed[0], *ended[:9]]


@pytest.mark.parametrize("announced", [False, True])
def test_a_crowd_of_one_buyer_is_looked_up_at_the_buyer_s_rate_and_pushes_nobody_back(
    store: Blocking, market: Market, time: SystemTime, announced: bool
) -> None:
    crowd = [bought_by(store, market, market.owner) for _ in range(OTHERS)]
    other = buy(store, market)
    for one in [*crowd, other]:
        if announced:
            store.mark_signed(one)
    assert len(awaiting(store, 100)) == BUYER_LOOKS_PER_SECOND + 1
    assert other in awaiting(store, 100)
    seen = []
    for _ in range(9):
        for one in awaiting(store, 100):
            store.looked_up(one, int(time.seconds) + 1)
            seen.append(one)
        time.seconds += 1
    assert seen.count(other) == 9, "alone, it is looked up whenever it asks for it"
    assert {seen.count(one) for one in crowd} == {3}, "in turn, so many a second in all"


def test_a_crowd_that_left_slows_nobody(store: Blocking, market: Market, time: SystemTime) -> None:
    crowd = [bought_by(store, market, market.owner) for _ in range(OTHERS)]
    for one in crowd:
        store.change(one, fund())
        store.change(one, Change(step=Step.CONFIRM, party=Party.BUYER, facts=Facts(completed_at=NOW)))
    time.seconds += HOUR
    assert (awaiting(store), unsettled(store)) == ([], [])
    alone = bought_by(store, market, market.owner)
    assert awaiting(store) == [alone]


def test_from_payment_to_the_end(store: Blocking, three: list[str]) -> None:
    a, b, c = three
    assert unsettled(store) == []
    store.change(a, fund())
    store.change(b, fund())
    assert awaiting(store) == [c]
    assert unsettled(store) == [a, b]
    assert unsettled(store, 1) == [a]
    store.looked_up(a, NOW + 60)
    store.looked_up(b, NOW + 60)
    assert unsettled(store) == []
    store.change(b, Change(step=Step.DELIVER, party=Party.SELLER, facts=Facts(delivered_at=NOW)))
    assert unsettled(store) == [b], "a new status brings a look"
    store.looked_up(b, NOW + 60)
    store.change(b, Change(step=Step.DISPUTE, party=Party.BUYER, facts=Facts(dispute_reason="no")))
    assert unsettled(store) == [b]
    store.looked_up(b, NOW + 60)
    store.change(b, Change(step=Step.EXPLAIN_DISPUTE, party=Party.BUYER, facts=Facts(dispute_reason="so")))
    assert unsettled(store) == [], "words bring none"
    store.change(b, Change(step=Step.RESOLVE_SELLER, party=Party.PLATFORM, facts=Facts(completed_at=NOW)))
    store.change(a, Change(step=Step.ABANDON, party=Party.PLATFORM, facts=Facts(completed_at=NOW)))
    store.looked_up(a, NOW)
    store.looked_up(b, NOW)
    assert unsettled(store) == []
    assert awaiting(store) == [c], "an escrow that was taken back is not a checkout that ended unpaid"


def test_a_checkout_that_ended_keeps_its_next_look(
    store: Blocking, three: list[str], time: SystemTime
) -> None:
    a, b, c = three
    store.looked_up(a, NOW + 30)
    store.change(a, UNPAID)
    assert awaiting(store) == [b, c]
    time.seconds += 30
    assert awaiting(store) == [b, c, a]


def test_a_checkout_that_ended_unpaid_is_watched_for_a_week(
    store: Blocking, three: list[str], time: SystemTime
) -> None:
    a, b, c = three
    ends: Transaction = store.transaction(a)
    for one in (a, b):
        store.change(one, UNPAID)
    time.seconds = ends.checkout_ends_at + 7 * DAY - 1
    assert awaiting(store) == [c, a, b]
    store.change(b, fund())
    time.seconds += 1
    for _ in range(2):
        assert awaiting(store) == [c], "one that never ended is looked up for as long as it takes"
    assert unsettled(store) == [b]
    store.looked_up(a, NOW)
    assert awaiting(store) == [c]


def test_what_is_paid_after_the_watch_is_followed_again(
    store: Blocking, three: list[str], time: SystemTime
) -> None:
    a, b, _ = three
    store.change(a, UNPAID)
    time.seconds += 8 * DAY + HOUR
    assert a not in awaiting(store)
    store.change(b, fund())
    allowed(store.change(a, fund()))
    assert unsettled(store) == [a, b], "both are due now, the older purchase first"
    store.looked_up(a, int(time.seconds) + 60)
    assert unsettled(store) == [b]
