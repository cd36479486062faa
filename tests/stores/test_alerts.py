"""Alerts: each is raised once for its occasion, with its webhook, whatever store keeps it and however many look."""

import json
import os
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import databases
from tests.stores.blocking import Blocking
from tests.stores.conftest import Market, make_market
from tests.stores.making import (
    DAY,
    HOUR,
    NOW,
    USDC,
    SystemTime,
    a_session,
    an_id,
    code,
    digest,
)
from tests.stores.making_claims import a_claim, by, loud, quiet
from tests.stores.sqlite.processes import Spender
from tests.stores.test_labels import child
from tests.stores.test_replicas import MANY, Pair, pair
from tests.stores.test_spends import a_spend
from valetkey.core.alerts import Alert, AlertKind
from valetkey.core.commands import Capture, Refund, Void
from valetkey.core.ids import Kind
from valetkey.core.money import Money
from valetkey.core.spend import SpendRequest
from valetkey.engine.alerting import AlertWatch, telling
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.alerts import AlertQuery
from valetkey.ports.ledger import Spend, SpendRecord
from valetkey.stores.postgres import open_postgres
from valetkey.stores.sqlite import open_store

__all__ = ["pair"]

URL = "https://owner.example/hook"


def listening(store: Blocking, market: Market) -> None:
    """The owner has a URL, and the store knows how to tell it."""
    store.set_webhook_url(market.owner.id, URL)
    store.tell_alerts(telling)


def a_member(store: Blocking, market: Market, budget: int | None = 100, **fields: Any) -> SessionRecord:
    record = a_session(market.owner, budget, **fields)
    store.add_session(record, digest(record.alias))
    return record


def raised(store: Any, market: Market, **fields: Any) -> list[Alert]:
    """What was raised, oldest first."""
    found, total = store.alerts(AlertQuery(market.owner.id, limit=100, **fields))
    assert total == len(found)
    return list(reversed(found))


def percents(store: Any, market: Market, record: SessionRecord) -> list[int]:
    found = raised(store, market, session_id=record.session.id, kind="budget")
    return [int(one.facts["percent"]) for one in found]


def spend(store: Any, record: SessionRecord, units: int) -> SpendRecord:
    held = store.hold_spend(a_spend(record, units), None)
    assert isinstance(held, SpendRecord), held
    return held


def told(store: Blocking) -> list[dict[str, Any]]:
    return [json.loads(one.event.body) for one in store.claim_due(100, 60)]


def test_thresholds_are_met_exactly_and_each_once(store: Blocking, market: Market) -> None:
    listening(store, market)
    record = a_member(store, market, label="treasury", delegate="a worker")
    spend(store, record, 49)
    assert raised(store, market) == []
    first = spend(store, record, 1)
    assert percents(store, market, record) == [50]
    store.settle(first.hold.id, Capture(1), by="platform")
    spend(store, record, 39)
    assert percents(store, market, record) == [50, 80]
    (half, _) = raised(store, market)
    assert (half.kind, half.session_id, half.raised_at) == (AlertKind.BUDGET, record.session.id, NOW)
    assert half.facts == {
        "label": "treasury",
        "delegate": "a worker",
        "currency": "USDC",
        "percent": "50",
        "budget": "0.0001",
        "spent": "0",
        "held": "0.00005",
    }
    webhooks = told(store)
    assert [(one["event"], one["alertId"], one["percent"]) for one in webhooks] == [
        ("alert.raised", one.id, int(one.facts["percent"])) for one in raised(store, market)
    ]
    assert webhooks[0]["message"].startswith('The session "treasury" has reached 50 % of its budget')


def test_one_spend_may_pass_several_and_what_comes_back_raises_nothing_anew(
    store: Blocking, market: Market
) -> None:
    record = a_member(store, market)
    whole = spend(store, record, 100)
    assert percents(store, market, record) == [50, 80, 90, 100]
    store.settle(whole.hold.id, Void(), by="owner")
    spend(store, record, 95)
    assert percents(store, market, record) == [50, 80, 90, 100]
    # A budget that was raised has thresholds of its own: 95 of 190 are half.
    store.extend_session(record.session.id, NOW + HOUR, 190, "owner")
    assert percents(store, market, record) == [50, 80, 90, 100]
    spend(store, record, 57)
    assert percents(store, market, record) == [50, 80, 90, 100, 80]


def test_what_moves_beyond_the_hold_and_unasked_counts_and_refunds_take_nothing_back(
    store: Blocking, market: Market
) -> None:
    record = a_member(store, market)
    held = spend(store, record, 40)
    store.settle(held.hold.id, Capture(50), by="platform")
    assert percents(store, market, record) == [50]
    store.settle(held.hold.id, Refund(50), by="owner")
    request = SpendRequest(Money(60, USDC), None, None, "draw")
    seen = Spend(record.session.id, an_id(Kind.HOLD), request, 0)
    for _ in range(2):
        store.observe(seen, by="platform")
    assert percents(store, market, record) == [50, 80, 90, 100]
    (alert,) = raised(store, market, kind="unasked")
    assert alert.facts == {"currency": "USDC", "amount": "0.00006", "spend_id": seen.hold_id}
    assert alert.occasion == seen.hold_id


