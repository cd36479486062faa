"""Two stores on one database, and processes that die: what is decided of a sender, a grant or a place is one thing."""

import inspect
import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import databases
from tests.stores.blocking import Blocking
from tests.stores.conftest import OPENERS, Market, make_market
from tests.stores.making import (
    HOUR,
    NOW,
    USDC,
    SystemTime,
    a_key,
    a_session,
    an_api_key,
    an_id,
    code,
    digest,
)
from tests.stores.making_grants import ALLOWANCE, CHAIN, FREE, SENDER, a_grant, a_relay
from tests.stores.sqlite.processes import Spender
from valetkey.core.audit import GENESIS, Head, verify
from valetkey.core.errors import Contradiction
from valetkey.core.ids import Kind
from valetkey.core.money import Money
from valetkey.core.refusal import Refused
from valetkey.core.session import Usage
from valetkey.core.spend import SpendRequest
from valetkey.ports.accounts import Answer, SessionRecord
from valetkey.ports.following import Place
from valetkey.ports.grants import SignedGrant
from valetkey.ports.ledger import Spend
from valetkey.ports.relays import Relay, RelayLimits
from valetkey.stores.postgres import open_postgres
from valetkey.stores.sqlite import open_store

MANY = 40


@dataclass
class Pair:
    """Two stores, each with connections of its own, in one event loop."""

    here: Blocking
    there: Any
    market: Market

    def both(self, work: Callable[[Any, int], Any], count: int = MANY) -> list[Any]:
        """The answers of so much work, every other one by the other store, all at once."""
        stores = (self.here.store, self.there)
        found = self.here.together(*(work(stores[number % 2], number) for number in range(count)))
        assert not [one for one in found if isinstance(one, BaseException)], found
        return found

    def session(self, budget: int | None = None) -> SessionRecord:
        record = a_session(self.market.owner, budget)
        self.here.add_session(record, digest(record.alias))
        return record

    def told(self, record: SessionRecord) -> Counter[str]:
        """How often each kind of thing is in the tree's chain, which holds."""
        entries = self.here.audit(record.session.owner_id, record.session.tree, 0, 1_000)
        (head,) = self.here.heads(record.session.owner_id, chain_id=record.session.tree)
        assert verify(entries, Head(head.chain_id, 0, GENESIS)) == head
        return Counter(str(entry.kind) for entry, _ in entries)


@pytest.fixture(params=["postgres", "sqlite"])
def pair(request: pytest.FixtureRequest, tmp_path: Path, time: SystemTime) -> Iterator[Pair]:
    opener = OPENERS[request.param]
    here, there = Blocking(opener(tmp_path, time)), opener(tmp_path, time)
    there = here.run(there) if inspect.isawaitable(there) else there
    yield Pair(here, there, make_market(here))
    here.run(there.close())
    here.close()


