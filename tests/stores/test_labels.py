"""Labels that one session has for itself, session keys that no two have, and creation that is done once."""

from dataclasses import replace
from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import (
    DAY,
    HOUR,
    NOW,
    SystemTime,
    a_key,
    a_purchase,
    a_session,
    allowed,
    an_address,
    an_agent,
    an_id,
    code,
    digest,
)
from valetkey.core.audit import Kind as Told
from valetkey.core.errors import Contradiction
from valetkey.core.ids import Kind
from valetkey.core.refusal import Refused
from valetkey.core.tree import Narrowing
from valetkey.ports.accounts import Answer, Child, SessionQuery, SessionRecord

LABEL = "daily"


def add(store: Blocking, market: Market, **fields: Any) -> SessionRecord | Refused:
    """Ask for a session of the owner, called LABEL unless another label is given."""
    record = a_session(market.owner, **{"label": LABEL, **fields})
    return store.add_session(record, digest(record.alias))


def made(answer: SessionRecord | Refused) -> SessionRecord:
    assert isinstance(answer, SessionRecord), answer
    return answer


def refused(answer: object, by: SessionRecord) -> bool:
    """Whether the label is this session's."""
    assert code(answer) == "label_taken"
    assert isinstance(answer, Refused)
    reason = answer.first
    assert (reason.session_id, reason.limit) == (by.session.id, by.session.policy.expires_at)
    return True


def rotate(
    store: Blocking, market: Market, old: SessionRecord, label: str | None = LABEL, **more: Any
) -> Any:
    record = a_session(market.owner, label=label)
    return store.rotate_session(
        old.session.id, record, digest(record.alias), **{"grace_seconds": 60, "carry": True, **more}
    )


def child(parent: SessionRecord, label: str | None = LABEL, **more: Any) -> Child:
    child_id = an_id(Kind.SESSION)
    return Child(
        child_id,
        parent.session.id,
        Narrowing(),
        an_id(Kind.BUYER_ALIAS),
        an_address(),
        None,
        digest(child_id),
        label,
        **more,
    )


# Labels


def test_labels_are_shared_where_nobody_wants_them_alone(store: Blocking, market: Market) -> None:
    first, second = made(add(store, market)), made(add(store, market))
    assert store.sessions(SessionQuery(market.owner.id, label=LABEL))[1] == 2
    assert not first.sole
    assert not second.sole
    assert store.agent(market.owner.id).unique_labels is False


def test_a_sole_label_is_taken_whichever_of_the_two_is_sole(store: Blocking, market: Market) -> None:
    plain = made(add(store, market))
    assert refused(add(store, market, sole=True), plain)
    store.revoke_session(plain.session.id)
    sole = made(add(store, market, sole=True))
    assert store.session(sole.session.id) == sole
    assert sole.sole
    assert refused(add(store, market), sole)
    assert refused(add(store, market, sole=True), sole)
    assert made(add(store, market, label="other", sole=True))
    other = a_session(market.seller, label=LABEL, sole=True)
    assert made(store.add_session(other, digest("another owner's"))) == other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("daily", "Daily"),
        ("daily", "daily "),
        ("caf\u00e9", "cafe\u0301"),
        ("\u2165", "VI"),
        ("\U0001f511", "\U0001f510"),
        ("a", "a" * 200),
        ("%", "_"),
    ],
)
def test_labels_are_compared_as_the_texts_that_they_are(
    store: Blocking, market: Market, one: str, other: str
) -> None:
    first, second = (made(add(store, market, label=label, sole=True)) for label in (one, other))
    assert refused(add(store, market, label=one), first)
    assert refused(add(store, market, label=other), second)


def test_no_label_is_never_taken(store: Blocking, market: Market) -> None:
    store.set_unique_labels(market.owner.id, unique=True)
    assert [made(add(store, market, label=None)).label for _ in range(3)] == [None] * 3


