"""What moved without having been asked for, and how a payment is found by what the chain says of it."""

import json
from dataclasses import replace

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import (
    HOUR,
    NOW,
    USDC,
    SystemTime,
    a_hash,
    a_purchase,
    a_session,
    allowed,
    an_id,
    code,
    digest,
)
from tests.stores.test_change import fund
from tests.stores.test_trees import a_child, usage
from valetkey.core.audit import GENESIS, Head, verify
from valetkey.core.audit import Kind as What
from valetkey.core.commands import MarkUnknown, Refund
from valetkey.core.errors import Contradiction, InvalidAmount
from valetkey.core.ids import Kind
from valetkey.core.money import Money
from valetkey.core.session import Usage
from valetkey.core.spend import HoldState, SpendRequest
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import Payment, Spend, SpendQuery, SpendRecord

PAYEE = "0x" + "ab" * 20


@pytest.fixture
def record(store: Blocking, market: Market) -> SessionRecord:
    made = a_session(market.owner, 1_000)
    store.add_session(made, digest("token"))
    return made


def seen(record: SessionRecord, units: int, hold_id: str | None = None) -> Spend:
    request = SpendRequest(Money(units, USDC), None, PAYEE, "draw")
    return Spend(record.session.id, hold_id or an_id(Kind.HOLD), request, 0, "0x12 3")


def observed(store: Blocking, record: SessionRecord, units: int) -> SpendRecord:
    found: SpendRecord = store.observe(seen(record, units), by="platform")
    return found


def test_it_is_debited_as_a_spend_of_its_own(store: Blocking, market: Market, record: SessionRecord) -> None:
    wanted = seen(record, 400)
    found = store.observe(wanted, by="platform")
    hold = found.hold
    assert (hold.state, hold.amount, hold.captured, hold.refunded) == (HoldState.CAPTURED, 400, 400, 0)
    assert (hold.placed_at, hold.expires_at, hold.settled_at, hold.was_asked) == (NOW, NOW, NOW, False)
    assert found == SpendRecord(hold, market.owner.id, "0x12 3")
    assert store.spend_record(hold.id) == found
    assert store.spends(SpendQuery(market.owner.id, state="captured")) == ([found], 1)
    assert usage(store, record.session.id) == Usage(captured=400)
    assert (store.lapsed(10), store.unproven(10, 60), store.oldest_unknown()) == ([], [], None)


def test_IDEMPOTENT_it_is_debited_once(store: Blocking, record: SessionRecord) -> None:
    wanted = seen(record, 400)
    others = [replace(wanted, request=seen(record, number).request) for number in range(20)]
    answers = store.together(*(store.store.observe(one, by="platform") for one in (wanted, *others)))
    assert len({answer.hold.captured for answer in answers}) == 1
    assert usage(store, record.session.id) == Usage(captured=answers[0].hold.captured)
    assert store.observe(wanted, by="another") == answers[0]
    entries = store.audit(record.session.owner_id, record.session.tree, 0, 100)
    assert [entry.kind for entry, _ in entries] == [What.SESSION_CREATED, What.OBSERVED]
    body = json.loads(entries[-1][0].body)
    moved = str(answers[0].hold.captured)
    assert body == {
        "hold": wanted.hold_id,
        "captured": moved,
        "units": moved,
        "asset": USDC.id,
        "currency": "USDC",
        "payee": PAYEE,
        "service": None,
        "operation": "draw",
        "by": "platform",
    }
    (head,) = store.heads(record.session.owner_id, chain_id=record.session.tree)
    assert verify(entries, Head(record.session.tree, 0, GENESIS)) == head


