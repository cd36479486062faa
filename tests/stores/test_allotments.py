"""Allotments: kept, leased, looked at when their session is revoked, and ended once, whatever store keeps them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import HOUR, NOW, SystemTime, a_session, digest
from tests.stores.making_allotments import CHAIN, an_allotment
from tests.stores.test_replicas import Pair, pair
from tests.stores.test_trees import a_child
from valetkey.core.audit import Kind as What
from valetkey.core.errors import Contradiction
from valetkey.ports.accounts import Funding, SessionRecord
from valetkey.ports.allotments import AllotmentEnd, AllotmentStatus

LEASE = 45
END = AllotmentEnd(77, NOW + 9, "signature", 4)

__all__ = ["pair"]


@pytest.fixture
def record(store: Blocking, market: Market) -> SessionRecord:
    made = a_session(market.owner)
    store.add_session(made, digest("token"))
    return made


def told(store: Blocking, record: SessionRecord) -> list[dict[str, Any]]:
    found = store.audit(record.session.owner_id, record.session.tree, 0, 1_000)
    wanted = (What.ALLOTMENT_GIVEN, What.ALLOTMENT_REVOKED)
    return [json.loads(entry.body) for entry, _ in found if entry.kind in wanted]


def due(store: Blocking) -> list[str]:
    return [one.session_id for one in store.allotments_due(CHAIN, 10, LEASE)]


def test_it_is_kept_and_the_session_pays_out_of_it(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    wanted = an_allotment(record)
    assert store.allotment(record.session.id) is None
    kept = store.give_allotment(replace(wanted, made_at=1, ended_at=2, is_dead=True, seen="x"), "key:1")
    assert kept == replace(wanted, made_at=NOW, look_at=NOW)
    assert store.allotment(record.session.id) == kept
    assert store.session(record.session.id).funding is Funding.ALLOTMENT
    assert store.give_allotment(wanted, "key:1") == kept
    (entry,) = told(store, record)
    assert (entry["account"], entry["units"], entry["by"]) == (wanted.account, str(2**64 - 1), "key:1")
    with pytest.raises(Contradiction):
        store.give_allotment(replace(wanted, owner_id=market.seller.id, revocation=b"2"), "key:1")
    with pytest.raises(Contradiction):
        store.give_allotment(replace(wanted, session_id="ses_none"), "key:1")


def test_a_lease_is_one_replicas_and_a_look_says_when_again(
    store: Blocking, time: SystemTime, record: SessionRecord
) -> None:
    store.give_allotment(an_allotment(record), "owner")
    assert store.allotments_due(CHAIN - 1, 10, LEASE) == []
    (leased,) = store.allotments_due(CHAIN, 10, LEASE)
    assert leased.look_at == NOW + LEASE
    assert due(store) == []
    store.allotment_looked_at(leased, look_at=NOW + 60, seen="first", is_dead=True)
    kept = store.allotment(record.session.id)
    assert (kept.look_at, kept.seen, kept.is_dead) == (NOW + 60, "first", True)
    # A look that began before is not believed any more.
    store.allotment_looked_at(leased, look_at=NOW + 999, seen="other", is_dead=False)
    assert store.allotment(record.session.id) == kept
    time.seconds = NOW + 59
    assert due(store) == []
    time.seconds = NOW + 60
    assert due(store) == [record.session.id]
    # Whoever holds the lease died: somebody else goes on.
    time.seconds = NOW + 60 + LEASE
    assert due(store) == [record.session.id]


def test_a_revoked_session_is_looked_at_now_and_a_look_under_way_does_not_hide_it(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    other = a_session(market.owner)
    store.add_session(other, digest("other"))
    for one in (record, other):
        store.give_allotment(an_allotment(one), "owner")
    under_way = {one.session_id: one for one in store.allotments_due(CHAIN, 10, LEASE)}
    assert len(under_way) == 2
    store.revoke_session(record.session.id)
    store.allotment_looked_at(under_way[record.session.id], look_at=NOW + HOUR, seen="late", is_dead=False)
    assert due(store) == [record.session.id]
    assert store.allotment(record.session.id).seen is None


def test_so_is_one_below_a_revoked_one_and_all_of_an_owner(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    child = a_child(record.session.id)
    store.add_children([child])
    below = store.session(child.id)
    store.give_allotment(an_allotment(below), "owner")
    assert len(due(store)) == 1
    store.revoke_session(record.session.id)
    assert due(store) == [child.id]
    last = a_session(market.owner)
    store.add_session(last, digest("last"))
    store.give_allotment(an_allotment(last), "owner")
    assert due(store) == [last.session.id]
    store.revoke_sessions(market.owner.id)
    assert last.session.id in due(store)


def test_it_ends_once(store: Blocking, record: SessionRecord) -> None:
    store.give_allotment(an_allotment(record), "owner")
    store.revoke_session(record.session.id)
    (leased,) = store.allotments_due(CHAIN, 10, LEASE)
    assert leased.status(is_over=True) is AllotmentStatus.REVOKING
    assert store.end_allotment(leased, END, seen="last")
    assert not store.end_allotment(leased, END, seen="last")
    kept = store.allotment(record.session.id)
    assert (kept.ended_at, kept.slot, kept.signature, kept.lateness) == (NOW + 9, 77, "signature", 4)
    assert (kept.seen, kept.status(is_over=True)) == ("last", AllotmentStatus.REVOKED)
    assert due(store) == []
    store.allotment_looked_at(leased, look_at=0, seen="more", is_dead=True)
    assert store.allotment(record.session.id) == kept
    assert [one.get("lateness") for one in told(store, record)] == [None, 4]


def test_another_revocation_takes_its_place(store: Blocking, record: SessionRecord) -> None:
    store.give_allotment(an_allotment(record), "owner")
    (old,) = store.allotments_due(CHAIN, 10, LEASE)
    store.allotment_looked_at(old, look_at=NOW + HOUR, seen="first", is_dead=True)
    new = store.give_allotment(an_allotment(record, revocation=b"another"), "owner")
    assert (new.is_dead, new.seen, new.look_at) == (False, "first", NOW)
    # What a look at the old one showed says nothing about this one.
    assert not store.end_allotment(old, END, seen=None)
    assert due(store) == [record.session.id]
    # After its end it may be opened anew.
    assert store.end_allotment(new, END, seen="x")
    again = store.give_allotment(an_allotment(record, revocation=b"another"), "owner")
    assert again.ended_at is None


def test_two_replicas_lease_each_of_many_once(pair: Pair) -> None:
    store, owner = pair.here, pair.market.owner
    records = [a_session(owner) for _ in range(12)]
    for number, one in enumerate(records):
        store.add_session(one, digest(f"token {number}"))
        store.give_allotment(an_allotment(one), "owner")
    found = pair.both(lambda one, _: one.allotments_due(CHAIN, 1, LEASE))
    leased = [one.session_id for some in found for one in some]
    assert sorted(leased) == sorted(set(leased))
    assert len(leased) == len(records)
    ended = store.allotment(records[0].session.id)
    assert sum(pair.both(lambda one, _: one.end_allotment(ended, END, seen=None))) == 1