def test_lives_that_only_meet_do_not_overlap(store: Blocking, market: Market, time: SystemTime) -> None:
    today = made(add(store, market, sole=True, expires_at=NOW + DAY))
    made(add(store, market, sole=True, not_before=NOW + DAY, expires_at=NOW + 2 * DAY))
    assert refused(add(store, market, sole=True, not_before=NOW + DAY - 1, expires_at=NOW + DAY + 1), today)
    # A moment that is over is nobody's.
    time.seconds = NOW + DAY
    assert code(add(store, market, expires_at=NOW + 2 * DAY)) == "label_taken"
    time.seconds = NOW + 2 * DAY
    made(add(store, market, sole=True, expires_at=NOW + 3 * DAY))


def test_what_is_paused_or_has_spent_all_has_its_label(store: Blocking, market: Market) -> None:
    sole = made(add(store, market, sole=True))
    store.pause_session(sole.session.id, paused=True)
    assert refused(add(store, market), sole)
    store.pause_session(sole.session.id, paused=False)
    allowed(store.place(a_purchase(market.service, market.owner, sole, 10_000_000), None))
    assert store.sessions(SessionQuery(market.owner.id, status="exhausted"))[1] == 1
    assert refused(add(store, market), sole)
    store.freeze(market.owner.id, frozen=True)
    assert refused(add(store, market), sole)
    store.revoke_sessions(market.owner.id)
    made(add(store, market, sole=True))


def test_an_owners_policy_is_for_what_comes_after_it(store: Blocking, market: Market) -> None:
    first, second = made(add(store, market)), made(add(store, market))
    store.set_unique_labels(market.owner.id, unique=True, by="key:1")
    store.set_unique_labels(market.owner.id, unique=True, by="key:2")
    assert store.agent(market.owner.id).unique_labels is True
    assert store.agent(market.seller.id).unique_labels is False
    assert code(add(store, market)) == "label_taken"
    store.revoke_session(first.session.id)
    assert refused(add(store, market), second)
    store.revoke_session(second.session.id)
    third = made(add(store, market))
    assert refused(add(store, market), third)
    store.set_unique_labels(market.owner.id, unique=False)
    assert store.agent(market.owner.id).unique_labels is False
    made(add(store, market))
    told = [
        (entry.kind, entry.body)
        for entry, _ in store.audit(market.owner.id, market.owner.id, 0, 100)
        if entry.kind is Told.LABELS_SET
    ]
    assert told == [
        (Told.LABELS_SET, '{"by":"key:1","unique":true}'),
        (Told.LABELS_SET, '{"by":"owner","unique":false}'),
    ]


def test_no_policy_of_nobody(store: Blocking, market: Market) -> None:
    with pytest.raises(Contradiction):
        store.set_unique_labels("agt_0000000000000000000000000", unique=True)
    with pytest.raises(Contradiction):
        store.add_session(a_session(an_agent(), label=LABEL), digest("nobody's"))


def test_a_refusal_is_told_and_stores_nothing(store: Blocking, market: Market) -> None:
    made(add(store, market, sole=True))
    late = a_session(market.owner, label=LABEL)
    answer = Answer(a_key(), 201, b"sealed")
    assert code(store.add_session(late, digest("late"), answer, by="key:1")) == "label_taken"
    assert store.session(late.session.id) is None
    assert store.authenticate(digest("late")) is None
    assert store.answered(a_key()) is None
    entry, _ = store.audit(market.owner.id, market.owner.id, 0, 100)[-1]
    assert (entry.kind, entry.session_id) == (Told.SESSION_REFUSED, None)
    assert '"by":"key:1"' in entry.body
    assert '"codes":["label_taken"]' in entry.body


def test_many_of_a_label_that_is_to_be_unique_from_now_on(store: Blocking, market: Market) -> None:
    records = [made(add(store, market)) for _ in range(120)]
    store.set_unique_labels(market.owner.id, unique=True)
    for record in records[:-1]:
        store.revoke_session(record.session.id)
    assert refused(add(store, market), records[-1])


# Rotation


