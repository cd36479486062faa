"""Claims: opened by one claimant, stopped by a second, over by themselves, whatever store keeps them."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import HOUR, NOW, SystemTime, a_session, code, digest
from tests.stores.making_claims import SEALED, a_claim, by, loud, quiet
from tests.stores.test_replicas import Pair, pair
from tests.stores.test_trees import a_child
from valetkey.core.audit import Kind as What
from valetkey.core.claim import ANSWER_SECONDS, Claim, ClaimState, OnInterception
from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Refused
from valetkey.ports.accounts import SessionRecord
from valetkey.stores.sqlite import open_store

__all__ = ["pair"]

CLAIMS = {one for one in What if one.startswith("claim_")} | {What.REVOKED, What.PAUSED}


@pytest.fixture
def record(store: Blocking, market: Market) -> SessionRecord:
    made = a_session(market.owner)
    store.add_session(made, digest("token"))
    return made


def told(store: Any, record: SessionRecord) -> list[str]:
    found = store.audit(record.session.owner_id, record.session.tree, 0, 1_000)
    return [str(entry.kind) for entry, _ in found if entry.kind in CLAIMS]


def revoked(store: Any, record: SessionRecord) -> bool:
    return store.session(record.session.id).session.revoked_at is not None


def queued(store: Any) -> list[str]:
    return [one.event.name for one in store.claim_due(50, 60)]


def test_the_first_claimant_gets_it_and_gets_it_again(store: Blocking, record: SessionRecord) -> None:
    made = store.make_claim(a_claim(record), "key:1")
    assert (made.state, made.made_at, made.sealed) == (ClaimState.UNCLAIMED, NOW, SEALED)
    assert store.claim(made.id) == made
    first = store.open_claim(made.id, by("delegate"), loud)
    assert (first.sealed, first.claimed_at, first.claimed_from) == (
        b"kept for delegate",
        NOW,
        "address of delegate",
    )
    # A lost answer is asked for again; what is kept is still the first one's.
    again = store.open_claim(made.id, replace(by("delegate"), kept=b"", came_from="elsewhere"), loud)
    assert again == first == store.claim(made.id)
    assert told(store, record) == ["claim_made", "claim_opened"]
    assert queued(store) == ["claimed"]
    assert not revoked(store, record)


@pytest.mark.parametrize("stops", list(OnInterception))
def test_a_second_claimant_gets_nothing_and_stops_the_session(
    store: Blocking, record: SessionRecord, stops: OnInterception
) -> None:
    made = store.make_claim(a_claim(record, on_interception=stops), "owner")
    assert isinstance(store.open_claim(made.id, by("one"), quiet), Claim)
    for name in ("two", "three", "one"):
        assert code(store.open_claim(made.id, by(name), loud)) == "already_claimed"
    after = store.claim(made.id)
    assert (after.state, after.sealed) == (ClaimState.INTERCEPTED, None)
    assert (after.claimed_from, after.intercepted_from) == ("address of one", "address of two")
    # One alarm, and not one for every try.
    assert queued(store) == ["intercepted"]
    stopped = "revoked" if stops is OnInterception.REVOKE else "paused"
    assert told(store, record) == ["claim_made", "claim_opened", "claim_intercepted", stopped]
    session = store.session(record.session.id).session
    assert (session.revoked_at is None, session.paused_at is None) == (
        stopped == "paused",
        stopped == "revoked",
    )


def test_REVOKED_IS_DEAD_what_nobody_opened_in_time_is_over_whoever_is_behind(
    store: Blocking, time: SystemTime, record: SessionRecord
) -> None:
    made = store.make_claim(a_claim(record), "owner")
    time.seconds = NOW + 899
    assert store.claims_due(10) == []
    time.seconds = NOW + 900
    # Nobody looked yet, and it is late all the same.
    assert made.status(NOW + 900) is ClaimState.EXPIRED
    assert code(store.open_claim(made.id, by("late"), loud)) == "claim_expired"
    assert store.claim(made.id).sealed is None
    assert revoked(store, record)
    assert store.claims_due(10) == []
    assert queued(store) == ["expired"]
    assert told(store, record) == ["claim_made", "claim_expired", "revoked"]


def test_the_keeper_ends_it_once_and_erases_what_was_kept_for_the_claimant(
    store: Blocking, market: Market, time: SystemTime, record: SessionRecord
) -> None:
    other = a_session(market.owner, expires_at=NOW + 100 * HOUR)
    store.add_session(other, digest("other"))
    late, opened = store.make_claim(a_claim(record), "owner"), store.make_claim(a_claim(other), "owner")
    store.open_claim(opened.id, by("delegate"), quiet)
    time.seconds = NOW + 900
    assert [one.id for one in store.claims_due(10)] == [late.id]
    for _ in range(2):
        assert store.look_at_claim(late.id, loud).state is ClaimState.EXPIRED
    assert revoked(store, record)
    assert queued(store) == ["expired"]
    # Too early: nothing happens.
    assert store.look_at_claim(opened.id, loud).sealed == b"kept for delegate"
    time.seconds = NOW + ANSWER_SECONDS
    assert [one.id for one in store.claims_due(10)] == [opened.id]
    assert store.look_at_claim(opened.id, loud).sealed is None
    assert store.claims_due(10) == []
    assert not revoked(store, other)
    # Its claimant is told, and it is no alarm; anybody else is one for as long as the claim is known.
    assert code(store.open_claim(opened.id, by("delegate"), loud)) == "claim_expired"
    assert not revoked(store, other)
    assert code(store.open_claim(opened.id, by("thief"), loud)) == "already_claimed"
    assert revoked(store, other)


def test_one_that_is_cancelled_or_whose_session_is_over_opens_nothing(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    made = store.make_claim(a_claim(record), "owner")
    assert store.cancel_claim(made.id, "key:2").state is ClaimState.CANCELLED
    assert store.cancel_claim(made.id, "key:2") == store.claim(made.id)
    assert code(store.open_claim(made.id, by("x"), loud)) == "claim_cancelled"
    assert not revoked(store, record)
    again = store.make_claim(a_claim(record), "owner")
    store.revoke_session(record.session.id)
    assert code(store.open_claim(again.id, by("x"), loud)) == "claim_cancelled"
    assert store.claim(again.id).sealed is None
    # What of it its owner is told is not the store's to say.
    assert queued(store) == ["cancelled"]
    opened_session = a_session(market.owner)
    store.add_session(opened_session, digest("other"))
    opened = store.make_claim(a_claim(opened_session), "owner")
    store.open_claim(opened.id, by("x"), quiet)
    assert store.cancel_claim(opened.id, "owner").state is ClaimState.CLAIMED


def test_a_session_has_one_link(store: Blocking, record: SessionRecord) -> None:
    first = store.make_claim(a_claim(record), "owner")
    assert store.make_claim(first, "owner") == first
    second = store.make_claim(a_claim(record), "owner")
    assert store.claim(first.id).state is ClaimState.CANCELLED
    # The first request again, late: it does not bring the first link back.
    assert store.make_claim(first, "owner").state is ClaimState.CANCELLED
    assert store.claim(second.id) == second
    assert told(store, record) == ["claim_made", "claim_cancelled", "claim_made"]


def test_what_is_taken_or_another_owners_is_refused(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    made = store.make_claim(a_claim(record), "owner")
    theirs = a_session(market.seller)
    store.add_session(theirs, digest("theirs"))
    for wanted in (
        replace(made, digest=digest("other")),
        a_claim(record, owner_id=market.seller.id),
        a_claim(theirs, id=made.id),
        a_claim(record, session_id="ses_none"),
    ):
        with pytest.raises(Contradiction):
            store.make_claim(wanted, "owner")
    with pytest.raises(Contradiction):
        store.open_claim("clm_none", by("x"), quiet)
    assert store.claim("clm_none") is None
    assert store.claim(made.id) == made


def test_a_childs_claim_stops_the_child(store: Blocking, record: SessionRecord) -> None:
    child = a_child(record.session.id)
    store.add_children([child])
    made = store.make_claim(a_claim(store.session(child.id)), "owner")
    store.open_claim(made.id, by("one"), quiet)
    store.open_claim(made.id, by("two"), quiet)
    assert store.session(child.id).session.revoked_at is not None
    assert not revoked(store, record)


def test_replicas_that_race_let_one_claimant_in(pair: Pair) -> None:
    """Forty at once, in two stores: one gets it, one alarm, and the session is dead."""
    record = pair.session()
    made = pair.here.make_claim(a_claim(record), "owner")
    answers = pair.both(lambda store, number: store.open_claim(made.id, by(str(number)), loud))
    got = [one for one in answers if isinstance(one, Claim)]
    assert len(got) == 1
    assert Counter(code(one) for one in answers if isinstance(one, Refused)) == {"already_claimed": 39}
    assert pair.here.claim(made.id).state is ClaimState.INTERCEPTED
    assert Counter(queued(pair.here)) == {"claimed": 1, "intercepted": 1}
    assert told(pair.here, record) == ["claim_made", "claim_opened", "claim_intercepted", "revoked"]


def test_replicas_that_race_give_one_claimant_the_same(pair: Pair) -> None:
    record = pair.session()
    made = pair.here.make_claim(a_claim(record), "owner")
    answers = pair.both(
        lambda store, number: store.open_claim(
            made.id, replace(by("delegate"), kept=f"kept {number}".encode()), loud
        )
    )
    assert len({one.sealed for one in answers}) == 1
    assert told(pair.here, record) == ["claim_made", "claim_opened"]


def test_replicas_that_race_to_the_end_end_it_once(pair: Pair) -> None:
    """A claimant, the owner who cancels, and both keepers, at the very end."""
    record = pair.session()
    made = pair.here.make_claim(a_claim(record, expires_at=NOW), "owner")
    pair.both(
        lambda store, number: (
            store.look_at_claim(made.id, loud)
            if number % 4 < 2
            else store.open_claim(made.id, by(str(number)), loud)
        )
    )
    assert told(pair.here, record) == ["claim_made", "claim_expired", "revoked"]
    assert queued(pair.here) == ["expired"]


def test_it_is_told_in_words_that_hold_no_secret(store: Blocking, record: SessionRecord) -> None:
    made = store.make_claim(a_claim(record), "key:1")
    store.open_claim(made.id, by("one"), quiet)
    store.open_claim(made.id, by("two"), quiet)
    found = store.audit(record.session.owner_id, record.session.tree, 0, 1_000)
    bodies = {str(entry.kind): json.loads(entry.body) for entry, _ in found}
    assert bodies["claim_made"] == {
        "claim": made.id,
        "ends": made.expires_at,
        "stops": "revoke",
        "by": "key:1",
    }
    assert bodies["claim_intercepted"]["second"] == "address of two"
    assert set(bodies["claim_opened"]) == {"claim", "from", "by"}


def test_SECRETS_STAY_SECRET_nothing_of_the_ciphertext_stays_in_the_file(
    tmp_path: Path, time: SystemTime
) -> None:
    """A file that was closed holds no byte of what was uploaded; while it is open its log may, until that is reused."""
    from tests.stores.conftest import make_market

    path = tmp_path / "valetkey.db"
    store = Blocking(open_store(path, system_time=time))
    market = make_market(store)
    long = bytes(range(1, 256)) * 200
    for number, sealed in enumerate((SEALED, long)):
        record = a_session(market.owner)
        store.add_session(record, digest(f"token {number}"))
        made = store.make_claim(a_claim(record, sealed=sealed), "owner")
        store.open_claim(made.id, by("delegate"), quiet)
        store.open_claim(made.id, by("thief"), quiet)
    store.close()
    content = path.read_bytes()
    assert b"claim_intercepted" in content
    for piece in (SEALED[:36], long[:64], b"kept for delegate"):
        assert piece not in content