def test_without_a_budget_and_with_one_of_nothing_there_are_no_thresholds(
    store: Blocking, market: Market
) -> None:
    spend(store, a_member(store, market, None), 10**9)
    nothing = a_member(store, market, 0)
    assert code(store.hold_spend(a_spend(nothing, 1), None)) == "budget_exceeded"
    assert raised(store, market) == []


def test_a_spend_counts_for_every_ancestor(store: Blocking, market: Market) -> None:
    parent = a_member(store, market, 100, expires_at=NOW + DAY)
    (below,) = store.add_children([child(parent, "below")])
    spend(store, parent, 30)
    spend(store, below, 25)
    # What the child may spend is its parent's budget at most; its own is what the narrowing says.
    assert percents(store, market, parent) == [50]
    assert {one.session_id for one in raised(store, market)} <= {parent.session.id, below.session.id}


def test_a_session_that_takes_anothers_place_is_told_of_what_it_spends_itself(
    store: Blocking, market: Market
) -> None:
    record = a_member(store, market)
    spend(store, record, 85)
    new = a_session(market.owner, 100)
    new = store.rotate_session(
        record.session.id, new, digest(new.alias), grace_seconds=60, carry=True, by="owner"
    )
    assert percents(store, market, new) == []
    spend(store, new, 5)
    assert percents(store, market, new) == [90]