def test_nonces_of_two_stores_leave_neither_gap_nor_double(pair: Pair) -> None:
    relays = [a_relay() for _ in range(MANY)]
    pair.both(lambda store, number: store.queue_relay(relays[number], FREE))
    given = pair.both(lambda store, number: store.give_nonce(relays[number // 2].id, 5))
    given += pair.both(lambda store, number: store.give_nonce(relays[MANY // 2 + number // 2].id, 7))
    assert {one.nonce for one in given} == set(range(5, 5 + MANY))
    assert len({(one.id, one.nonce) for one in given}) == MANY


def test_limits_hold_over_two_stores(pair: Pair) -> None:
    limits = RelayLimits(100, 40)
    answers = pair.both(
        lambda store, number: store.queue_relay(a_relay(cost_max=7, owner_id=f"agt_{number % 5}"), limits)
    )
    kept = [one for one in answers if isinstance(one, Relay)]
    assert pair.here.relayed_wei(CHAIN, SENDER) == 7 * len(kept) == 98
    assert {code(one) for one in answers if isinstance(one, Refused)} == {"relay_limit"}


def test_a_nonce_that_reaches_two_replicas_gives_one_key(pair: Pair) -> None:
    keys = [an_api_key(pair.market.owner, id=an_id(Kind.SIGN_IN), expires_at=NOW + HOUR) for _ in range(MANY)]

    async def sign_in(store: Any, number: int) -> bool:
        answer = Answer(a_key("nonce", keys[number].id, "sign-in"), 201, b"sealed")
        try:
            return await store.add_api_key(keys[number], digest(keys[number].id), answer=answer) is None
        except Contradiction:
            return False

    given = pair.both(sign_in)
    assert given.count(True) == 1
    listed, total = pair.here.keys(pair.market.owner.id, 50, 0)
    assert (listed[0], total) == (keys[given.index(True)], 2)


def test_a_purpose_is_queued_by_one_of_two_stores(pair: Pair) -> None:
    answers = pair.both(lambda store, _: store.queue_relay(a_relay("revoke 1"), FREE))
    (relay_id,) = {one.id for one in answers}
    pair.here.give_nonce(relay_id, 0)
    signed = pair.both(lambda store, number: store.sign_relay(relay_id, 0, b"%d" % number, f"0x{number}", 5))
    assert len({(one.raw, one.hashes) for one in signed}) == 1


def test_one_place_is_next(pair: Pair) -> None:
    before: Place | None = None
    for round_ in range(5):
        ways = [Place(round_, digest(f"{round_} {number}"), NOW) for number in range(MANY)]
        went = pair.both(lambda store, n, at=before, to=ways: store.follow(CHAIN, ALLOWANCE, at, to[n]))
        assert sum(went) == 1
        before = ways[went.index(True)]
        assert pair.here.followed(CHAIN, ALLOWANCE) == before
    counted = pair.both(lambda store, number: store.counts("hld_1", f"0x{number}"))
    assert sum(counted) == 1


def test_what_two_replicas_saw_is_debited_once(pair: Pair) -> None:
    record = pair.session(5)
    ids = [an_id(Kind.HOLD) for _ in range(4)]
    request = SpendRequest(Money(10, USDC), None, None, "draw")

    def observe(store: Any, number: int) -> Any:
        return store.observe(Spend(record.session.id, ids[number % 4 // 2], request, 0), by="platform")

    answers = pair.both(observe)
    assert {one.hold.id for one in answers} == set(ids[:2])
    assert len({(one.hold.id, one.hold.placed_at) for one in answers}) == 2
    assert pair.here.session(record.session.id).session.usage == Usage(captured=20)
    assert pair.told(record) == {"session_created": 1, "observed": 2}


def test_of_the_grants_that_two_replicas_give_one_is_kept(pair: Pair) -> None:
    for same in (True, False):
        record = pair.session()
        first = a_grant(pair.market.owner, record)
        wanted = [first if same else a_grant(pair.market.owner, record) for _ in range(MANY)]
        answers = pair.both(lambda store, number, w=wanted: store.add_grant(w[number], "key:1"))
        kept = [one for one in answers if isinstance(one, SignedGrant)]
        assert len({one.id for one in kept}) == 1
        assert len(kept) == (MANY if same else 1)
        pair.both(lambda store, _, one=kept[0]: store.grant_known(CHAIN, one.id, NOW), 8)
        pair.both(lambda store, _, one=kept[0]: store.grant_revoked(CHAIN, one.id, NOW), 8)
        told = {"session_created": 1, "grant_given": 1, "grant_known": 1, "grant_revoked": 1}
        assert pair.told(record) == told


def test_REVOKED_IS_DEAD_no_grant_is_forgotten_that_another_replica_gave(pair: Pair) -> None:
    for number in range(12):
        record = pair.session()
        wanted = a_grant(pair.market.owner, record)

        def work(store: Any, turn: int, odd: int = number % 2, w: SignedGrant = wanted) -> Any:
            if turn == odd:
                return store.revoke_session(w.session_id)
            return store.add_grant(w, "key:1")

        pair.both(work, 2)
        due = [one.id for one in pair.here.grants_to_revoke(CHAIN, 100)]
        assert (wanted.id in due) == (pair.here.grant(CHAIN, wanted.id) is not None)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_kill_9_leaves_neither_gap_nor_double(kind: str, tmp_path: Path, time: SystemTime) -> None:
    where = str(tmp_path / "valetkey.db") if kind == "sqlite" else databases().fresh()

    def opened() -> Blocking:
        if kind == "sqlite":
            return Blocking(open_store(Path(where), system_time=time))
        return Blocking(open_postgres(where, system_time=time))

    opened().close()
    order = {"where": where, "tries": 150, "callers": 8}
    victim, other = (Spender("tests.stores.relaying", **order) for _ in range(2))
    for one in (victim, other):
        assert one.line() == "ready"
        one.tell("go")
    told = [victim.line() for _ in range(25)]
    os.kill(victim.process.pid, signal.SIGKILL)
    told += victim.rest() + other.rest()
    assert other.process.returncode == 0, "the locks of the dead are free"
    store = opened()
    kept = {one.id: one for one in store.open_relays(CHAIN, SENDER, 10_000)}
    for line in told:
        relay_id, nonce = line.split()
        assert kept[relay_id].nonce == int(nonce), "acknowledged and lost"
    nonces = sorted(one.nonce for one in kept.values() if one.nonce is not None)
    assert nonces == list(range(3, 3 + len(nonces))), json.dumps(nonces)
    assert len(told) >= 175
    store.close()
