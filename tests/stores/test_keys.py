"""API keys: what every store keeps of them, what one may make, and that a revoked one stays dead."""

from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import (
    HOUR,
    NOW,
    SystemTime,
    a_key,
    a_session,
    an_agent,
    an_api_key,
    an_id,
    code,
    digest,
)
from tests.stores.test_told import kinds
from valetkey.core.api_key import KEYS_MAX, SIGN_INS_MAX, ApiKey, KeyStatus, Scope, status
from valetkey.core.audit import Kind
from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.ids import Kind as IdKind
from valetkey.core.refusal import Code
from valetkey.ports.accounts import Answer, KeyRecord

NOBODY = an_agent()


def first_key(store: Blocking, market: Market) -> ApiKey:
    """The key that the owner registered with."""
    (key,), _ = store.keys(market.owner.id, 50, 0)
    assert isinstance(key, ApiKey)
    return key


def test_a_key_comes_back_as_it_was_stored(store: Blocking, market: Market) -> None:
    full = an_api_key(
        market.owner, Scope.READ, Scope.SPENDS_APPROVE, name="Büro \u2603", expires_at=NOW + HOUR
    )
    maker = first_key(store, market)
    assert store.make_key(full, digest("made"), maker.id) is None
    assert store.key(market.owner.id, full.id) == full
    assert store.authenticate(digest("made")) == KeyRecord(market.owner, full)


