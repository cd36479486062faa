"""Enrolments: kept until they end, good for one session, whoever asks at the same time; and proof keys, which stay."""

from dataclasses import replace

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import HOUR, NOW, SystemTime, a_session, an_agent, an_api_key, an_id, code, digest
from tests.stores.making_enrollments import LIFE, a_proof_key, an_enrollment
from valetkey.core.errors import Contradiction
from valetkey.core.ids import Kind
from valetkey.core.refusal import Refused
from valetkey.core.tree import Narrowing
from valetkey.ports.accounts import Answer, Child, SessionRecord
from valetkey.ports.enrollments import Claim
from valetkey.ports.ledger import Idempotency

MAX = 100
SEALED = b"a token that the delegate opens"


def test_what_is_kept_is_found_and_stays_as_it_is(store: Blocking) -> None:
    one = an_enrollment("shopper")
    assert store.enrollment(one.code) is None
    assert store.add_enrollment(one, MAX) == one
    assert store.add_enrollment(replace(one, message="other", expires_at=NOW + 5), MAX) == one
    assert store.enrollment(one.code) == one


def test_so_many_are_open_at_once_and_those_that_ended_make_room(store: Blocking, time: SystemTime) -> None:
    first, second, third = (an_enrollment() for _ in range(3))
    assert store.add_enrollment(first, 2) == first
    assert store.add_enrollment(second, 2) == second
    assert store.add_enrollment(third, 2) is None
    assert store.enrollment(third.code) is None
    time.seconds += LIFE
    later = replace(third, expires_at=NOW + 2 * LIFE)
    assert store.add_enrollment(later, 2) == later
    assert store.enrollment(first.code) is None, "what is over is forgotten"


def test_one_that_expired_unused_begins_anew(store: Blocking, time: SystemTime) -> None:
    one = an_enrollment()
    store.add_enrollment(one, MAX)
    time.seconds += LIFE
    again = replace(one, expires_at=NOW + 2 * LIFE)
    assert store.add_enrollment(again, MAX) == again
    assert store.enrollment(one.code) == again


