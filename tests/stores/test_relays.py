"""The relayer's queue: one nonce for each, limits that hold, bytes that are never lost, whatever store keeps it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.making import NOW, SystemTime, code
from tests.stores.making_grants import CHAIN, FREE, OTHER_CHAIN, OTHER_SENDER, SENDER, a_relay
from valetkey.core.errors import Contradiction
from valetkey.ports.relays import DAY_SECONDS, Relay, RelayLimits, RelayState

QUEUED, SIGNED, DONE, FAILED, DROPPED = RelayState


def queued(store: Blocking, relay: Relay) -> Relay:
    assert store.queue_relay(relay, FREE) == relay
    return relay


def brought(store: Blocking, relay: Relay, state: RelayState, cost: int = 0) -> Relay:
    """Queue it and bring it to a state."""
    queued(store, relay)
    if state is SIGNED:
        store.give_nonce(relay.id, 0)
        store.sign_relay(relay.id, 0, b"raw", "0x" + relay.id.encode().hex(), relay.cost_max)
    elif state is not QUEUED:
        store.end_relay(relay.id, state, cost=cost)
    found: Relay = store.relay(relay.id)
    assert found.state is state
    return found


def test_a_relay_is_kept_as_it_was_wanted(store: Blocking) -> None:
    wanted = a_relay(
        "revoke 12",
        10**30,
        session_id="ses_1",
        until=NOW + 60,
        needs="register 12",
        data=bytes(range(256)) * 40,
    )
    queued(store, wanted)
    assert store.relay(wanted.id) == wanted
    assert store.relay_of_purpose(CHAIN, SENDER, "revoke 12") == wanted
    assert store.open_relays(CHAIN, SENDER, 10) == [wanted]
    for chain, sender in ((OTHER_CHAIN, SENDER), (CHAIN, OTHER_SENDER)):
        assert store.relay_of_purpose(chain, sender, "revoke 12") is None
        assert store.open_relays(chain, sender, 10) == []
    assert store.relay("rly_nobody") is None


@pytest.mark.parametrize("state", RelayState)
def test_a_purpose_is_wanted_once_until_it_came_to_nothing(store: Blocking, state: RelayState) -> None:
    first = brought(store, a_relay("fund txn_1"), state)
    again = a_relay("fund txn_1")
    answer = store.queue_relay(again, RelayLimits(0, 0) if state in (QUEUED, SIGNED, DONE) else FREE)
    assert answer == (again if state in (FAILED, DROPPED) else first)
    assert store.relay_of_purpose(CHAIN, SENDER, "fund txn_1") == answer
    for fields in ({"sender": OTHER_SENDER}, {"chain_id": OTHER_CHAIN}):
        queued(store, a_relay("fund txn_1", **fields))


def test_an_id_is_taken_once(store: Blocking) -> None:
    first = queued(store, a_relay())
    with pytest.raises(Contradiction):
        store.queue_relay(replace(first, purpose="another"), FREE)
    assert store.relay(first.id) == first


@pytest.mark.parametrize(
    ("limits", "units", "owner", "refused"),
    [
        (RelayLimits(None, None), 10**30, "agt_1", None),
        (RelayLimits(100, None), 40, "agt_1", None),
        (RelayLimits(100, None), 41, "agt_1", "relayer: all"),
        (RelayLimits(100, None), 41, "agt_2", "relayer: all"),
        (RelayLimits(None, 50), 20, "agt_1", None),
        (RelayLimits(None, 50), 21, "agt_1", "relayer: one owner"),
        (RelayLimits(None, 50), 20, "agt_2", None),
        (RelayLimits(None, 50), 21, "agt_2", "relayer: one owner"),
        (RelayLimits(0, 0), 0, "agt_3", "relayer: all"),
        (RelayLimits(100, 0), 1, "agt_3", "relayer: one owner"),
        (RelayLimits(100, 0), 0, "agt_3", None),
    ],
)
def test_what_it_may_spend(
    store: Blocking, limits: RelayLimits, units: int, owner: str, refused: str | None
) -> None:
    """30 of each of two owners are spent or wanted: open ones count as what they may take, others as what they took."""
    brought(store, a_relay(cost_max=10), QUEUED)
    brought(store, a_relay(cost_max=999), DONE, cost=20)
    brought(store, a_relay(cost_max=10, owner_id="agt_2"), SIGNED)
    brought(store, a_relay(cost_max=999, owner_id="agt_2"), FAILED, cost=20)
    brought(store, a_relay(cost_max=999), DROPPED)
    brought(store, a_relay(cost_max=999, sender=OTHER_SENDER), QUEUED)
    brought(store, a_relay(cost_max=999, chain_id=OTHER_CHAIN), DONE, cost=999)
    assert store.relayed_wei(CHAIN, SENDER) == 60
    assert store.relayed_wei(CHAIN, SENDER, "agt_1") == store.relayed_wei(CHAIN, SENDER, "agt_2") == 30
    wanted = a_relay(cost_max=units, owner_id=owner)
    answer = store.queue_relay(wanted, limits)
    if refused is None:
        assert answer == wanted
        return
    assert (code(answer), answer.first.rule) == ("relay_limit", refused)
    assert store.relay(wanted.id) is None
    assert store.relayed_wei(CHAIN, SENDER) == 60


def test_wei_beyond_63_bits_is_exact(store: Blocking) -> None:
    brought(store, a_relay(cost_max=1), DONE, cost=2**70)
    brought(store, a_relay(cost_max=2**64 + 1), QUEUED)
    assert store.relayed_wei(CHAIN, SENDER) == 2**70 + 2**64 + 1
    room = RelayLimits(2**70 + 2**64 + 2, None)
    assert code(store.queue_relay(a_relay(cost_max=2), room)) == "relay_limit"
    assert isinstance(store.queue_relay(a_relay(cost_max=1), room), Relay)


def test_24_hours_slide_and_what_is_open_still_counts(store: Blocking, time: SystemTime) -> None:
    brought(store, a_relay(cost_max=5), DONE, cost=7)
    brought(store, a_relay(cost_max=11), QUEUED)
    brought(store, a_relay(cost_max=13), SIGNED)
    time.seconds += DAY_SECONDS - 1
    assert store.relayed_wei(CHAIN, SENDER) == 31
    time.seconds += 1
    assert store.relayed_wei(CHAIN, SENDER) == 24
    assert store.relayed_wei(CHAIN, SENDER, "agt_1") == 24
    assert store.relayed_wei(CHAIN, SENDER, "agt_2") == 0


def test_nonces_follow_each_other_from_what_the_chain_counts(store: Blocking) -> None:
    relays = [queued(store, a_relay()) for _ in range(6)]
    given = [
        store.give_nonce(relay.id, at_least).nonce
        for relay, at_least in zip(relays, (7, 0, 7, 8, 20, 0), strict=True)
    ]
    assert given == [7, 8, 9, 10, 20, 21]
    assert [store.give_nonce(relay.id, 99).nonce for relay in relays] == given
    for fields in ({"sender": OTHER_SENDER}, {"chain_id": OTHER_CHAIN}):
        assert store.give_nonce(queued(store, a_relay(**fields)).id, 3).nonce == 3
    last = queued(store, a_relay())
    assert store.give_nonce(last.id, 0).nonce == 22


@pytest.mark.parametrize("state", [DONE, FAILED, DROPPED])
def test_what_is_over_gets_no_nonce_and_no_bytes(store: Blocking, state: RelayState) -> None:
    over = brought(store, a_relay(), state)
    assert store.give_nonce(over.id, 5) == over
    assert store.sign_relay(over.id, 0, b"raw", "0x1", 5) == over
    assert store.give_nonce(queued(store, a_relay()).id, 0).nonce == 0


def test_open_ones_come_by_nonce_and_then_as_they_were_wanted(store: Blocking) -> None:
    first, second, third, fourth, fifth = (queued(store, a_relay()) for _ in range(5))
    store.give_nonce(fourth.id, 9)
    store.give_nonce(second.id, 9)
    store.end_relay(third.id, DROPPED)
    found = [one.id for one in store.open_relays(CHAIN, SENDER, 10)]
    assert found == [fourth.id, second.id, first.id, fifth.id]
    assert [one.id for one in store.open_relays(CHAIN, SENDER, 2)] == found[:2]


def test_bytes_are_kept_in_turn(store: Blocking, time: SystemTime) -> None:
    one = queued(store, a_relay())
    assert store.sign_relay(one.id, 0, b"early", "0x0", 5) == one, "nothing is signed without a nonce"
    store.give_nonce(one.id, 4)
    time.seconds += 3
    first = store.sign_relay(one.id, 0, b"first", "0x1", 2**65)
    assert first == replace(
        one,
        state=SIGNED,
        nonce=4,
        raw=b"first",
        hashes=("0x1",),
        cost_max=2**65,
        signed_at=NOW + 3,
    )
    assert store.relay(one.id) == first
    # Another replica signed meanwhile, or the answer was lost: what is kept is answered.
    assert store.sign_relay(one.id, 0, b"other", "0x2", 1) == first
    assert store.sign_relay(one.id, 2, b"other", "0x2", 1) == first
    time.seconds += 60
    second = store.sign_relay(one.id, 1, b"second", "0x2", 2**66)
    assert (second.raw, second.hashes, second.signed_at) == (b"second", ("0x1", "0x2"), NOW + 63)
    assert store.give_nonce(one.id, 99) == second


@pytest.mark.parametrize("state", [DONE, FAILED, DROPPED])
def test_the_end_stays(store: Blocking, state: RelayState) -> None:
    one = queued(store, a_relay())
    ended = store.end_relay(one.id, state, block=12, cost=2**65, reason="because")
    assert ended == replace(one, state=state, block=12, cost=2**65, reason="because")
    for other in (DONE, FAILED, DROPPED):
        assert store.end_relay(one.id, other, block=13, cost=1, reason="other") == ended
    assert store.relay(one.id) == ended
    assert store.open_relays(CHAIN, SENDER, 10) == []


def test_one_with_a_nonce_is_not_dropped(store: Blocking) -> None:
    one = queued(store, a_relay())
    with_nonce = store.give_nonce(one.id, 0)
    assert store.end_relay(one.id, DROPPED, reason="too late") == with_nonce
    signed = store.sign_relay(one.id, 0, b"raw", "0x1", 5)
    assert store.end_relay(one.id, DROPPED, reason="too late") == signed
    assert store.end_relay(one.id, FAILED, block=3, cost=4).state is FAILED


def test_what_was_done_in_a_block_that_is_gone_is_open_again(store: Blocking) -> None:
    relays = [queued(store, a_relay(cost_max=50)) for _ in range(6)]
    signed = []
    for one in relays:
        nonce = store.give_nonce(one.id, 4).nonce
        signed.append(store.sign_relay(one.id, 0, b"raw", f"0x{nonce}", 50))
    for one, state in ((0, DONE), (1, DONE), (2, FAILED), (3, DONE)):
        store.end_relay(relays[one].id, state, block=12, cost=2)
    assert store.relayed_wei(CHAIN, SENDER) == 108
    failed = store.relay(relays[2].id)
    found = store.reopen_relays(CHAIN, SENDER, 5, 8)
    assert found == [signed[1], failed, signed[3]]
    assert store.open_relays(CHAIN, SENDER, 10) == [signed[1], signed[3], signed[4], signed[5]]
    assert store.relay(relays[0].id).state is DONE, "the chain still counts its nonce"
    assert store.relayed_wei(CHAIN, SENDER) == 204, "what is open counts as what it may take"
    assert store.reopen_relays(CHAIN, SENDER, 5, 8) == found
    assert store.reopen_relays(CHAIN, OTHER_SENDER, 0, 99) == []
    assert store.reopen_relays(OTHER_CHAIN, SENDER, 0, 99) == []
    assert store.end_relay(relays[1].id, DONE, block=13, cost=3).block == 13


@pytest.mark.parametrize("state", [QUEUED, SIGNED])
def test_an_end_is_an_end(store: Blocking, state: RelayState) -> None:
    one = queued(store, a_relay())
    with pytest.raises(Contradiction):
        store.end_relay(one.id, state)
    assert store.relay(one.id) == one


@pytest.mark.parametrize(
    ("method", "more"), [("give_nonce", (0,)), ("sign_relay", (0, b"", "0x1", 1)), ("end_relay", (DONE,))]
)
def test_what_nobody_wanted(store: Blocking, method: str, more: tuple[Any, ...]) -> None:
    with pytest.raises(Contradiction, match="no such relay"):
        getattr(store, method)("rly_nobody", *more)


# At once.


def test_nonces_at_once_leave_neither_gap_nor_double(store: Blocking) -> None:
    relays = [queued(store, a_relay()) for _ in range(40)]
    answers = store.together(
        *(store.store.give_nonce(relay.id, 5) for relay in relays for _ in range(2)),
    )
    assert sorted({one.nonce for one in answers}) == list(range(5, 45))
    assert len({(one.id, one.nonce) for one in answers}) == 40


def test_limits_hold_at_once(store: Blocking) -> None:
    limits = RelayLimits(100, 40)
    wanted = [a_relay(cost_max=7, owner_id=f"agt_{number % 4}") for number in range(60)]
    answers = store.together(*(store.store.queue_relay(one, limits) for one in wanted))
    kept = [one for one in answers if isinstance(one, Relay)]
    assert store.relayed_wei(CHAIN, SENDER) == 7 * len(kept) == 98
    assert all(store.relayed_wei(CHAIN, SENDER, f"agt_{number}") <= 40 for number in range(4))
    assert {code(one) for one in answers if not isinstance(one, Relay)} == {"relay_limit"}


def test_one_of_many_of_a_purpose_is_wanted_and_signed_once(store: Blocking) -> None:
    wanted = [a_relay("revoke 1") for _ in range(20)]
    answers = store.together(*(store.store.queue_relay(one, FREE) for one in wanted))
    (relay_id,) = {one.id for one in answers}
    store.give_nonce(relay_id, 0)
    signed = store.together(*(store.store.sign_relay(relay_id, 0, b"%d" % n, f"0x{n}", 5) for n in range(20)))
    assert len(set(signed)) == 1
    assert len(signed[0].hashes) == 1
