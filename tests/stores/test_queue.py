"""The reconciler's queue: who waits for proof, who for an end, and in which order."""

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import DAY, HOUR, NOW, SystemTime, a_purchase, allowed
from tests.stores.test_change import UNPAID, fund
from valetkey.core.transaction import Party, Step, Transaction
from valetkey.ports.ledger import Change, Facts


@pytest.fixture
def three(store: Blocking, market: Market) -> list[Transaction]:
    return [allowed(store.place(a_purchase(market.service, market.owner), None)) for _ in range(3)]


def ids(found: list[Transaction]) -> list[str]:
    return [transaction.id for transaction in found]


def test_least_recently_looked_up_first(store: Blocking, three: list[Transaction]) -> None:
    a, b, c = ids(three)
    assert ids(store.awaiting_proof(10)) == [a, b, c]
    assert ids(store.awaiting_proof(2)) == [a, b]
    store.looked_up(a)
    store.looked_up(b)
    assert ids(store.awaiting_proof(10)) == [c, a, b]
    store.looked_up(a)
    assert ids(store.awaiting_proof(2)) == [c, b]


def test_what_is_new_does_not_pass_what_waits(
    store: Blocking, market: Market, three: list[Transaction]
) -> None:
    a, b, c = ids(three)
    store.looked_up(a)
    new = allowed(store.place(a_purchase(market.service, market.owner), None))
    assert ids(store.awaiting_proof(10)) == [b, c, a, new.id]


def test_from_payment_to_the_end(store: Blocking, three: list[Transaction]) -> None:
    a, b, c = ids(three)
    assert store.unsettled(10) == []
    store.change(a, fund())
    store.change(b, fund())
    assert ids(store.awaiting_proof(10)) == [c]
    assert ids(store.unsettled(10)) == [a, b]
    store.looked_up(a)
    assert ids(store.unsettled(10)) == [b, a]
    assert ids(store.unsettled(1)) == [b]
    store.change(b, Change(step=Step.DELIVER, party=Party.SELLER, facts=Facts(delivered_at=NOW)))
    assert ids(store.unsettled(10)) == [b, a]
    store.change(b, Change(step=Step.DISPUTE, party=Party.BUYER, facts=Facts(dispute_reason="no")))
    assert ids(store.unsettled(10)) == [b, a]
    store.change(b, Change(step=Step.RESOLVE_SELLER, party=Party.PLATFORM, facts=Facts(completed_at=NOW)))
    store.change(a, Change(step=Step.ABANDON, party=Party.PLATFORM, facts=Facts(completed_at=NOW)))
    assert store.unsettled(10) == []
    assert ids(store.awaiting_proof(10)) == [c], (
        "an escrow that was taken back is not a checkout that ended unpaid"
    )


def test_a_checkout_that_ended_unpaid_is_watched_for_a_week(
    store: Blocking, three: list[Transaction], time: SystemTime
) -> None:
    a, b, c = ids(three)
    for one in (a, b):
        store.change(one, UNPAID)
    time.seconds = three[0].checkout_ends_at + 7 * DAY - 1
    assert ids(store.awaiting_proof(10)) == [a, b, c]
    store.change(b, fund())
    time.seconds += 1
    for _ in range(2):
        assert ids(store.awaiting_proof(10)) == [c], (
            "one that never ended is looked up for as long as it takes"
        )
    assert ids(store.unsettled(10)) == [b]
    store.looked_up(a)
    assert ids(store.awaiting_proof(10)) == [c]


def test_what_is_paid_after_the_watch_is_followed_again(
    store: Blocking, three: list[Transaction], time: SystemTime
) -> None:
    a, b, _ = ids(three)
    store.change(a, UNPAID)
    time.seconds += 8 * DAY + HOUR
    assert a not in ids(store.awaiting_proof(10))
    store.change(b, fund())
    allowed(store.change(a, fund()))
    assert ids(store.unsettled(10)) == [b, a]
    store.looked_up(b)
    assert ids(store.unsettled(10)) == [a, b]
    store.looked_up(a)
    assert ids(store.unsettled(10)) == [b, a]
