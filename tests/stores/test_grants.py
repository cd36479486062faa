"""Grants: kept once, told once, and stopped with their session, whatever store keeps them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import HOUR, NOW, SystemTime, a_session, an_address, an_id, code, digest
from tests.stores.making_grants import CHAIN, FREE, OTHER_CHAIN, OTHER_SENDER, a_grant, a_relay
from tests.stores.test_trees import a_child
from valetkey.core.audit import Kind as What
from valetkey.core.errors import Contradiction
from valetkey.core.grant import AMOUNT_MAX, NOTHING, unit_for
from valetkey.core.ids import Kind
from valetkey.ports.accounts import Funding, SessionRecord
from valetkey.ports.grants import GrantStatus, SignedGrant
from valetkey.ports.relays import REVOKED_AGAIN_SECONDS, RelayState
from valetkey.wire.grants import grant_hash


@pytest.fixture
def record(store: Blocking, market: Market) -> SessionRecord:
    made = a_session(market.owner)
    store.add_session(made, digest("token"))
    return made


def told(store: Blocking, record: SessionRecord, *kinds: What) -> list[dict[str, Any]]:
    """What the log of the session's tree says of grants."""
    found = store.audit(record.session.owner_id, record.session.tree, 0, 1_000)
    wanted = kinds or (What.GRANT_GIVEN, What.GRANT_KNOWN, What.GRANT_REVOKED)
    return [json.loads(entry.body) for entry, _ in found if entry.kind in wanted]


def given(store: Blocking, market: Market, record: SessionRecord, **fields: Any) -> SignedGrant:
    kept = store.add_grant(a_grant(market.owner, record, **fields), "key:1")
    assert isinstance(kept, SignedGrant), kept
    return kept


# Giving.


