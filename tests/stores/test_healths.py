"""What lists tell of sessions: spends that were refused within the hour, payments that are not proven."""

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import HOUR, NOW, SystemTime, a_session, code, digest
from tests.stores.test_alerts import spend
from tests.stores.test_overview import made, seen
from tests.stores.test_replicas import Pair, pair
from tests.stores.test_spends import a_spend
from valetkey.core.commands import Capture, MarkUnknown, Void
from valetkey.ports.accounts import SessionQuery, SessionRecord
from valetkey.ports.overview import Health

__all__ = ["pair"]

MINUTE = 60


def refuse(store: Blocking, record: SessionRecord, times: int = 1) -> None:
    for _ in range(times):
        assert code(store.hold_spend(a_spend(record, 11), None)) == "budget_exceeded"


def refused(store: Blocking, record: SessionRecord) -> int:
    found: dict[str, Health] = store.health(record.session.owner_id, [record.session.id])
    return found.get(record.session.id, Health()).refused


def test_refusals_slide_out_of_the_hour_minute_by_minute(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    record = made(store, market, 10, expires_at=NOW + 48 * HOUR)
    refuse(store, record, 3)
    time.seconds = NOW + 30 * MINUTE + 17
    refuse(store, record, 2)
    assert refused(store, record) == 5
    time.seconds = NOW + 60 * MINUTE + 59
    assert refused(store, record) == 5, "the minute reaches into the hour"
    time.seconds = NOW + 61 * MINUTE
    assert refused(store, record) == 2
    time.seconds = NOW + 91 * MINUTE
    assert refused(store, record) == 0
    refuse(store, record)
    assert refused(store, record) == 1


def test_every_minute_of_days_counts_once_and_no_row_is_swept(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    """Slots are used again: after hours of refusals in every minute, exactly those of the last hour count."""
    record = made(store, market, 10, expires_at=NOW + 48 * HOUR)
    for minute in range(200):
        time.seconds = NOW + minute * MINUTE
        refuse(store, record, 1 + minute % 2)
        assert refused(store, record) == sum(1 + one % 2 for one in range(max(0, minute - 60), minute + 1))
    # A day later slots hold minutes of yesterday.
    time.seconds = NOW + 25 * HOUR
    assert refused(store, record) == 0
    refuse(store, record)
    assert refused(store, record) == 1


def test_a_refusal_with_many_reasons_is_one(store: Blocking, market: Market, time: SystemTime) -> None:
    record = made(store, market, 10)
    time.seconds = NOW + HOUR
    answer = store.hold_spend(a_spend(record, 11), None)
    assert len(answer.reasons) > 1
    assert refused(store, record) == 1
    assert sum(seen(store, market).refusals.values()) == len(answer.reasons)


def test_sessions_are_told_apart_and_owners_see_their_own(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    one, other, quiet = (made(store, market, 10) for _ in range(3))
    stranger = a_session(market.seller, 10)
    store.add_session(stranger, digest("stranger"))
    refuse(store, one, 2)
    refuse(store, other, 5)
    refuse(store, stranger)
    ids = [one.session.id, other.session.id, quiet.session.id]
    assert store.health(market.owner.id, ids) == {
        one.session.id: Health(refused=2),
        other.session.id: Health(refused=5),
    }
    assert store.health(market.owner.id, []) == {}
    assert seen(store, market).refused_lately == {other.session.id: 5, one.session.id: 2}
    assert list(seen(store, market).refused_lately) == [other.session.id, one.session.id], "most first"
    time.seconds = NOW + 2 * HOUR
    assert seen(store, market).refused_lately == {}


def test_unknown_payments_are_counted_until_they_are_proven(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    record, other = made(store, market, 1_000), made(store, market, 1_000)
    held = []
    for number in range(4):
        time.seconds = NOW + number
        held.append(spend(store, record if number < 3 else other, 1))
    for one in held[1:]:
        store.settle(one.hold.id, MarkUnknown(), by="session")
    ids = [record.session.id, other.session.id]
    assert store.health(market.owner.id, ids) == {
        record.session.id: Health(unknown=2, unknown_since=NOW + 1),
        other.session.id: Health(unknown=1, unknown_since=NOW + 3),
    }
    store.settle(held[1].hold.id, Capture(1), by="platform")
    assert store.health(market.owner.id, ids)[record.session.id] == Health(unknown=1, unknown_since=NOW + 2)
    store.settle(held[2].hold.id, Void(proven=True), by="platform")
    left = store.health(market.owner.id, ids)
    assert set(left) == {other.session.id}


def test_of_hundreds_of_unknown_payments_each_session_s_own_count(store: Blocking, market: Market) -> None:
    """No list is cut off: what the first session has does not hide what the last one has."""
    many, few = made(store, market, 10_000), made(store, market, 10_000)
    first = spend(store, few, 1)
    store.settle(first.hold.id, MarkUnknown(), by="session")
    for _ in range(130):
        store.settle(spend(store, many, 1).hold.id, MarkUnknown(), by="session")
    found = store.health(market.owner.id, [many.session.id, few.session.id])
    assert (found[many.session.id].unknown, found[few.session.id].unknown) == (130, 1)


def test_two_processes_count_each_refusal_once(pair: Pair) -> None:
    records = [made(pair.here, pair.market, 10) for _ in range(3)]
    pair.both(lambda store, number: store.hold_spend(a_spend(records[number % 3], 11), None), 40)
    found = pair.here.health(pair.market.owner.id, [one.session.id for one in records])
    assert sum(one.refused for one in found.values()) == 40


def test_what_needs_a_look_is_found_for_each_of_its_reasons(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    long = {"expires_at": NOW + 48 * HOUR}
    near, refusing, unknown, calm, spent = (made(store, market, 100, **long) for _ in range(5))
    ending, over, late = made(store, market, 100), made(store, market, 100), made(store, market, 100, **long)
    spend(store, near, 80)
    spend(store, calm, 79)
    assert code(store.hold_spend(a_spend(refusing, 101), None)) == "budget_exceeded"
    store.settle(spend(store, unknown, 1).hold.id, MarkUnknown(), by="session")
    spend(store, spent, 90)
    store.revoke_session(spent.session.id)
    store.revoke_session(over.session.id)

    def needing(**fields: str) -> set[str]:
        page, total = store.sessions(SessionQuery(market.owner.id, attention=True, limit=100, **fields))
        assert total == len(page)
        return {one.session.id for one in page}

    names = {one.session.id for one in (near, refusing, unknown)}
    assert needing() == names, "an hour is left, and of an hour's session only the last tenth is soon"
    time.seconds = NOW + 55 * MINUTE
    assert needing() == names | {ending.session.id}
    assert needing(status="revoked") == set()
    assert needing(status="active", sort="remaining") == names | {ending.session.id}
    time.seconds = NOW + 2 * HOUR
    assert needing() == {near.session.id, unknown.session.id}, "refusals slide out, what has ended is over"
    time.seconds = NOW + 48 * HOUR - 30 * MINUTE
    assert late.session.id in needing()
    assert store.sessions(SessionQuery(market.seller.id, attention=True)) == ([], 0)