def test_the_end_is_near_for_a_tenth_of_the_life_or_an_hour(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    short = a_member(store, market, expires_at=NOW + 600)
    long = a_member(store, market, expires_at=NOW + 30 * DAY)
    assert store.ending_soon(10) == []
    assert store.look_at_end(short.session.id) is None
    time.seconds = NOW + 539
    assert store.ending_soon(10) == []
    time.seconds = NOW + 540
    assert store.ending_soon(10) == [short.session.id]
    alert = store.look_at_end(short.session.id)
    assert (alert.kind, alert.facts) == (AlertKind.EXPIRY, {"expires_at": str(NOW + 600)})
    assert store.look_at_end(short.session.id) is None
    assert store.ending_soon(10) == []
    time.seconds = NOW + 30 * DAY - HOUR - 1
    assert store.ending_soon(10) == []
    time.seconds += 1
    assert store.ending_soon(10) == [long.session.id]
    assert store.look_at_end(long.session.id) is not None
    # It lives on, and ends again.
    store.extend_session(long.session.id, NOW + 31 * DAY, None, "owner")
    assert store.ending_soon(10) == []
    time.seconds = NOW + 31 * DAY - HOUR
    assert store.look_at_end(long.session.id).facts["expires_at"] == str(NOW + 31 * DAY)
    assert len(raised(store, market, kind="expiry")) == 3


def test_nobody_is_warned_of_what_is_over_or_has_a_successor(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    over, revoked, rotated = (a_member(store, market, expires_at=NOW + 600) for _ in range(3))
    parent = a_member(store, market, expires_at=NOW + DAY)
    (below,) = store.add_children([child(parent, "below")])
    store.revoke_session(revoked.session.id)
    store.revoke_session(parent.session.id)
    new = a_session(market.owner, expires_at=NOW + DAY)
    store.rotate_session(rotated.session.id, new, digest(new.alias), grace_seconds=590, carry=False)
    time.seconds = NOW + 560
    assert store.look_at_end(rotated.session.id) is None
    time.seconds = NOW + 700
    while due := store.ending_soon(10):
        for one in due:
            assert store.look_at_end(one) is None
    time.seconds = below.session.policy.expires_at - 1
    for one in store.ending_soon(10):
        assert store.look_at_end(one) is None or one == new.session.id
    assert {one.session_id for one in raised(store, market)} <= {new.session.id}
    assert over.session.id not in store.ending_soon(10)


def hourly(store: Blocking, time: SystemTime, record: SessionRecord, units: int, hours: int) -> None:
    for _ in range(hours):
        spend(store, record, units)
        time.seconds += HOUR


def test_a_pace_is_told_once_a_day_and_takes_a_few_hours_to_have(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    record = a_member(store, market, None, expires_at=NOW + 30 * DAY)
    spend(store, record, 10_000)
    assert store.spending_lately(10) == [record.session.id]
    # The first spends of a session are no pace of it.
    assert store.look_at_pace(record.session.id) == []
    assert store.spending_lately(10) == []
    hourly(store, time, record, 10_000, 5)
    assert store.look_at_pace(record.session.id) == []
    time.seconds += HOUR + 600
    # 60,000 were spent in the 62 buckets before the last hour, 11,612 in a mean one of twelve.
    spend(store, record, 34_000)
    assert store.spending_lately(10) == [record.session.id]
    assert store.look_at_pace(record.session.id) == [], "not above three times the mean"
    spend(store, record, 1_000)
    (alert,) = store.look_at_pace(record.session.id)
    assert (alert.kind, alert.facts["currency"], alert.facts["last_hour"]) == (
        AlertKind.PACE,
        "USDC",
        "0.035",
    )
    assert alert.facts["mean_hour"] == "0.011612"
    spend(store, record, 90_000)
    assert store.look_at_pace(record.session.id) == []
    hourly(store, time, record, 10_000, 26)
    time.seconds += 600
    # What was given back is no haste.
    wild = spend(store, record, 100_000)
    store.settle(wild.hold.id, Void(), by="owner")
    assert store.look_at_pace(record.session.id) == []
    spend(store, record, 100_000)
    assert len(store.look_at_pace(record.session.id)) == 1
    assert len(raised(store, market, kind="pace")) == 2


def test_a_burst_around_midnight_is_told_once(store: Blocking, market: Market, time: SystemTime) -> None:
    record = a_member(store, market, None, expires_at=NOW + 30 * DAY)
    midnight = NOW // DAY * DAY + 2 * DAY
    time.seconds = midnight - 10 * HOUR
    hourly(store, time, record, 10_000, 9)
    time.seconds = midnight - 60
    spend(store, record, 100_000)
    assert len(store.look_at_pace(record.session.id)) == 1
    time.seconds = midnight + 60
    spend(store, record, 100_000)
    assert store.look_at_pace(record.session.id) == []


def test_amounts_of_any_size_are_added_up_exactly(store: Blocking, market: Market, time: SystemTime) -> None:
    record = a_member(store, market, None, expires_at=NOW + 30 * DAY)
    huge = 10**29 + 7
    hourly(store, time, record, 10**15 - 1, 4)
    time.seconds += 600
    held = [spend(store, record, huge) for _ in range(3)]
    store.settle(held[0].hold.id, Void(), by="owner")
    store.settle(held[1].hold.id, Capture(huge - 5), by="platform")
    (alert,) = store.look_at_pace(record.session.id)
    assert alert.facts["last_hour"].replace(".", "") == str(2 * huge - 5)


def test_amounts_that_no_money_has_disturb_nobody(store: Blocking, market: Market, time: SystemTime) -> None:
    """A session without a budget may ask for what no tally of SQLite's holds: it is decided, and so are the others."""
    record = a_member(store, market, None, expires_at=NOW + 30 * DAY)
    other = a_member(store, market, None, expires_at=NOW + 30 * DAY)
    for _ in range(12):
        spend(store, record, 10**36)
        spend(store, other, 5)
    store.look_at_pace(record.session.id)
    time.seconds += DAY
    spend(store, record, 10**36)
    store.look_at_pace(record.session.id)
    assert store.session(record.session.id).session.usage.held == 13 * 10**36
    assert store.session(other.session.id).session.usage.held == 60


def test_a_link_that_two_opened_is_in_the_list_and_its_webhook_is_the_claims(
    store: Blocking, market: Market
) -> None:
    listening(store, market)
    record = a_member(store, market)
    claim = store.make_claim(a_claim(record), "owner")
    store.open_claim(claim.id, by("one"), quiet)
    for name in ("two", "three"):
        assert code(store.open_claim(claim.id, by(name), loud)) == "already_claimed"
    (alert,) = raised(store, market)
    assert (alert.kind, alert.facts) == (AlertKind.CLAIM, {"claim_id": claim.id})
    assert [one.event.name for one in store.claim_due(10, 60)] == ["intercepted"]


def test_pages_filters_and_being_acknowledged(store: Blocking, market: Market, time: SystemTime) -> None:
    one, two = a_member(store, market), a_member(store, market)
    spend(store, one, 80)
    spend(store, two, 50)
    newest, total = store.alerts(AlertQuery(market.owner.id, limit=2))
    assert (total, [found.session_id for found in newest]) == (3, [two.session.id, one.session.id])
    rest, total = store.alerts(AlertQuery(market.owner.id, limit=2, offset=2))
    assert (total, [found.facts["percent"] for found in rest]) == (3, ["50"])
    time.seconds = NOW + 5
    seen = store.acknowledge_alert(market.owner.id, newest[0].id, "key:1")
    assert (seen.acknowledged_at, seen.acknowledged_by) == (NOW + 5, "key:1")
    time.seconds = NOW + 50
    assert store.acknowledge_alert(market.owner.id, newest[0].id, "key:2") == seen
    assert store.acknowledge_alert(market.seller.id, newest[1].id, "key:2") is None
    assert store.acknowledge_alert(market.owner.id, "alr_0000000000000000000000000", "key:2") is None
    assert raised(store, market, is_open=False) == [seen]
    assert len(raised(store, market, is_open=True)) == 2
    assert raised(store, market, session_id=two.session.id) == [seen]
    assert raised(store, market, kind="pace") == []
    assert store.alerts(AlertQuery(market.seller.id)) == ([], 0)


def test_what_a_transaction_undoes_raises_nothing(store: Blocking, market: Market) -> None:
    record = a_member(store, market)
    wanted = a_spend(record, 10)
    store.hold_spend(wanted, None)
    again = replace(wanted, request=replace(wanted.request, amount=Money(80, USDC)))
    answers = store.together(
        store.store.hold_spend(again, None), store.store.hold_spend(a_spend(record, 5), None)
    )
    assert isinstance(answers[0], Exception), "an id that is taken"
    assert percents(store, market, record) == []
    spend(store, record, 35)
    assert percents(store, market, record) == [50]


def test_two_processes_raise_each_alert_once(pair: Pair) -> None:
    listening(pair.here, pair.market)
    pair.there.tell_alerts(telling)
    record = pair.session(MANY)
    pair.both(lambda store, number: store.hold_spend(a_spend(record, 1), None))
    assert percents(pair.here, pair.market, record) == [50, 80, 90, 100]
    assert len(pair.here.claim_due(100, 60)) == 4


def test_two_processes_that_look_raise_each_alert_once(pair: Pair, time: SystemTime) -> None:
    listening(pair.here, pair.market)
    pair.there.tell_alerts(telling)
    record = a_session(pair.market.owner, None, expires_at=NOW + 6 * HOUR)
    pair.here.add_session(record, digest(record.alias))
    hourly(pair.here, time, record, 100, 5)
    spend(pair.here, record, 1_000)
    time.seconds = NOW + 6 * HOUR - 10
    pair.both(lambda store, _: store.look_at_end(record.session.id), 10)
    pair.both(lambda store, _: store.look_at_pace(record.session.id), 10)
    kinds = [one.kind for one in raised(pair.here, pair.market)]
    assert sorted(kinds) == [AlertKind.EXPIRY, AlertKind.PACE]
    assert len(pair.here.claim_due(100, 60)) == 2


def test_the_watch_tells_of_what_time_brings(store: Blocking, market: Market, time: SystemTime) -> None:
    record = a_member(store, market, None, expires_at=NOW + 6 * HOUR)
    hourly(store, time, record, 100, 5)
    spend(store, record, 1_000)
    time.seconds = NOW + 6 * HOUR - 10
    seen: list[tuple[str, str]] = []
    watch = AlertWatch(store.store, lambda kind, session_id: seen.append((kind, session_id)))
    for _ in range(2):
        assert store.run(watch.step()) is False
    assert sorted(seen) == [("expiry", record.session.id), ("pace", record.session.id)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_kill_9_leaves_each_alert_and_its_webhook_or_neither(
    kind: str, tmp_path: Path, time: SystemTime
) -> None:
    where = str(tmp_path / "valetkey.db") if kind == "sqlite" else databases().fresh()

    def opened() -> Blocking:
        if kind == "sqlite":
            return Blocking(open_store(Path(where), system_time=time))
        return Blocking(open_postgres(where, system_time=time))

    store = opened()
    market = make_market(store)
    listening(store, market)
    record = a_member(store, market, 300, expires_at=NOW + 6 * HOUR)
    hourly(store, time, record, 2, 5)
    time.seconds = NOW + 6 * HOUR - 60
    store.close()
    order = {"where": where, "now": time.seconds, "session": record.session.id, "tries": 200, "callers": 8}
    victim, other = (Spender("tests.stores.alerting", **order) for _ in range(2))
    for one in (victim, other):
        assert one.line() == "ready"
        one.tell("go")
    told = [victim.line() for _ in range(40)]
    os.kill(victim.process.pid, signal.SIGKILL)
    told += victim.rest() + other.rest()
    assert other.process.returncode == 0, "the locks of the dead are free"
    store = opened()
    usage = store.session(record.session.id).session.usage
    reached = [one for one in (50, 80, 90, 100) if usage.committed * 100 >= one * 300]
    assert len(told) >= 230
    assert reached[-1] >= 80
    assert percents(store, market, record) == reached
    kinds = Counter(str(one.kind) for one in raised(store, market))
    assert kinds == {"budget": len(reached), "expiry": 1, "pace": 1}
    events = store.claim_due(100, 60)
    assert {one.event.transaction_id for one in events} == {one.id for one in raised(store, market)}
    assert len(events) == len(reached) + 2
    store.close()
