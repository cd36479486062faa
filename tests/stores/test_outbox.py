"""The queue of webhooks: each is claimed by one sender at a time, and kept until somebody knows its end."""

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import NOW, SystemTime, a_purchase, allowed, an_event
from tests.stores.test_change import fund
from valetkey.ports.ledger import Event


@pytest.fixture
def events(store: Blocking, market: Market) -> list[Event]:
    """Three events, queued together."""
    bought = allowed(store.place(a_purchase(market.service, market.owner), None))
    made = [an_event(market.seller, bought, body=b"\x00\xff %d" % number) for number in range(3)]
    store.change(bought.id, fund(events=tuple(made)))
    return made


def test_nothing_is_due_where_nothing_is_queued(store: Blocking) -> None:
    assert store.claim_due(10, 60) == []
    assert store.next_due() is None


def test_events_are_claimed_as_they_were_queued(store: Blocking, events: list[Event]) -> None:
    assert store.next_due() == NOW
    first = store.claim_due(2, 60)
    assert [delivery.event for delivery in first] == events[:2]
    assert [(delivery.attempts, delivery.queued_at) for delivery in first] == [(0, NOW)] * 2
    assert [delivery.event for delivery in store.claim_due(10, 60)] == events[2:]
    assert store.claim_due(10, 60) == []


def test_a_lease_ends(store: Blocking, events: list[Event], time: SystemTime) -> None:
    store.claim_due(10, 60)
    assert store.next_due() == NOW + 60
    time.seconds += 59
    assert store.claim_due(10, 60) == []
    time.seconds += 1
    again = store.claim_due(10, 60)
    assert [delivery.event for delivery in again] == events
    assert {delivery.attempts for delivery in again} == {1}


def test_what_was_sent_or_given_up_is_never_due_again(
    store: Blocking, events: list[Event], time: SystemTime
) -> None:
    store.claim_due(10, 60)
    store.sent(events[0].id, 204)
    store.gave_up(events[1].id, "no route")
    store.retry_at(events[0].id, NOW, "too late")
    time.seconds += 10**6
    assert [delivery.event for delivery in store.claim_due(10, 60)] == events[2:]
    store.sent(events[2].id, 200)
    assert store.next_due() is None


def test_a_retry_comes_when_it_was_asked_for(store: Blocking, events: list[Event], time: SystemTime) -> None:
    store.claim_due(10, 60)
    store.retry_at(events[1].id, NOW + 5, "answered 503")
    assert store.next_due() == NOW + 5
    time.seconds += 5
    (due,) = store.claim_due(10, 60)
    assert (due.event, due.attempts, due.queued_at) == (events[1], 1, NOW)
    store.retry_at(events[1].id, NOW + 15, "answered 503" + "x" * 10_000)
    time.seconds += 10
    assert store.claim_due(10, 60)[0].attempts == 2


def test_agents_of_whom_too_many_wait(store: Blocking, events: list[Event], market: Market) -> None:
    assert store.crowded(3) == frozenset()
    assert store.crowded(2) == {market.seller.id}
    # What is being sent still waits; what was sent does not.
    store.claim_due(10, 60)
    assert store.crowded(2) == {market.seller.id}
    store.sent(events[0].id, 204)
    assert store.crowded(2) == frozenset()


def test_of_many_senders_one_gets_each_event(store: Blocking, events: list[Event]) -> None:
    claims = store.together(*(store.store.claim_due(1, 60) for _ in range(20)))
    claimed = [delivery.event.id for claim in claims for delivery in claim]
    assert sorted(claimed) == sorted(event.id for event in events)