def test_keys_are_listed_newest_first_ended_ones_too(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    keys = [first_key(store, market)]
    for number in range(4):
        keys.insert(0, an_api_key(market.owner, expires_at=NOW + 1 if number == 1 else None))
        store.make_key(keys[0], digest(keys[0].id), keys[-1].id)
    time.seconds += 5
    keys[0] = store.revoke_key(market.owner.id, keys[0].id, "test")
    assert store.keys(market.owner.id, 50, 0) == (keys, 5)
    assert store.keys(market.owner.id, 2, 1) == (keys[1:3], 5)
    assert store.keys(market.seller.id, 50, 0)[1] == 1
    assert store.keys(NOBODY.id, 50, 0) == ([], 0)


def test_a_key_is_its_owner_s_alone(store: Blocking, market: Market) -> None:
    key = first_key(store, market)
    assert store.key(market.seller.id, key.id) is None
    with pytest.raises(Contradiction):
        store.revoke_key(market.seller.id, key.id, "test")
    with pytest.raises(Contradiction):
        store.revoke_key(market.owner.id, an_id(IdKind.API_KEY), "test")
    with pytest.raises(Contradiction):
        store.make_key(an_api_key(market.seller), digest("stolen"), key.id)
    assert store.authenticate(digest("stolen")) is None
    store.key_used(market.seller.id, key.id)
    assert store.key(market.owner.id, key.id) == key


def test_REVOKED_IS_DEAD_the_next_look_at_a_key_sees_it(store: Blocking, market: Market) -> None:
    for number in range(50):
        key = an_api_key(market.owner)
        assert store.make_key(key, digest(f"key {number}"), first_of_all(store, market)) is None

        async def revoke_and_look(key_id: str, secret: bytes) -> object:
            await store.store.revoke_key(market.owner.id, key_id, "test")
            return await store.store.authenticate(secret)

        found = store.run(revoke_and_look(key.id, digest(f"key {number}")))
        assert status(found.key, NOW) is KeyStatus.REVOKED


def first_of_all(store: Blocking, market: Market) -> str:
    keys, _ = store.keys(market.owner.id, 100, 0)
    return str(keys[-1].id)


def test_the_first_revocation_of_a_key_stays(store: Blocking, market: Market, time: SystemTime) -> None:
    key = first_key(store, market)
    time.seconds += 5
    assert store.revoke_key(market.owner.id, key.id, "one").revoked_at == NOW + 5
    time.seconds += 5
    assert store.revoke_key(market.owner.id, key.id, "two").revoked_at == NOW + 5
    told = kinds(store, market.owner.id, market.owner.id)
    assert told[1:] == [(Kind.KEY_REVOKED, {"key": key.id, "by": "one"})]


def test_a_revoked_key_makes_none_whatever_was_asked_before(store: Blocking, market: Market) -> None:
    maker = first_key(store, market)
    store.revoke_key(market.owner.id, maker.id, "test")
    wanted = an_api_key(market.owner)
    assert code(store.make_key(wanted, digest("made"), maker.id)) == Code.NOT_NARROWER
    assert store.authenticate(digest("made")) is None
    assert store.key(market.owner.id, wanted.id) is None


def test_a_key_neither_exceeds_nor_outlives_its_maker(store: Blocking, market: Market) -> None:
    maker = an_api_key(market.owner, Scope.KEYS, Scope.READ, expires_at=NOW + HOUR)
    store.make_key(maker, digest("maker"), first_key(store, market).id)
    for scopes, expires_at, made in [
        ((Scope.READ,), NOW + HOUR, True),
        ((Scope.SPENDS_READ, Scope.KEYS), NOW + 1, True),
        ((Scope.FULL,), NOW + HOUR, False),
        ((Scope.READ, Scope.SPENDS_APPROVE), NOW + HOUR, False),
        ((Scope.READ,), NOW + HOUR + 1, False),
        ((Scope.READ,), None, False),
    ]:
        wanted = an_api_key(market.owner, *scopes, expires_at=expires_at)
        answer = store.make_key(wanted, digest(wanted.id), maker.id)
        assert (answer is None) is made
        assert (store.authenticate(digest(wanted.id)) is not None) is made
        if not made:
            assert code(answer) == Code.NOT_NARROWER
    with pytest.raises(InvalidInput):
        store.make_key(an_api_key(market.owner, Scope.READ, expires_at=NOW), digest("over"), maker.id)


def test_an_owner_has_so_many_living_keys_and_ended_ones_make_room(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    maker = first_key(store, market)
    wanted = [an_api_key(market.owner, expires_at=NOW + HOUR) for _ in range(KEYS_MAX + 10)]
    answers = store.together(*(store.store.make_key(key, digest(key.id), maker.id) for key in wanted))
    assert answers.count(None) == KEYS_MAX - 1
    assert {code(answer) for answer in answers if answer is not None} == {"keys_full"}
    late = an_api_key(market.owner)
    assert code(store.add_api_key(late, digest("late"))) == Code.KEYS_FULL
    alive = next(key for key, answer in zip(wanted, answers, strict=True) if answer is None)
    store.revoke_key(market.owner.id, alive.id, "test")
    assert store.add_api_key(late, digest("late")) is None
    time.seconds += HOUR
    assert store.make_key(an_api_key(market.owner), digest("after their end"), maker.id) is None


def test_the_wallet_s_signature_ends_every_other_key(store: Blocking, market: Market) -> None:
    first = first_key(store, market)
    leaked = [an_api_key(market.owner, expires_at=NOW + HOUR) for _ in range(KEYS_MAX - 1)]
    for key in leaked:
        store.make_key(key, digest(key.id), first.id)
    kept = store.revoke_key(market.owner.id, leaked[0].id, "test")
    new = an_api_key(market.owner)
    assert store.add_api_key(new, digest("new"), revoke_others=True) is None
    living = [key for key in store.keys(market.owner.id, 100, 0)[0] if status(key, NOW) is KeyStatus.ACTIVE]
    assert living == [new]
    assert store.key(market.owner.id, kept.id) == kept
    assert store.keys(market.seller.id, 50, 0)[0][0].revoked_at is None
    told = kinds(store, market.owner.id, market.owner.id)
    ended = [facts["key"] for kind, facts in told if kind is Kind.KEY_REVOKED and facts["by"] == "wallet"]
    assert ended == [first.id, *(key.id for key in leaked[1:])]
    assert told[-1][0] is Kind.KEY_CREATED


def test_AUDIT_IS_COMPLETE_lives_of_keys_and_which_one_acted(store: Blocking, market: Market) -> None:
    first = first_key(store, market)
    made = an_api_key(market.owner, Scope.SPENDS_APPROVE, Scope.READ, name="bot", expires_at=NOW + HOUR)
    store.make_key(made, digest("made"), first.id)
    store.make_key(an_api_key(market.owner, Scope.FULL), digest("refused"), made.id)
    store.revoke_key(market.owner.id, made.id, first.actor)
    plain = {"scopes": ["full"], "ends": None}
    assert kinds(store, market.owner.id, market.owner.id) == [
        (Kind.KEY_CREATED, {"key": first.id, "name": "a key", "by": "wallet", **plain}),
        (
            Kind.KEY_CREATED,
            {
                "key": made.id,
                "name": "bot",
                "scopes": ["read", "spends:approve"],
                "ends": NOW + HOUR,
                "by": f"key:{first.id}",
            },
        ),
        (Kind.KEY_REVOKED, {"key": made.id, "by": f"key:{first.id}"}),
    ]
    record, successor = a_session(market.owner), a_session(market.owner)
    store.add_session(record, digest("token"), by=first.actor)
    store.rotate_session(
        record.session.id, successor, digest("token 2"), grace_seconds=0, carry=True, by=first.actor
    )
    told = kinds(store, market.owner.id, record.session.tree)
    assert [facts["by"] for _, facts in told] == [first.actor] * len(told)


def test_IDEMPOTENT_the_answer_is_kept_with_the_key_or_neither(store: Blocking, market: Market) -> None:
    maker = first_key(store, market)
    answer = Answer(a_key("make"), 201, b"sealed")
    assert store.make_key(an_api_key(market.owner), digest("one"), maker.id, answer) is None
    assert store.answered(answer.idempotency) == answer
    with pytest.raises(Contradiction):
        store.make_key(an_api_key(market.owner), digest("two"), maker.id, answer)
    assert store.authenticate(digest("two")) is None
    assert store.keys(market.owner.id, 50, 0)[1] == 2
    other = Answer(a_key("refused"), 201, b"sealed")
    store.make_key(an_api_key(market.owner, expires_at=NOW + 1), digest("three"), maker.id)
    store.revoke_key(market.owner.id, maker.id, "test")
    assert code(store.make_key(an_api_key(market.owner), digest("four"), maker.id, other)) == "not_narrower"
    assert store.answered(other.idempotency) is None


def a_sign_in(market: Market, **fields: Any) -> ApiKey:
    return an_api_key(
        market.owner, Scope.READ, id=an_id(IdKind.SIGN_IN), **{"expires_at": NOW + HOUR, **fields}
    )


def test_IDEMPOTENT_a_nonce_gives_one_key_however_often_it_comes_at_once(
    store: Blocking, market: Market
) -> None:
    keys = [a_sign_in(market) for _ in range(20)]
    answers = store.together(
        *(
            store.store.add_api_key(
                key, digest(key.id), answer=Answer(a_key("nonce", key.id, "sign-in"), 201, key.id.encode())
            )
            for key in keys
        )
    )
    assert answers.count(None) == 1
    assert {type(one) for one in answers if one is not None} == {Contradiction}
    given = keys[answers.index(None)]
    assert store.authenticate(digest(given.id)) == KeyRecord(market.owner, given)
    assert store.keys(market.owner.id, 50, 0)[1] == 2
    told = [facts["key"] for kind, facts in kinds(store, market.owner.id, market.owner.id)]
    assert told == [first_key_id(store, market), given.id], "one that was not given is not told of"
    assert store.answered(a_key("nonce", given.id, "sign-in")).body == given.id.encode()
    assert code(store.answered(a_key("nonce", "another body", "sign-in"))) == Code.IDEMPOTENCY_MISMATCH


def first_key_id(store: Blocking, market: Market) -> str:
    return str(store.keys(market.owner.id, 50, 0)[0][-1].id)


def test_one_sign_in_too_many_ends_the_oldest_and_no_key_that_was_made(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    made = an_api_key(market.owner)
    store.make_key(made, digest("made"), first_key(store, market).id)
    given = [a_sign_in(market, expires_at=NOW + HOUR + number) for number in range(SIGN_INS_MAX)]
    for key in given:
        assert store.add_api_key(key, digest(key.id)) is None
    late = a_sign_in(market)
    assert store.add_api_key(late, digest("late")) is None
    living = {key.id for key in store.keys(market.owner.id, 50, 0)[0] if status(key, NOW) is KeyStatus.ACTIVE}
    assert living == {first_key_id(store, market), made.id, late.id, *(key.id for key in given[1:])}
    assert kinds(store, market.owner.id, market.owner.id)[-2:] == [
        (Kind.KEY_REVOKED, {"key": given[0].id, "by": "wallet"}),
        (
            Kind.KEY_CREATED,
            {"key": late.id, "name": "a key", "scopes": ["read"], "ends": NOW + HOUR, "by": "wallet"},
        ),
    ]
    # What has ended by itself takes no place.
    time.seconds += 2 * HOUR
    assert store.add_api_key(a_sign_in(market, expires_at=NOW + 3 * HOUR), digest("later")) is None
    assert store.key(market.owner.id, given[1].id).revoked_at is None


def test_a_sign_in_does_not_go_beyond_the_keys_of_an_owner(store: Blocking, market: Market) -> None:
    maker = first_key(store, market)
    for number in range(KEYS_MAX - 1):
        assert store.make_key(an_api_key(market.owner), digest(f"key {number}"), maker.id) is None
    answer = Answer(a_key("nonce", "body", "sign-in"), 201, b"sealed")
    assert code(store.add_api_key(a_sign_in(market), digest("one more"), answer=answer)) == Code.KEYS_FULL
    assert store.answered(answer.idempotency) is None, "the nonce is not used up"
    assert store.authenticate(digest("one more")) is None


def test_the_last_use_is_coarse_and_never_goes_back(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    key = first_key(store, market)
    assert key.last_used_at is None
    for seconds, known in ((0, NOW), (1, NOW), (HOUR, NOW + HOUR), (0, NOW + HOUR)):
        time.seconds = NOW + seconds
        store.key_used(market.owner.id, key.id)
        assert store.key(market.owner.id, key.id).last_used_at == known
