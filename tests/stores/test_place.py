"""Placing: a hold and its transaction, both or neither, once for each idempotency key."""

from dataclasses import replace

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import (
    HOUR,
    NOW,
    SystemTime,
    a_hash,
    a_key,
    a_purchase,
    a_session,
    allowed,
    an_event,
    code,
    digest,
)
from valetkey.core.commands import Capture, Expire
from valetkey.core.errors import Contradiction
from valetkey.core.money import Asset, Money
from valetkey.core.refusal import Code
from valetkey.core.session import Pace, Role, Usage
from valetkey.core.spend import Hold, HoldState, SpendRequest
from valetkey.core.transaction import Party, PaymentStatus, Step, TransactionStatus
from valetkey.core.windows import Window
from valetkey.ports.ledger import Change, Facts, TransactionQuery

ETH = Asset("ETH", 84532, "0x" + "Ab" * 20, 18)


def test_a_purchase_comes_back_as_it_was_placed(store: Blocking, market: Market) -> None:
    full = a_purchase(
        market.service,
        market.owner,
        quantity=1_000_000,
        unit_price=2**127,
        subtotal=10**38,
        platform_fee=2**63,
        total=Money(10**38 + 7, ETH),
        callback_url="https://buyer.example/",
        request_payload=b'{"1": 1.0, "a": "\xc3\xbc"}',
        dispute_window=300,
        abandonment_grace=3_600,
        criteria_hash="0x" + "ab" * 32,
    )
    bare = a_purchase(market.service, market.owner)
    for purchase in (full, bare):
        assert store.place(purchase, None) == purchase
        assert store.transaction(purchase.id) == purchase
    assert store.transaction("txn_0000000000000000000000000") is None


def test_a_session_s_purchase_holds_its_money(store: Blocking, market: Market) -> None:
    record = a_session(market.owner)
    store.add_session(record, digest("token"))
    purchase = a_purchase(market.service, market.owner, record, units=4_000_000)
    assert store.place(purchase, None) == purchase
    assert store.session(record.session.id).session.usage == Usage(held=4_000_000)
    request = SpendRequest(purchase.total, purchase.service_id, purchase.seller_address.lower())
    assert store.hold(purchase.hold_id) == Hold(
        purchase.hold_id,
        record.session.id,
        request,
        4_000_000,
        HoldState.HELD,
        NOW,
        purchase.checkout_ends_at,
    )
    assert store.hold("hld_0000000000000000000000000") is None


