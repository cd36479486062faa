"""Steps of a transaction: what is proven, the hold it settles and the webhooks it queues, all or nothing."""

from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import (
    HOUR,
    NOW,
    SystemTime,
    a_hash,
    a_purchase,
    a_session,
    allowed,
    an_event,
    code,
    digest,
)
from valetkey.core.commands import Capture, Expire, MarkUnknown, Void
from valetkey.core.errors import Contradiction
from valetkey.core.session import Usage
from valetkey.core.spend import HoldState
from valetkey.core.transaction import Party, PaymentStatus, Step, Transaction, TransactionStatus
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import Change, Facts

PAID = PaymentStatus.PAID
UNITS = 1_000_000


def fund(
    tx_hash: str | None = None, *, units: int = UNITS, party: Party = Party.PLATFORM, **more: Any
) -> Change:
    facts = Facts(payment_status=PAID, escrow_tx_hash=tx_hash)
    return Change(step=Step.FUND, party=party, facts=facts, command=Capture(units), **more)


def expire(command: Expire | Capture | None = None) -> Change:
    facts = Facts(payment_status=PaymentStatus.FAILED)
    return Change(step=Step.EXPIRE, party=Party.PLATFORM, facts=facts, command=command)


UNPAID = expire(Expire(NOW + HOUR))


@pytest.fixture
def session(store: Blocking, market: Market) -> SessionRecord:
    record = a_session(market.owner)
    store.add_session(record, digest("token"))
    return record


@pytest.fixture
def bought(store: Blocking, market: Market, session: SessionRecord) -> Transaction:
    return allowed(store.place(a_purchase(market.service, market.owner, session, UNITS), None))


def usage(store: Blocking, session: SessionRecord) -> Usage:
    found: SessionRecord = store.session(session.session.id)
    return found.session.usage


def test_a_payment_captures_its_hold(
    store: Blocking, session: SessionRecord, bought: Transaction, time: SystemTime
) -> None:
    time.seconds += 7
    tx_hash = a_hash()
    done = allowed(store.change(bought.id, fund(tx_hash)))
    assert (done.status, done.payment_status) == (TransactionStatus.ESCROWED, PAID)
    assert (done.escrow_tx_hash, done.updated_at) == (tx_hash, NOW + 7)
    assert store.transaction(bought.id) == done
    assert usage(store, session) == Usage(captured=UNITS)
    hold = store.hold(bought.hold_id)
    assert (hold.state, hold.captured, hold.settled_at) == (HoldState.CAPTURED, UNITS, NOW + 7)


def test_the_whole_way_leaves_what_is_not_named_as_it_is(
    store: Blocking, bought: Transaction, market: Market
) -> None:
    store.change(bought.id, fund(a_hash()))
    facts = Facts(response_payload=b'{"x": 1.0}', delivery_proof="0xab", delivered_at=NOW + 9)
    delivered = allowed(store.change(bought.id, Change(step=Step.DELIVER, party=Party.SELLER, facts=facts)))
    assert delivered.payment_status is PAID
    disputed = allowed(
        store.change(
            bought.id,
            Change(step=Step.DISPUTE, party=Party.BUYER, facts=Facts(dispute_reason="it is empty")),
        )
    )
    assert disputed.response_payload == b'{"x": 1.0}'
    ended = allowed(
        store.change(
            bought.id,
            Change(step=Step.RESOLVE_BUYER, party=Party.PLATFORM, facts=Facts(completed_at=NOW + 11)),
        )
    )
    assert ended.status is TransactionStatus.REFUNDED
    assert (ended.delivered_at, ended.completed_at, ended.dispute_reason) == (
        NOW + 9,
        NOW + 11,
        "it is empty",
    )
    assert store.transaction(bought.id) == ended


def test_a_refused_step_changes_nothing(
    store: Blocking, session: SessionRecord, bought: Transaction, market: Market
) -> None:
    event = an_event(market.seller, bought)
    for change, why in (
        (fund(a_hash(), party=Party.SELLER, events=(event,)), "wrong_party"),
        (
            Change(step=Step.DELIVER, party=Party.SELLER, facts=Facts(delivered_at=1), events=(event,)),
            "wrong_status",
        ),
    ):
        assert code(store.change(bought.id, change)) == why
    assert store.transaction(bought.id) == bought
    assert usage(store, session) == Usage(held=UNITS)
    assert store.next_due() is None


def test_a_step_twice_is_refused_the_second_time(
    store: Blocking, session: SessionRecord, bought: Transaction
) -> None:
    tx_hash = a_hash()
    allowed(store.change(bought.id, fund(tx_hash)))
    assert code(store.change(bought.id, fund(tx_hash))) == "wrong_status"
    assert usage(store, session) == Usage(captured=UNITS)


