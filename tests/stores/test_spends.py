"""Spends that are no purchases: payments, approvals, ends, pages, and what only a chain can prove."""

from dataclasses import replace
from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import (
    HOUR,
    NOW,
    USDC,
    SystemTime,
    a_key,
    a_session,
    an_address,
    an_id,
    code,
    digest,
)
from valetkey.core.commands import Approve, Capture, Lapse, MarkUnknown, Reject, Void
from valetkey.core.errors import Contradiction
from valetkey.core.ids import Kind
from valetkey.core.money import Money
from valetkey.core.session import Usage
from valetkey.core.spend import HoldState, SpendRequest
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import Asking, Event, Payment, Spend, SpendQuery, SpendRecord

PAYEE = an_address()


@pytest.fixture
def session(store: Blocking, market: Market) -> SessionRecord:
    return made(store, market)


def made(store: Blocking, market: Market, **policy: Any) -> SessionRecord:
    record = a_session(market.owner)
    session = replace(record.session, policy=replace(record.session.policy, **policy))
    record = replace(record, session=session)
    store.add_session(record, digest(record.alias))
    return record


def a_spend(session: SessionRecord, units: int = 1_000_000, **fields: Any) -> Spend:
    request = SpendRequest(Money(units, USDC), None, PAYEE, "transfer")
    return Spend(session.session.id, an_id(Kind.HOLD), request, **{"expires_at": NOW + 600, **fields})


def usage(store: Blocking, session: SessionRecord) -> Usage:
    found: SessionRecord = store.session(session.session.id)
    return found.session.usage


def test_a_spend_is_held_paid_and_captured(store: Blocking, session: SessionRecord) -> None:
    wanted = a_spend(session, note="for bread")
    held = store.hold_spend(wanted, a_key())
    assert isinstance(held, SpendRecord)
    assert (held.hold.state, held.note, held.payment) == (HoldState.HELD, "for bread", None)
    assert store.hold_spend(a_spend(session), a_key()) == held == store.spend_record(wanted.hold_id)
    payment = Payment(b"\x00signed\xff", "0x12")
    signed = store.settle(wanted.hold_id, MarkUnknown(), by="session", payment=payment)
    assert (signed.hold.state, signed.payment) == (HoldState.UNKNOWN, payment)
    assert store.spend_record(wanted.hold_id) == signed
    assert store.settle(wanted.hold_id, MarkUnknown(), by="session", payment=payment) == signed
    with pytest.raises(Contradiction, match="same bytes"):
        store.settle(wanted.hold_id, MarkUnknown(), by="session", payment=Payment(b"other"))
    store.settle(wanted.hold_id, Capture(999_999), by="platform")
    assert usage(store, session) == Usage(captured=999_999)
    assert store.spend_record(wanted.hold_id).payment == payment
    with pytest.raises(Contradiction):
        store.settle("hld_0000000000000000000000000", Void(), by="owner")