def test_WINDOW_IS_SLIDING_also_in_a_row(store: Blocking, market: Market, time: SystemTime) -> None:
    """The sums are in the session's row: they come back exact, and as they were left."""
    minute, hour = Window(60, 2_000_000), Window(3_600, 2**70)
    record = a_session(market.owner, None, windows=(minute, hour), spends_max=4)
    store.add_session(record, digest("token"))
    made = [a_purchase(market.service, market.owner, record) for _ in range(2)]
    for purchase in made:
        allowed(store.place(purchase, None))
    pace = store.session(record.session.id).session.pace
    assert pace == Pace(2, (((NOW, 2_000_000),), ((NOW // 60, 2_000_000),)))
    full = a_purchase(market.service, market.owner, record)
    assert code(store.place(full, None)) == Code.WINDOW_EXCEEDED
    assert store.session(record.session.id).session.pace == pace
    ended = Change(step=Step.EXPIRE, party=Party.PLATFORM, command=Expire(made[0].checkout_ends_at))
    allowed(store.change(made[0].id, ended))
    assert store.session(record.session.id).session.pace.spends == 1
    allowed(store.place(full, None))
    time.seconds = NOW + 61
    allowed(store.place(a_purchase(market.service, market.owner, record), None))
    time.seconds = NOW + 122
    allowed(store.place(a_purchase(market.service, market.owner, record), None))
    last = store.place(a_purchase(market.service, market.owner, record), None)
    assert code(last) == Code.SPEND_COUNT_EXCEEDED


def test_amounts_beyond_64_bits_stay_exact(store: Blocking, market: Market) -> None:
    record = a_session(market.owner, 10**30 - 1, currency="ETH")
    store.add_session(record, digest("token"))
    spends = [10**29 + 1, 2**63, 2**64 + 3]
    for units in spends:
        purchase = a_purchase(market.service, market.owner, record, units, total=Money(units, ETH))
        allowed(store.place(purchase, None))
        assert store.hold(purchase.hold_id).amount == units
    assert store.session(record.session.id).session.usage.held == sum(spends)


@pytest.mark.parametrize(
    ("fields", "units", "why"),
    [
        ({"budget": 3_999_999}, 4_000_000, "budget_exceeded"),
        ({"budget": 0}, 1, "budget_exceeded"),
        ({"budget": 10**29}, 10**29 + 1, "budget_exceeded"),
        ({"per_spend": 10}, 11, "per_spend_exceeded"),
        ({"allowed_services": frozenset()}, 1, "service_not_allowed"),
        ({"not_before": NOW + 1}, 1, "session_pending"),
        ({"expires_at": NOW}, 1, "session_expired"),
        ({"paused_at": NOW}, 1, "session_paused"),
        ({"revoked_at": NOW}, 1, "session_revoked"),
        ({"role": Role.SELLER}, 1, "wrong_party"),
        ({"currency": "ETH"}, 1, "no_limit_for_asset"),
    ],
)
def test_a_refused_purchase_leaves_nothing(
    store: Blocking, market: Market, fields: dict[str, object], units: int, why: str
) -> None:
    record = a_session(market.owner, **fields)  # type: ignore[arg-type]
    store.add_session(record, digest("token"))
    purchase = a_purchase(market.service, market.owner, record, units)
    assert code(store.place(purchase, a_key())) == why
    assert store.session(record.session.id) == record
    assert store.transaction(purchase.id) is None
    assert store.hold(purchase.hold_id) is None
    assert store.remembered(a_key()) is None


def test_the_store_s_clock_decides_not_the_caller_s_times(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    record = a_session(market.owner)
    store.add_session(record, digest("token"))
    time.seconds += HOUR - 1
    allowed(store.place(a_purchase(market.service, market.owner, record, 1), None))
    time.seconds += 1
    assert code(store.place(a_purchase(market.service, market.owner, record, 1), None)) == "session_expired"
    time.seconds -= HOUR
    assert code(store.place(a_purchase(market.service, market.owner, record, 1), None)) == "session_expired"


def test_REVOKED_IS_DEAD_no_hold_after_a_revocation(store: Blocking, market: Market) -> None:
    record = a_session(market.owner)
    store.add_session(record, digest("token"))
    store.revoke_session(record.session.id)
    assert code(store.place(a_purchase(market.service, market.owner, record, 1), None)) == "session_revoked"


def test_IDEMPOTENT_the_first_answer_for_ever(store: Blocking, market: Market, time: SystemTime) -> None:
    record = a_session(market.owner, budget=1_000_000)
    store.add_session(record, digest("token"))
    first = a_purchase(market.service, market.owner, record)
    assert store.remembered(a_key()) is None
    assert store.place(first, a_key()) == first
    again = a_purchase(market.service, market.owner, record)
    assert store.place(again, a_key()) == first
    assert store.remembered(a_key()) == first
    assert store.transaction(again.id) is None
    store.revoke_session(record.session.id)
    time.seconds += 400 * 24 * HOUR
    moved_on = allowed(
        store.change(
            first.id,
            Change(
                step=Step.EXPIRE,
                party=Party.PLATFORM,
                facts=Facts(payment_status=PaymentStatus.FAILED),
                command=Expire(NOW + HOUR),
            ),
        )
    )
    assert store.place(again, a_key()) == moved_on
    assert store.remembered(a_key()) == moved_on


def test_IDEMPOTENT_another_body_or_scope(store: Blocking, market: Market) -> None:
    first = a_purchase(market.service, market.owner)
    store.place(first, a_key())
    other = a_purchase(market.service, market.owner)
    assert code(store.place(other, a_key(body="another"))) == "idempotency_mismatch"
    assert code(store.remembered(a_key(body="another"))) == "idempotency_mismatch"
    assert store.transaction(other.id) is None
    assert store.place(other, a_key(scope="elsewhere")) == other


def test_IDEMPOTENT_a_refused_attempt_is_not_remembered(store: Blocking, market: Market) -> None:
    record = a_session(market.owner, budget=1, not_before=0)
    store.add_session(record, digest("token"))
    assert (
        code(store.place(a_purchase(market.service, market.owner, record, 2), a_key())) == "budget_exceeded"
    )
    smaller = a_purchase(market.service, market.owner, record, 1)
    assert store.place(smaller, a_key()) == smaller


def test_IDEMPOTENT_at_once(store: Blocking, market: Market) -> None:
    record = a_session(market.owner)
    store.add_session(record, digest("token"))
    tries = [a_purchase(market.service, market.owner, record) for _ in range(40)]
    answers = store.together(*(store.store.place(one, a_key()) for one in tries))
    assert len({allowed(answer).id for answer in answers}) == 1
    assert store.session(record.session.id).session.usage.held == 1_000_000


def test_ids_that_are_taken_or_name_nothing_are_contradictions(store: Blocking, market: Market) -> None:
    record = a_session(market.owner)
    store.add_session(record, digest("token"))
    placed = allowed(store.place(a_purchase(market.service, market.owner, record), None))
    same_id = a_purchase(market.service, market.owner, record, id=placed.id)
    for impossible in (
        same_id,
        a_purchase(market.service, market.owner, record, session_id="ses_0000000000000000000000000"),
        a_purchase(market.service, market.owner, service_id="svc_0000000000000000000000000"),
        a_purchase(market.service, market.owner, buyer_id="agt_0000000000000000000000000"),
    ):
        with pytest.raises(Contradiction):
            store.place(impossible, a_key(impossible.id + impossible.service_id))
    assert store.session(record.session.id).session.usage.held == placed.total.units
    assert store.hold(same_id.hold_id) is None


def test_a_session_never_buys_without_a_hold(store: Blocking, market: Market) -> None:
    record = a_session(market.owner)
    store.add_session(record, digest("token"))
    with pytest.raises(AssertionError):
        store.place(replace(a_purchase(market.service, market.owner, record), hold_id=None), None)


def test_pages_of_transactions(store: Blocking, market: Market) -> None:
    record = a_session(market.owner)
    store.add_session(record, digest("token"))
    mine = [allowed(store.place(a_purchase(market.service, market.owner, record, 1), None)) for _ in range(3)]
    owner_s = allowed(store.place(a_purchase(market.service, market.owner), None))
    own = allowed(store.place(a_purchase(market.service, market.seller), None))

    def ids(**query: object) -> tuple[list[str], int]:
        found, total = store.transactions(TransactionQuery(**query))  # type: ignore[arg-type]
        return [one.id for one in found], total

    buyer, seller = market.owner.id, market.seller.id
    newest = [owner_s.id, *(one.id for one in reversed(mine))]
    assert ids(agent_id=buyer) == (newest, 4)
    assert ids(agent_id=buyer, role="buyer") == (newest, 4)
    assert ids(agent_id=buyer, role="seller") == ([], 0)
    assert ids(agent_id=buyer, session_id=record.session.id) == (newest[1:], 3)
    assert ids(agent_id=seller) == ([own.id, *newest], 5)
    assert ids(agent_id=seller, role="buyer") == ([own.id], 1)
    assert ids(agent_id=buyer, limit=1, offset=2) == ([newest[2]], 4)
    assert ids(agent_id=seller, limit=2, offset=1) == (newest[:2], 5), (
        "its own purchase of its service counts once"
    )
    assert ids(agent_id=buyer, status="escrowed") == ([], 0)
    store.change(
        owner_s.id,
        Change(
            step=Step.FUND,
            party=Party.BUYER,
            facts=Facts(payment_status=PaymentStatus.PAID, escrow_tx_hash=a_hash()),
            command=Capture(1),
            events=(an_event(market.seller, owner_s),),
        ),
    )
    assert ids(agent_id=buyer, status="escrowed") == ([owner_s.id], 1)
    assert store.transaction(owner_s.id).status is TransactionStatus.ESCROWED