def test_a_rotation_shares_the_label_with_its_place_alone(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    store.set_unique_labels(market.owner.id, unique=True)
    first = made(add(store, market))
    second = made(rotate(store, market, first))
    third = made(rotate(store, market, second))
    assert third.label == LABEL
    assert code(add(store, market)) == "label_taken"
    time.seconds = NOW + 61
    assert refused(add(store, market), third)
    other = made(add(store, market, label="other"))
    assert refused(rotate(store, market, other), third)
    assert store.session(other.session.id).session.successor_id is None
    entry, _ = store.audit(market.owner.id, other.session.tree, 0, 100)[-1]
    assert entry.kind is Told.ROTATION_REFUSED
    # Back to a name that the place had before, and to none.
    renamed = made(rotate(store, market, third, "renamed", grace_seconds=3_000))
    made(rotate(store, market, renamed, LABEL))


def test_a_rotation_stays_sole(store: Blocking, market: Market) -> None:
    sole = made(add(store, market, sole=True))
    after = made(rotate(store, market, sole))
    assert after.sole
    assert store.session(after.session.id) == after
    store.revoke_session(after.session.id)
    made(add(store, market, sole=True))


def test_a_child_of_the_session_does_not_share_its_place(store: Blocking, market: Market) -> None:
    first = made(add(store, market))
    (below,) = store.add_children([child(first)])
    store.set_unique_labels(market.owner.id, unique=True)
    assert refused(rotate(store, market, first), below)
    after = made(rotate(store, market, first, "another"))
    assert after.label == "another"


# Children


def test_labels_of_children_count(store: Blocking, market: Market) -> None:
    parent = made(add(store, market, label="parent"))
    sole = made(add(store, market, sole=True))
    assert refused(store.add_children([child(parent)]), sole)
    entry, _ = store.audit(market.owner.id, parent.session.tree, 0, 100)[-1]
    assert entry.kind is Told.CHILD_REFUSED
    (below,) = store.add_children([child(parent, "below")])
    assert refused(add(store, market, label="below", sole=True), below)
    # What stops its parent frees its label.
    store.revoke_session(parent.session.id)
    made(add(store, market, label="below", sole=True))


def test_a_child_has_its_label_no_longer_than_its_parent_lives(store: Blocking, market: Market) -> None:
    parent = made(add(store, market, label="parent"))
    grandparent = made(rotate(store, market, parent, "parent", grace_seconds=0))
    (below,) = store.add_children([child(grandparent)])
    longer = store.extend_session(below.session.id, NOW + DAY, None, "owner")
    assert longer.session.policy.expires_at == NOW + DAY
    made(add(store, market, sole=True, not_before=NOW + HOUR, expires_at=NOW + 2 * HOUR))


# Extension


def test_an_extension_leaves_the_next_one_its_time(store: Blocking, market: Market) -> None:
    today = made(add(store, market, sole=True, expires_at=NOW + DAY))
    tomorrow = made(add(store, market, not_before=NOW + DAY, expires_at=NOW + 2 * DAY))
    late = tomorrow.session.id
    assert refused(store.extend_session(today.session.id, NOW + DAY + 1, None, "owner"), tomorrow)
    entry, _ = store.audit(market.owner.id, today.session.tree, 0, 100)[-1]
    assert entry.kind is Told.EXTENSION_REFUSED
    assert store.session(today.session.id) == today
    assert store.extend_session(today.session.id, NOW + DAY, 20_000_000, "owner").session.policy_version == 2
    assert store.extend_session(late, NOW + 3 * DAY, None, "owner").session.policy_version == 2
    store.revoke_session(late)
    after = store.extend_session(today.session.id, NOW + DAY + 1, None, "owner")
    assert after.session.policy.expires_at == NOW + DAY + 1


def test_duplicates_from_before_the_policy_live_their_time(store: Blocking, market: Market) -> None:
    short, long = made(add(store, market)), made(add(store, market, expires_at=NOW + 2 * HOUR))
    store.set_unique_labels(market.owner.id, unique=True)
    assert refused(store.extend_session(short.session.id, NOW + HOUR + 1, None, "owner"), long)
    assert store.extend_session(long.session.id, NOW + 3 * HOUR, None, "owner").session.policy_version == 2


def test_a_rotated_session_in_its_grace_is_in_nobodys_way_who_took_its_place(
    store: Blocking, market: Market
) -> None:
    sole = made(add(store, market, sole=True, expires_at=NOW + HOUR))
    short = a_session(market.owner, label=LABEL, expires_at=NOW + 30)
    after = store.rotate_session(sole.session.id, short, digest("short"), grace_seconds=HOUR, carry=True)
    longer = store.extend_session(made(after).session.id, NOW + 2 * HOUR, None, "owner")
    assert longer.session.policy.expires_at == NOW + 2 * HOUR


# Session keys


def test_a_session_key_is_one_sessions(store: Blocking, market: Market) -> None:
    key = digest("key")
    record = made(add(store, market, label=None, key_hash=key))
    assert store.session(record.session.id).key_hash == key
    query = SessionQuery(market.owner.id, key_hash=key)
    assert store.sessions(query) == ([record], 1)
    assert store.sessions(replace(query, key_hash=digest("other"))) == ([], 0)
    assert store.sessions(replace(query, owner_id=market.seller.id)) == ([], 0)
    store.revoke_session(record.session.id)
    again = add(store, market, label=None, key_hash=key)
    assert code(again) == "session_key_taken"
    assert isinstance(again, Refused)
    assert again.first.session_id == record.session.id
    other = a_session(market.seller, key_hash=key)
    assert made(store.add_session(other, digest("another owner's"))).key_hash == key


def test_keys_of_children_and_of_rotations_count(store: Blocking, market: Market) -> None:
    keys = [digest(f"key {number}") for number in range(3)]
    parent = made(add(store, market, label=None, key_hash=keys[0]))
    assert code(store.add_children([child(parent, None, key_hash=keys[0])])) == "session_key_taken"
    one = child(parent, None, key_hash=keys[1])
    (below,) = store.add_children([one])
    assert below.key_hash == keys[1]
    assert store.add_children([one]) == [store.session(one.id)] == [below]
    for key, expected in ((keys[1], None), (keys[2], keys[2])):
        new = replace(a_session(market.owner), key_hash=key)
        after = store.rotate_session(parent.session.id, new, digest(new.alias), grace_seconds=60, carry=True)
        assert (after.key_hash if isinstance(after, SessionRecord) else None) == expected
    assert store.sessions(SessionQuery(market.owner.id, key_hash=keys[2]))[1] == 1


# Done once


def test_IDEMPOTENT_a_session_is_made_once_at_the_store(store: Blocking, market: Market) -> None:
    first = a_session(market.owner, label=LABEL, sole=True, key_hash=digest("key"))
    assert made(store.add_session(first, digest("first"), idempotency=a_key())) == first
    second = a_session(market.owner, label=LABEL, sole=True, key_hash=digest("another key"))
    assert made(store.add_session(second, digest("second"), idempotency=a_key())) == first
    assert store.session(second.session.id) is None
    assert store.authenticate(digest("second")) is None
    mismatch = store.add_session(second, digest("second"), idempotency=a_key(body="another"))
    assert code(mismatch) == "idempotency_mismatch"
    paused = store.pause_session(first.session.id, paused=True)
    assert made(store.add_session(second, digest("second"), idempotency=a_key())) == paused
    store.revoke_session(first.session.id)
    again = made(store.add_session(second, digest("second"), idempotency=a_key()))
    assert again.session.revoked_at == NOW
    assert store.sessions(SessionQuery(market.owner.id))[1] == 1


def test_a_refusal_takes_no_key(store: Blocking, market: Market) -> None:
    sole = made(add(store, market, sole=True))
    late = a_session(market.owner, label=LABEL)
    assert code(store.add_session(late, digest("late"), idempotency=a_key())) == "label_taken"
    store.revoke_session(sole.session.id)
    assert made(store.add_session(late, digest("late"), idempotency=a_key())) == late


def test_IDEMPOTENT_the_same_request_at_once_is_a_contradiction_and_no_refusal(
    store: Blocking, market: Market
) -> None:
    """Whoever asked finds the answer of the first then; that its key or label is taken would be the wrong one."""
    records = [a_session(market.owner, label=LABEL, sole=True, key_hash=digest("key")) for _ in range(8)]
    answer = Answer(a_key(), 201, b"sealed")
    answers = store.together(*(store.store.add_session(one, digest(one.alias), answer) for one in records))
    assert sum(isinstance(one, SessionRecord) for one in answers) == 1
    assert sum(isinstance(one, Contradiction) for one in answers) == 7