def test_a_session_uses_it_up_and_keeps_it_as_long_as_itself(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    one = an_enrollment()
    store.add_enrollment(one, 1)
    record = a_session(market.owner, proof_key=a_proof_key())
    made = store.add_session(record, digest("token"), claim=Claim(one.code, SEALED))
    assert made == record
    assert store.session(record.session.id).proof_key == a_proof_key()
    assert store.authenticate(digest("token")).proof_key == a_proof_key()
    used = store.enrollment(one.code)
    assert used == replace(
        one,
        owner_id=market.owner.id,
        session_id=record.session.id,
        sealed=SEALED,
        expires_at=record.session.policy.expires_at,
    )
    other = an_enrollment()
    assert store.add_enrollment(other, 1) == other, "one that is used is no longer open"
    time.seconds += LIFE
    assert store.enrollment(one.code) == used
    assert store.add_enrollment(replace(one, expires_at=NOW + 9 * HOUR), MAX) == used


@pytest.mark.parametrize("whose", ["the same owner's", "another owner's"])
def test_a_second_session_for_it_is_refused_and_leaves_nothing(
    store: Blocking, market: Market, whose: str
) -> None:
    one = an_enrollment()
    store.add_enrollment(one, MAX)
    first = a_session(market.owner)
    store.add_session(first, digest("first"), claim=Claim(one.code, SEALED))
    used = store.enrollment(one.code)
    owner = market.owner if whose == "the same owner's" else market.seller
    second = a_session(owner)
    refused = store.add_session(second, digest("second"), claim=Claim(one.code, b"theirs"))
    assert code(refused) == "enrollment_used"
    assert store.session(second.session.id) is None
    assert store.authenticate(digest("second")) is None
    assert store.enrollment(one.code) == used


def test_one_that_is_over_or_unknown_makes_no_session(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    one = an_enrollment()
    store.add_enrollment(one, MAX)
    time.seconds += LIFE
    for name in (one.code, an_enrollment().code):
        late = a_session(market.owner)
        assert code(store.add_session(late, digest(name), claim=Claim(name, SEALED))) == "enrollment_expired"
        assert store.session(late.session.id) is None
    kept = store.enrollment(one.code)
    assert kept is None or not kept.is_used


def test_of_many_owners_who_want_one_at_the_same_time_one_gets_it(store: Blocking) -> None:
    owners = [an_agent() for _ in range(6)]
    for owner in owners:
        assert store.add_agent(owner, digest(owner.id), an_api_key(owner))
    ones = [an_enrollment() for _ in range(3)]
    for one in ones:
        store.add_enrollment(one, MAX)
    asked = [
        (one, a_session(owner))
        for number, owner in enumerate(owners)
        # Not everybody in the same order.
        for one in (ones if number % 2 else reversed(ones))
    ]
    told = store.together(
        *(
            store.store.add_session(record, digest(record.session.id), claim=Claim(one.code, SEALED))
            for one, record in asked
        )
    )
    for one in ones:
        mine = [done for (wanted, _), done in zip(asked, told, strict=True) if wanted is one]
        won = [done for done in mine if isinstance(done, SessionRecord)]
        assert len(won) == 1
        assert all(isinstance(done, Refused) for done in mine if done is not won[0])
        assert store.enrollment(one.code).session_id == won[0].session.id


def test_IDEMPOTENT_the_answer_is_kept_with_the_session_or_neither(store: Blocking, market: Market) -> None:
    one, two = an_enrollment(), an_enrollment()
    store.add_enrollment(one, MAX)
    store.add_enrollment(two, MAX)
    answer = Answer(Idempotency("write owner", "key", digest("body")), 201, b"{}")
    first, second = a_session(market.owner), a_session(market.owner)
    store.add_session(first, digest("first"), answer, claim=Claim(one.code, SEALED))
    assert store.answered(answer.idempotency) == answer
    with pytest.raises(Contradiction):
        store.add_session(second, digest("second"), answer, claim=Claim(two.code, SEALED))
    assert store.enrollment(two.code) == two


def test_a_rotation_uses_one_up_and_needs_a_proof_key_where_there_was_one(
    store: Blocking, market: Market
) -> None:
    one = an_enrollment()
    store.add_enrollment(one, MAX)
    record = a_session(market.owner, proof_key=a_proof_key())
    store.add_session(record, digest("token"))
    bearer = a_session(market.owner)
    rules = {"grace_seconds": 0, "carry": True}
    claim = Claim(one.code, SEALED)
    refused = store.rotate_session(record.session.id, bearer, digest("bearer"), claim=claim, **rules)
    assert code(refused) == "enrollment_needed"
    assert store.authenticate(digest("bearer")) is None
    assert store.enrollment(one.code) == one
    after = a_session(market.owner, proof_key=a_proof_key("another"))
    done = store.rotate_session(record.session.id, after, digest("after"), claim=claim, **rules)
    assert done.proof_key == a_proof_key("another")
    assert store.enrollment(one.code).session_id == after.session.id
    again = a_session(market.owner, proof_key=a_proof_key("a third"))
    refused = store.rotate_session(after.session.id, again, digest("again"), claim=claim, **rules)
    assert code(refused) == "enrollment_used"


def test_NARROW_ONLY_nothing_bearer_comes_out_of_a_session_that_proves_itself(
    store: Blocking, market: Market
) -> None:
    parent = a_session(market.owner, proof_key=a_proof_key())
    store.add_session(parent, digest("token"))
    bearer = _child(parent.session.id)
    assert code(store.add_children([bearer])) == "not_narrower"
    assert store.session(bearer.id) is None
    proving = _child(parent.session.id, a_proof_key("child"))
    beneath = _child(proving.id)
    assert code(store.add_children([proving, beneath])) == "not_narrower"
    assert store.authenticate(proving.token_hash).proof_key == a_proof_key("child")
    assert store.authenticate(beneath.token_hash) is None
    own = replace(beneath, id=an_id(Kind.SESSION), proof_key=a_proof_key("grandchild"))
    assert store.add_children([proving, own])[-1].proof_key == a_proof_key("grandchild")


def test_a_bearer_session_may_have_a_child_that_proves_itself(store: Blocking, market: Market) -> None:
    parent = a_session(market.owner)
    store.add_session(parent, digest("token"))
    child = _child(parent.session.id, a_proof_key("child"))
    assert store.add_children([child])[0].proof_key == a_proof_key("child")


def test_the_log_says_that_a_session_proves_itself_and_holds_no_secret(
    store: Blocking, market: Market
) -> None:
    one = an_enrollment()
    store.add_enrollment(one, MAX)
    record = a_session(market.owner, proof_key=a_proof_key())
    store.add_session(record, digest("token"), claim=Claim(one.code, SEALED))
    told = [entry.body for entry, _ in store.audit(market.owner.id, record.session.id, 0, 10)]
    assert '"proof":"required"' in told[0]
    plain = a_session(market.owner)
    store.add_session(plain, digest("plain"))
    told = [entry.body for entry, _ in store.audit(market.owner.id, plain.session.id, 0, 10)]
    assert "proof" not in told[0]


def _child(parent_id: str, proof_key: bytes | None = None) -> Child:
    name = an_id(Kind.SESSION)
    return Child(
        id=name,
        parent_id=parent_id,
        narrowing=Narrowing(),
        alias=an_id(Kind.BUYER_ALIAS),
        wallet_address="0x" + digest(name).hex()[:40],
        e2e_public_key=None,
        token_hash=digest(name),
        proof_key=proof_key,
    )