def test_NO_OVERSPEND_nothing_is_granted_beyond_it(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    observed(store, record, 990)
    over = a_purchase(market.service, market.owner, record, 11)
    assert code(store.place(over, None)) == "budget_exceeded"
    allowed(store.place(a_purchase(market.service, market.owner, record, 10), None))
    observed(store, record, 2**70)
    assert usage(store, record.session.id) == Usage(held=10, captured=990 + 2**70)
    nothing = a_purchase(market.service, market.owner, record, 0)
    assert code(store.place(nothing, None)) == "budget_exceeded"


@pytest.mark.parametrize("how", ["revoked", "expired", "paused", "frozen"])
def test_also_of_a_session_that_ended(
    store: Blocking, market: Market, time: SystemTime, record: SessionRecord, how: str
) -> None:
    match how:
        case "revoked":
            store.revoke_session(record.session.id)
        case "expired":
            time.seconds += 10 * HOUR
        case "paused":
            store.pause_session(record.session.id, paused=True)
        case "frozen":
            store.freeze(market.owner.id, frozen=True)
    assert observed(store, record, 7).hold.captured == 7
    assert usage(store, record.session.id) == Usage(captured=7)


def test_every_session_above_is_debited(store: Blocking, record: SessionRecord) -> None:
    child = a_child(record.session.id, budget=5)
    (made,) = store.add_children([child])
    observed(store, made, 60)
    assert usage(store, record.session.id) == usage(store, child.id) == Usage(captured=60)


def test_a_refund_of_it_is_known(store: Blocking, record: SessionRecord) -> None:
    hold = observed(store, record, 60).hold
    assert store.settle(hold.id, Refund(9), by="platform").hold.refunded == 9
    with pytest.raises(Contradiction):
        store.settle(hold.id, MarkUnknown(), by="owner") and store.settle(hold.id, Refund(61), by="owner")


def test_what_cannot_be_observed(store: Blocking, record: SessionRecord) -> None:
    with pytest.raises(Contradiction, match="no such session"):
        store.observe(replace(seen(record, 1), session_id=an_id(Kind.SESSION)), by="platform")
    with pytest.raises(InvalidAmount):
        store.observe(seen(record, -1), by="platform")
    assert usage(store, record.session.id) == Usage()
    assert len(store.audit(record.session.owner_id, record.session.tree, 0, 100)) == 1


# Finding payments.


def paid_for(store: Blocking, record: SessionRecord, reference: str | None) -> str:
    request = SpendRequest(Money(1, USDC), None, PAYEE, "draw")
    held = store.hold_spend(Spend(record.session.id, an_id(Kind.HOLD), request, NOW + HOUR), None)
    store.settle(held.hold.id, MarkUnknown(), by="owner", payment=Payment(b"signed", reference))
    hold_id: str = held.hold.id
    return hold_id


def test_a_hold_is_found_by_the_reference_of_its_payment(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    other = a_session(market.owner)
    store.add_session(other, digest("other"))
    first, _, last = (paid_for(store, record, one) for one in ("0x1", None, "0x2"))
    again, elsewhere = paid_for(store, record, "0x2"), paid_for(store, other, "0x2")

    def found(session_id: str, reference: str) -> str | None:
        spend = store.spend_of_reference(session_id, reference)
        return None if spend is None else spend.hold.id

    assert found(record.session.id, "0x1") == first
    assert found(record.session.id, "0x2") == again != last
    assert found(other.session.id, "0x2") == elsewhere
    assert found(other.session.id, "0x1") is found(record.session.id, "0x3") is None
    assert found(an_id(Kind.SESSION), "0x1") is None
    assert store.spend_of_reference(record.session.id, "0x1") == store.spend_record(first)


def test_purchases_whose_payment_has_no_name_yet(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    other = a_session(market.owner)
    store.add_session(other, digest("other"))

    def bought(by: SessionRecord | None) -> str:
        one = a_purchase(market.service, market.owner, by, 10, request_payload=b'{"a": 1}')
        return allowed(store.place(one, None)).id

    first, second, third = bought(record), bought(record), bought(record)
    bought(other), bought(None)
    tx_hash = a_hash()
    store.change(second, fund(tx_hash, units=10))
    found = store.unnamed_purchases(record.session.id, 10)
    assert [one.id for one in found] == [third, first]
    assert found[0] == replace(store.transaction(third), request_payload=None, response_payload=None)
    assert [one.id for one in store.unnamed_purchases(record.session.id, 1)] == [third]
    assert store.unnamed_purchases(an_id(Kind.SESSION), 10) == []
    assert store.paid_by(tx_hash) == store.paid_by(tx_hash.upper().replace("0X", "0x")) == second
    assert store.paid_by(a_hash()) is None


def test_a_purchase_says_whose_key_acts_for_the_buyer(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    for key in (None, record.wallet_address):
        one = a_purchase(market.service, market.owner, record, 10, session_key=key)
        made = allowed(store.place(one, None))
        assert made.session_key == store.transaction(made.id).session_key == key
        assert allowed(store.change(made.id, fund(a_hash(), units=10))).session_key == key
        assert store.transaction(made.id).session_key == key