def test_of_two_who_take_one_step_at_once_one_does(
    store: Blocking, session: SessionRecord, bought: Transaction, market: Market
) -> None:
    changes = [fund(events=(an_event(market.seller, bought),)) for _ in range(20)]
    answers = store.together(*(store.store.change(bought.id, change) for change in changes))
    assert sum(isinstance(answer, Transaction) for answer in answers) == 1
    assert usage(store, session) == Usage(captured=UNITS)
    assert len(store.claim_due(100, 60)) == 1


def test_a_chain_transaction_pays_once(
    store: Blocking, session: SessionRecord, bought: Transaction, market: Market
) -> None:
    other = allowed(store.place(a_purchase(market.service, market.owner, session, UNITS), None))
    tx_hash = a_hash()
    allowed(store.change(bought.id, fund(tx_hash)))
    for replayed in (tx_hash, tx_hash.upper().replace("0X", "0x")):
        assert code(store.change(other.id, fund(replayed))) == "funding_replayed"
    assert store.transaction(other.id) == other
    assert usage(store, session) == Usage(held=UNITS, captured=UNITS)


def test_a_contradiction_changes_nothing(
    store: Blocking, session: SessionRecord, bought: Transaction, market: Market
) -> None:
    early = expire(Expire(bought.checkout_ends_at - 1))
    with pytest.raises(Contradiction, match="UNKNOWN_STAYS_HELD"):
        store.change(bought.id, early)
    assert store.transaction(bought.id) == bought
    assert usage(store, session) == Usage(held=UNITS)
    with pytest.raises(Contradiction):
        store.change("txn_0000000000000000000000000", fund())


def test_an_event_id_twice_takes_the_whole_step_back(
    store: Blocking, session: SessionRecord, bought: Transaction, market: Market
) -> None:
    event = an_event(market.seller, bought)
    with pytest.raises(Contradiction):
        store.change(bought.id, fund(events=(event, event)))
    assert store.transaction(bought.id) == bought
    assert usage(store, session) == Usage(held=UNITS)
    assert store.next_due() is None


def test_UNKNOWN_STAYS_HELD_until_a_block_proves_that_nothing_moved(
    store: Blocking, session: SessionRecord, bought: Transaction
) -> None:
    store.mark_signed(bought.id)
    store.mark_signed(bought.id)
    assert store.hold(bought.hold_id).state is HoldState.UNKNOWN
    unproven = Change(step=Step.EXPIRE, party=Party.PLATFORM, command=Void())
    with pytest.raises(Contradiction, match="UNKNOWN_STAYS_HELD"):
        store.change(bought.id, unproven)
    assert usage(store, session) == Usage(held=UNITS)
    done = allowed(store.change(bought.id, UNPAID))
    assert (done.status, done.payment_status) == (TransactionStatus.ABANDONED, PaymentStatus.FAILED)
    assert usage(store, session) == Usage()
    assert store.hold(bought.hold_id).state is HoldState.EXPIRED


def test_a_late_payment_is_debited_anew(
    store: Blocking, session: SessionRecord, bought: Transaction, market: Market
) -> None:
    store.change(bought.id, UNPAID)
    full = allowed(store.place(a_purchase(market.service, market.owner, session, 10_000_000), None))
    late = allowed(store.change(bought.id, fund(a_hash())))
    assert (late.status, late.payment_status) == (TransactionStatus.ESCROWED, PAID)
    assert usage(store, session) == Usage(held=full.total.units, captured=UNITS), "below zero, and known"


def test_what_moved_otherwise_than_agreed_is_debited(
    store: Blocking, session: SessionRecord, bought: Transaction
) -> None:
    store.change(bought.id, expire(Capture(2**70)))
    assert store.transaction(bought.id).status is TransactionStatus.ABANDONED
    assert usage(store, session) == Usage(captured=2**70)


def test_a_signature_changes_only_an_open_hold(
    store: Blocking, market: Market, session: SessionRecord, bought: Transaction
) -> None:
    store.change(bought.id, UNPAID)
    store.mark_signed(bought.id)
    assert store.hold(bought.hold_id).state is HoldState.EXPIRED
    paid = allowed(store.place(a_purchase(market.service, market.owner, session, UNITS), None))
    store.change(paid.id, fund())
    store.mark_signed(paid.id)
    assert store.hold(paid.hold_id).state is HoldState.CAPTURED
    owner_s = allowed(store.place(a_purchase(market.service, market.owner), None))
    store.mark_signed(owner_s.id)
    assert store.transaction(owner_s.id) == owner_s
    with pytest.raises(Contradiction):
        store.mark_signed("txn_0000000000000000000000000")


def test_without_a_hold_a_command_has_nothing_to_do(store: Blocking, market: Market) -> None:
    bought = allowed(store.place(a_purchase(market.service, market.owner), None))
    for command in (MarkUnknown(), Capture(5)):
        change = Change(step=Step.FUND, party=Party.BUYER, facts=Facts(payment_status=PAID), command=command)
        store.change(bought.id, change)
    assert store.transaction(bought.id).status is TransactionStatus.ESCROWED