def test_a_grant_is_kept_as_it_was_signed(store: Blocking, market: Market, record: SessionRecord) -> None:
    cap = 10**29
    wanted = a_grant(
        market.owner,
        record,
        cap=cap,
        per_spend=AMOUNT_MAX,
        window_cap=cap // 10,
        window_seconds=60,
        valid_after=NOW - 5,
        escrow="0x" + "Ee" * 20,
        payees=digest("tree"),
        predecessor=digest("before"),
        epoch=2**64 - 1,
        unit=unit_for(cap, cap // 10),
        revocation=b"\x03" * 300,
    )
    ignored = replace(wanted, made_at=1, stopped_at=2, known_at=3, revoked_at=4)
    kept = store.add_grant(ignored, "key:1")
    assert kept == replace(wanted, made_at=NOW)
    assert kept.status is GrantStatus.SIGNED
    assert store.grant(CHAIN, wanted.id) == kept
    assert store.grant_of_session(record.session.id, CHAIN) == kept
    assert store.grants_of_owner(market.owner.id, 10, 0) == ([kept], 1)
    assert store.grant(OTHER_CHAIN, wanted.id) is None
    assert store.grant_of_session(record.session.id, OTHER_CHAIN) is None
    assert store.grants_of_owner(market.seller.id, 10, 0) == ([], 0)


def test_the_session_pays_out_of_it_from_then_on(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    other = a_session(market.owner)
    store.add_session(other, digest("other"))
    assert store.session(record.session.id).funding is Funding.WALLET
    given(store, market, record)
    assert store.session(record.session.id).funding is Funding.GRANT
    assert store.authenticate(digest("token")).funding is Funding.GRANT
    assert store.pause_session(record.session.id, paused=True).funding is Funding.GRANT
    assert store.authenticate(digest("other")).funding is Funding.WALLET


@pytest.mark.parametrize("funding", Funding)
def test_funding_is_kept_with_a_session_and_its_successor(
    store: Blocking, market: Market, funding: Funding
) -> None:
    first = a_session(market.owner, funding=funding)
    store.add_session(first, digest("first"))
    assert store.session(first.session.id).funding is funding
    new = a_session(market.owner, funding=funding)
    made = store.rotate_session(first.session.id, new, digest("new"), grace_seconds=60, carry=True)
    assert made.funding is funding
    assert [store.authenticate(digest(token)).funding for token in ("first", "new")] == [funding, funding]
    child = a_child(new.session.id, budget=1)
    assert store.add_children([child])[0].funding is Funding.WALLET


def test_IDEMPOTENT_the_same_grant_is_given_once(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    wanted = a_grant(market.owner, record)
    kept = store.add_grant(wanted, "key:1")
    again = store.together(
        *(store.store.add_grant(replace(wanted, signature=b"x"), "key:2") for _ in range(20))
    )
    assert again == [kept] * 20
    (entry,) = told(store, record)
    assert entry == {
        "grant": "0x" + wanted.id.hex(),
        "chain": CHAIN,
        "contract": wanted.contract,
        "by": "key:1",
        "owner": market.owner.wallet_address,
        "key": record.wallet_address,
        "token": wanted.grant.token,
        "escrow": wanted.grant.escrow,
        "cap": "10000000",
        "per_spend": "1000000",
        "window_cap": "0",
        "window_seconds": "0",
        "valid_after": "0",
        "valid_until": str(NOW + HOUR),
        "payees": "0x" + "00" * 32,
        "predecessor": "0x" + "00" * 32,
        "parent": "0x" + "00" * 32,
        "epoch": "0",
        "unit": "1",
        "salt": "0x" + wanted.grant.salt.hex(),
    }
    # Also after its session ended.
    store.revoke_session(record.session.id)
    assert store.add_grant(wanted, "key:1").id == kept.id


def stop(store: Blocking, time: SystemTime, record: SessionRecord, how: str) -> None:
    match how:
        case "revoked":
            store.revoke_session(record.session.id)
        case "all revoked":
            store.revoke_sessions(record.session.owner_id)
        case "expired":
            time.seconds += HOUR
        case "paused":
            store.pause_session(record.session.id, paused=True)
        case "frozen":
            store.freeze(record.session.owner_id, frozen=True)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("nothing", None),
        ("paused", None),
        ("frozen", None),
        ("revoked", "session_revoked"),
        ("all revoked", "session_revoked"),
        ("expired", "session_expired"),
    ],
)
@pytest.mark.parametrize("below", [False, True], ids=["itself", "above it"])
def test_whether_a_session_gets_a_grant(
    store: Blocking,
    market: Market,
    time: SystemTime,
    record: SessionRecord,
    how: str,
    expected: str | None,
    below: bool,
) -> None:
    mine = record
    if below:
        (mine,) = store.add_children([a_child(record.session.id, budget=1)])
    stop(store, time, record, how)
    answer = store.add_grant(a_grant(market.owner, mine), "key:1")
    if expected is None:
        assert isinstance(answer, SignedGrant)
        return
    assert code(answer) == expected
    assert store.session(mine.session.id).funding is Funding.WALLET
    assert told(store, record) == []
    assert store.grant_of_session(mine.session.id, CHAIN) is None


def test_one_grant_at_a_time_and_its_successor(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    first = given(store, market, record)
    other = a_grant(market.owner, record)
    assert code(store.add_grant(other, "key:1")) == "grant_exists"
    # Of another chain it is another matter, whatever it names.
    given(store, market, record, chain_id=OTHER_CHAIN)
    store.grant_known(CHAIN, first.id, NOW)
    assert code(store.add_grant(other, "key:1")) == "grant_exists"
    second = given(store, market, record, predecessor=grant_hash(first.grant))
    assert store.grant_of_session(record.session.id, CHAIN) == second
    # Only the last one has a successor.
    late = a_grant(market.owner, record, predecessor=grant_hash(first.grant))
    assert code(store.add_grant(late, "key:1")) == "grant_exists"
    assert code(store.add_grant(replace(other, id=digest("x")), "key:1")) == "grant_exists"
    store.grant_revoked(CHAIN, second.id, NOW)
    third = given(store, market, record)
    assert store.grant_of_session(record.session.id, CHAIN) == third
    found, total = store.grants_of_owner(market.owner.id, 2, 0)
    assert ([one.id for one in found], total) == ([third.id, second.id], 4)
    rest, _ = store.grants_of_owner(market.owner.id, 10, 2)
    assert rest[-1].id == first.id
    assert len(told(store, record, What.GRANT_GIVEN)) == 4


def test_a_rotation_gives_the_new_session_a_grant_of_its_own(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    first = given(store, market, record)
    new = a_session(market.owner, funding=Funding.GRANT)
    store.rotate_session(record.session.id, new, digest("new"), grace_seconds=60, carry=True)
    second = given(store, market, new, predecessor=grant_hash(first.grant))
    assert store.grant_of_session(record.session.id, CHAIN) == first
    assert store.grant_of_session(new.session.id, CHAIN) == second
    assert [one["by"] for one in told(store, record, What.GRANT_GIVEN)] == ["key:1", "key:1"]


def test_what_cannot_be_given(store: Blocking, market: Market, record: SessionRecord) -> None:
    wanted = a_grant(market.owner, record)
    other = a_session(market.owner)
    store.add_session(other, digest("other"))
    with pytest.raises(Contradiction, match="no such session"):
        store.add_grant(replace(wanted, session_id=an_id(Kind.SESSION)), "key:1")
    with pytest.raises(Contradiction, match="owner"):
        store.add_grant(replace(wanted, owner_id=market.seller.id), "key:1")
    with pytest.raises(Contradiction):
        store.add_grant(replace(wanted, id=b"short"), "key:1")
    assert store.session(record.session.id).funding is Funding.WALLET
    assert told(store, record) == []
    store.add_grant(wanted, "key:1")
    with pytest.raises(Contradiction, match="another session"):
        store.add_grant(replace(wanted, session_id=other.session.id), "key:1")


# What the chain shows.


def test_what_final_blocks_show_is_told_once(store: Blocking, market: Market, record: SessionRecord) -> None:
    one = given(store, market, record)
    store.grant_known(CHAIN, one.id, NOW + 7)
    store.grant_known(CHAIN, one.id, NOW + 8)
    known = replace(one, known_at=NOW + 7)
    assert (store.grant(CHAIN, one.id), known.status) == (known, GrantStatus.KNOWN)
    store.together(*(store.store.grant_revoked(CHAIN, one.id, NOW + 9) for _ in range(5)))
    store.grant_revoked(CHAIN, one.id, NOW + 99)
    store.grant_known(CHAIN, one.id, NOW + 99)
    revoked = replace(known, revoked_at=NOW + 9)
    assert (store.grant(CHAIN, one.id), revoked.status) == (revoked, GrantStatus.REVOKED)
    named = {"grant": "0x" + one.id.hex(), "chain": CHAIN, "by": "platform"}
    assert told(store, record, What.GRANT_KNOWN) == [{**named, "block_time": NOW + 7}]
    assert told(store, record, What.GRANT_REVOKED) == [{**named, "block_time": NOW + 9}]


def test_of_a_grant_that_is_not_kept_nothing_is_told(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    one = given(store, market, record)
    for method in (store.grant_known, store.grant_revoked):
        method(OTHER_CHAIN, one.id, NOW)
        method(CHAIN, digest("nobody's"), NOW)
    assert store.grant(CHAIN, one.id) == one
    assert len(told(store, record)) == 1


def test_an_owner_revokes_everything_of_the_epochs_before(store: Blocking, market: Market) -> None:
    made = {}
    for name, fields in {
        "epoch 0": {},
        "epoch 1": {"epoch": 1},
        "epoch 2": {"epoch": 2},
        "far": {"epoch": 2**64 - 1},
        "another chain": {"chain_id": OTHER_CHAIN},
        "another account": {"owner": an_address()},
    }.items():
        record = a_session(market.owner)
        store.add_session(record, digest(record.alias))
        made[name] = given(store, market, record, **fields)
    shouted = "0x" + market.owner.wallet_address[2:].upper()
    store.owner_revoked_all(CHAIN, shouted, 2, NOW + 5)
    store.owner_revoked_all(CHAIN, shouted, 2, NOW + 6)
    store.owner_revoked_all(CHAIN, an_address(), 99, NOW)
    found = {name: store.grant(one.chain_id, one.id).revoked_at for name, one in made.items()}
    assert found == {
        "epoch 0": NOW + 5,
        "epoch 1": NOW + 5,
        "epoch 2": None,
        "far": None,
        "another chain": None,
        "another account": None,
    }


# What is to be revoked.


def due(store: Blocking, limit: int = 100) -> list[bytes]:
    return [one.id for one in store.grants_to_revoke(CHAIN, limit)]


def test_grants_of_revoked_sessions_are_to_be_revoked_the_oldest_first(
    store: Blocking, market: Market, time: SystemTime
) -> None:
    records, ids = [], []
    for _ in range(4):
        record = a_session(market.owner)
        store.add_session(record, digest(record.alias))
        records.append(record)
        ids.append(given(store, market, record).id)
    given(store, market, records[0], chain_id=OTHER_CHAIN)
    assert due(store) == []
    for number in (2, 0, 1):
        time.seconds += 5
        store.revoke_session(records[number].session.id)
    assert due(store) == [ids[2], ids[0], ids[1]]
    assert due(store, 2) == [ids[2], ids[0]]
    stopped = store.grant(CHAIN, ids[2])
    assert (stopped.stopped_at, stopped.status) == (NOW + 5, GrantStatus.REVOKING)
    assert store.grants_to_revoke(CHAIN, 1) == [stopped]
    store.grant_revoked(CHAIN, ids[2], NOW)
    assert due(store) == [ids[0], ids[1]]
    store.pause_session(records[3].session.id, paused=True)
    store.freeze(market.owner.id, frozen=True)
    assert ids[3] not in due(store)
    store.revoke_sessions(market.owner.id)
    assert due(store) == [ids[0], ids[1], ids[3]]


def test_what_is_below_a_revoked_session_is_to_be_revoked_with_it(
    store: Blocking, market: Market, time: SystemTime, record: SessionRecord
) -> None:
    child, grandchild, brother = (a_child(record.session.id, budget=1) for _ in range(3))
    grandchild = replace(grandchild, parent_id=child.id)
    made = store.add_children([child, grandchild, brother])
    root, *below = [given(store, market, one) for one in (record, *made)]
    store.revoke_session(grandchild.id)
    assert due(store) == [below[1].id]
    time.seconds += 5
    store.revoke_session(child.id)
    assert due(store) == [below[1].id, below[0].id]
    assert [store.grant(CHAIN, one.id).stopped_at for one in (root, *below)] == [None, NOW + 5, NOW, None]
    store.revoke_session(record.session.id)
    assert set(due(store)) == {one.id for one in (root, *below)}


def test_a_session_in_its_grace_stops_with_the_one_that_took_its_place(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    first = given(store, market, record)
    new = a_session(market.owner, funding=Funding.GRANT)
    store.rotate_session(record.session.id, new, digest("new"), grace_seconds=60, carry=True)
    second = given(store, market, new, predecessor=grant_hash(first.grant))
    store.revoke_session(new.session.id)
    assert set(due(store)) == {first.id, second.id}


@pytest.mark.parametrize(
    ("state", "fields", "hides"),
    [
        (RelayState.QUEUED, {}, True),
        (RelayState.SIGNED, {}, True),
        (RelayState.DONE, {}, True),
        (RelayState.FAILED, {}, False),
        (RelayState.DROPPED, {}, False),
        (RelayState.QUEUED, {"sender": OTHER_SENDER}, True),
        (RelayState.QUEUED, {"chain_id": OTHER_CHAIN}, False),
    ],
)
def test_a_revocation_is_asked_for_until_somebody_queued_it(
    store: Blocking,
    market: Market,
    time: SystemTime,
    record: SessionRecord,
    state: RelayState,
    fields: dict[str, Any],
    hides: bool,
) -> None:
    one = given(store, market, record)
    store.revoke_session(record.session.id)
    relay = a_relay(f"revoke {one.id.hex()}", **fields)
    store.queue_relay(relay, FREE)
    if state is RelayState.SIGNED:
        store.give_nonce(relay.id, 0)
        store.sign_relay(relay.id, 0, b"raw", "0x1", 5)
    elif state is not RelayState.QUEUED:
        store.end_relay(relay.id, state)
    assert store.relay(relay.id).state is state
    here = relay.chain_id == CHAIN
    time.seconds += REVOKED_AGAIN_SECONDS - 1
    assert due(store) == ([] if here else [one.id]), "one that came to nothing keeps no other one waiting"
    time.seconds += 1
    assert due(store) == ([] if hides else [one.id])


# At once.


def test_of_several_grants_at_once_one_is_given(
    store: Blocking, market: Market, record: SessionRecord
) -> None:
    wanted = [a_grant(market.owner, record) for _ in range(12)]
    answers = store.together(*(store.store.add_grant(one, "key:1") for one in wanted))
    (kept,) = [one for one in answers if isinstance(one, SignedGrant)]
    assert {code(one) for one in answers if one is not kept} == {"grant_exists"}
    assert store.grants_of_owner(market.owner.id, 10, 0) == ([kept], 1)
    assert len(told(store, record)) == 1


def test_REVOKED_IS_DEAD_a_grant_is_given_before_the_revocation_or_not_at_all(
    store: Blocking, market: Market
) -> None:
    for number in range(20):
        record = a_session(market.owner)
        store.add_session(record, digest(record.alias))
        wanted = a_grant(market.owner, record)
        work: list[Any] = [
            store.store.add_grant(wanted, "key:1"),
            store.store.revoke_session(record.session.id),
        ]
        if number % 2:
            work.reverse()
        answers = store.together(*work)
        answer = answers[number % 2]
        if isinstance(answer, SignedGrant):
            assert wanted.id in due(store), "nobody would ever revoke it"
        else:
            assert code(answer) == "session_revoked"
            assert store.grant(CHAIN, wanted.id) is None


def test_what_was_given_and_shown_outlives_the_process(
    opener: Callable[[Path, SystemTime], Any],
    tmp_path: Path,
    time: SystemTime,
    store: Blocking,
    market: Market,
) -> None:
    record = a_session(market.owner)
    store.add_session(record, digest("token"))
    one = given(store, market, record, predecessor=NOTHING)
    store.grant_known(CHAIN, one.id, NOW)
    if store.store.__class__.__name__ == "SqliteStore" and not (tmp_path / "valetkey.db").exists():
        return
    again = Blocking(opener(tmp_path, time))
    assert again.grant(CHAIN, one.id) == replace(one, known_at=NOW)
    assert again.session(record.session.id).funding is Funding.GRANT
    again.close()