def test_a_large_spend_waits_and_is_executed_once_it_is_approved(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    session = made(store, market, approval_above=500_000)
    asking = Asking(
        NOW + HOUR // 2,
        (Event(an_id(Kind.WEBHOOK), market.owner.id, "hold", "approval.asked", "https://o.example/", b"{}"),),
    )
    first = store.hold_spend(a_spend(session), None, asking)
    assert first.hold.state is HoldState.PENDING
    assert len(store.claim_due(10, 60)) == 1
    again = store.hold_spend(a_spend(session), None, replace(asking, events=()))
    assert again == first, "the same request waits once"
    approved = store.settle(first.hold.id, Approve(NOW + HOUR), by="owner")
    assert approved.hold.state is HoldState.APPROVED
    executed = store.hold_spend(a_spend(session), None, asking)
    assert (executed.hold.id, executed.hold.state) == (first.hold.id, HoldState.HELD)
    other = store.hold_spend(a_spend(session), None, replace(asking, events=()))
    assert other.hold.id != first.hold.id, "an approval is good for one spend"
    assert usage(store, session) == Usage(held=2_000_000)
    time.seconds = asking.ends_at
    assert other.hold.id in store.lapsed(10)
    renewed = store.hold_spend(a_spend(session), None, Asking(NOW + HOUR))
    assert renewed.hold.id not in (first.hold.id, other.hold.id)
    assert store.spend_record(other.hold.id).hold.state is HoldState.EXPIRED


def test_two_notes_are_two_requests(store: Blocking, market: Market) -> None:
    """Of two invoices over the same amount each waits by itself; who says nothing of a note means what waits."""
    session = made(store, market, approval_above=500_000)

    def asked(note: str | None) -> Any:
        spend = replace(a_spend(session), note=note)
        return store.hold_spend(spend, None, Asking(NOW + HOUR))

    seven, eight = asked("invoice 7"), asked("invoice 8")
    assert seven.hold.id != eight.hold.id
    assert (seven.note, eight.note) == ("invoice 7", "invoice 8")
    assert asked("invoice 8") == eight
    assert usage(store, session) == Usage(held=2_000_000)
    store.settle(eight.hold.id, Approve(NOW + HOUR), by="owner")
    assert asked("invoice 7").hold.state is HoldState.PENDING
    executed = asked("invoice 8")
    assert (executed.hold.id, executed.hold.state) == (eight.hold.id, HoldState.HELD)
    assert asked(None).hold.id == seven.hold.id, "the only one that still waits"
    silent = store.settle(seven.hold.id, Reject(), by="owner")
    assert silent.hold.state is HoldState.VOIDED
    silent = asked(None)
    assert asked("invoice 9").hold.id == silent.hold.id


def test_the_same_requests_at_once_wait_as_one(store: Blocking, market: Market) -> None:
    session = made(store, market, approval_above=500_000)
    answers = store.together(
        *(store.store.hold_spend(a_spend(session), None, Asking(NOW + 600)) for _ in range(10))
    )
    assert len({one.hold.id for one in answers}) == 1
    assert usage(store, session) == Usage(held=1_000_000)


def test_what_nobody_paid_lapses(store: Blocking, session: SessionRecord, time: SystemTime) -> None:
    early, late = a_spend(session, expires_at=NOW + 60), a_spend(session, expires_at=NOW + 90)
    for one in (late, early):
        store.hold_spend(one, None)
    assert store.lapsed(10) == []
    time.seconds += 90
    assert store.lapsed(10) == [early.hold_id, late.hold_id]
    assert store.lapsed(1) == [early.hold_id]
    store.settle(early.hold_id, Lapse(), by="platform")
    assert store.lapsed(10) == [late.hold_id]
    assert usage(store, session) == Usage(held=1_000_000)


def test_UNKNOWN_STAYS_HELD_and_is_looked_up_by_one_at_a_time(
    store: Blocking, session: SessionRecord, time: SystemTime
) -> None:
    assert (store.oldest_unknown(), store.unproven(10, 30)) == (None, [])
    made = [a_spend(session) for _ in range(3)]
    for one in made:
        store.hold_spend(one, None)
        store.settle(one.hold_id, MarkUnknown(), by="session", payment=Payment(b"signed"))
    assert store.oldest_unknown() == NOW
    found = store.together(*(store.store.unproven(2, 30) for _ in range(4)))
    assert sorted(one.hold.id for some in found for one in some) == sorted(one.hold_id for one in made)
    assert store.unproven(10, 30) == []
    time.seconds += 30
    assert len(store.unproven(10, 30)) == 3
    time.seconds += 30
    for one in made:
        store.settle(one.hold_id, Capture(1), by="platform")
    assert (store.oldest_unknown(), store.unproven(10, 30)) == (None, [])


def test_pages_of_spends(store: Blocking, market: Market, session: SessionRecord) -> None:
    other = made(store, market)
    ids = [store.hold_spend(a_spend(one), None).hold.id for one in (session, other, session)]
    store.settle(ids[0], Void(), by="owner")

    def found(**query: Any) -> tuple[list[str], int]:
        page, total = store.spends(SpendQuery(market.owner.id, **query))
        return [one.hold.id for one in page], total

    assert found() == (ids[::-1], 3)
    assert found(session_id=session.session.id) == ([ids[2], ids[0]], 2)
    assert found(state="held") == ([ids[2], ids[1]], 2)
    assert found(limit=1, offset=1) == ([ids[1]], 3)
    assert store.spends(SpendQuery(market.seller.id)) == ([], 0)


def test_a_refused_spend_holds_nothing(store: Blocking, session: SessionRecord) -> None:
    assert code(store.hold_spend(a_spend(session, 10_000_001), a_key())) == "budget_exceeded"
    assert usage(store, session) == Usage()
    assert isinstance(store.hold_spend(a_spend(session, 10_000_000), a_key()), SpendRecord)
