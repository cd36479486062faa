"""An attacker's purchases, however many, do not delay a victim's: the real store, a chain that a test shows.

Looks are counted, and time passes only when the test says so.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market, make_market
from tests.stores.making import NOW, SystemTime, a_purchase, a_session, allowed, an_agent, an_api_key, digest
from tests.stores.test_change import UNPAID, fund
from valetkey.core.agent import Agent
from valetkey.core.escrow import Escrow, EscrowStatus
from valetkey.core.spend import HoldState
from valetkey.core.transaction import Transaction
from valetkey.engine.reconciler import BATCH, LOOKS_PER_SECOND, Reconciler
from valetkey.engine.settlement import Settlement
from valetkey.ports.chain import Block, ChainReader
from valetkey.ports.ledger import BUYER_LOOKS_PER_SECOND, Waiting
from valetkey.stores.sqlite import open_store

INTERVAL = 2
CROWD = 10_000
SEVERAL = 3


class Chain:
    """Shows the escrows that were paid, and counts who was looked up."""

    def __init__(self, time: SystemTime) -> None:
        self.time = time
        self.paid: dict[str, Escrow] = {}
        self.looks: Counter[str] = Counter()

    async def final(self) -> Block:
        return Block(1, int(self.time.seconds))

    async def escrow(self, transaction_id: str, *, at_block: int | None = None) -> Escrow | None:
        assert at_block == 1
        self.looks[transaction_id] += 1
        return self.paid.get(transaction_id)

    def pay(self, transaction: Transaction) -> None:
        self.paid[transaction.id] = Escrow(
            buyer=transaction.buyer_address,
            seller=transaction.seller_address,
            token=transaction.total.asset.address,
            locked_amount=transaction.total.units,
            platform_fee=0,
            status=EscrowStatus.FUNDED,
            created_at=NOW,
            deadline=NOW,
            dispute_window=0,
            abandonment_grace=0,
            delivered_at=0,
            proof_hash=bytes(32),
            criteria_hash=bytes(32),
        )


class Scene:
    """A store, its reconciler, and purchases by anybody. The nodes' pace is counted here instead of waited for."""

    def __init__(self, folder: Path) -> None:
        self.time = SystemTime()
        self.store = Blocking(open_store(folder / "valetkey.db", system_time=self.time))
        self.market: Market = make_market(self.store)
        self.chain = Chain(self.time)
        self.told: list[tuple[str, str]] = []
        store = self.store.store
        self.reconciler = Reconciler(
            store,
            Settlement(store, store, store.clock),
            {"base-sepolia": cast(ChainReader, self.chain)},
            observer=lambda outcome, transaction: self.told.append((outcome, transaction.id)),
            looks_per_second=10**9,
        )

    def agent(self) -> Agent:
        agent = an_agent()
        self.store.add_agent(agent, digest(agent.id), an_api_key(agent))
        return agent

    def buy(self, owner: Agent, count: int = 1, **fields: Any) -> list[Transaction]:
        """Purchases of a new session, made at once."""
        session = a_session(owner, None)
        self.store.add_session(session, digest(session.alias))
        made = [a_purchase(self.market.service, owner, session, 1, **fields) for _ in range(count)]
        return [allowed(one) for one in self.all(self.store.store.place(one, None) for one in made)]

    def announce(self, bought: list[Transaction]) -> None:
        self.all(self.store.store.mark_signed(one.id) for one in bought)

    def all(self, work: Any) -> list[Any]:
        """What each answers, some hundreds at once."""
        work, answers = list(work), []
        for first in range(0, len(work), 500):
            answers += self.store.together(*work[first : first + 500])
        return answers

    def look(self) -> int:
        """What the reconciler does within one interval, at most as much as its pace allows; how many looks."""
        before = self.chain.looks.total()
        while self.store.run(self.reconciler.step(INTERVAL)):
            if self.chain.looks.total() - before > (LOOKS_PER_SECOND * INTERVAL) - BATCH:
                break
        self.time.seconds += INTERVAL
        return self.chain.looks.total() - before


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize("announced", [False, True])
def test_ten_thousand_unpaid_checkouts_do_not_delay_a_victim_s_signed_payment(
    scene: Scene, announced: bool
) -> None:
    """Also when the attacker claims to have signed each of them: claiming costs nothing."""
    attacker = scene.agent()
    crowd = [one for _ in range(10) for one in scene.buy(attacker, CROWD // 10)]
    if announced:
        scene.announce(crowd)
    looks = [scene.look() for _ in range(3)]
    (victim,) = scene.buy(scene.agent())
    scene.look()
    scene.announce([victim])
    scene.chain.pay(victim)
    looks += [scene.look(), scene.look()]
    assert scene.told == [("captured", victim.id)]
    assert scene.store.hold(victim.hold_id).state is HoldState.CAPTURED
    # The crowd is looked up, in turn, and costs the node no more than one buyer may.
    assert max(looks) <= INTERVAL * BUYER_LOOKS_PER_SECOND + 2 * SEVERAL
    assert min(looks) >= INTERVAL * BUYER_LOOKS_PER_SECOND - SEVERAL
    assert max(scene.chain.looks[one.id] for one in crowd) == 1


def test_a_victim_that_never_announced_is_found_as_well(scene: Scene) -> None:
    (victim,) = scene.buy(scene.agent())
    scene.buy(scene.agent(), CROWD)
    scene.look()
    scene.chain.pay(victim)
    scene.look()
    assert scene.told == [("captured", victim.id)]


def test_a_hundred_attackers_starve_no_class(scene: Scene) -> None:
    """More signed claims than the node may be asked for: pending, ended and paid ones keep their shares."""
    crowd = [one for _ in range(100) for one in scene.buy(scene.agent(), 30)]
    scene.announce(crowd)
    pending, late, followed = (scene.buy(scene.agent())[0] for _ in range(3))
    scene.store.change(late.id, UNPAID)
    scene.store.change(followed.id, fund(units=1))
    for one in (pending, late, followed):
        scene.chain.pay(one)
    scene.time.seconds += 60
    scene.look()
    assert sorted(scene.told) == sorted([("captured", pending.id), ("captured", late.id)])
    assert scene.chain.looks[followed.id] >= 1
    assert scene.chain.looks.total() >= BATCH


def test_ended_checkouts_are_looked_up_ever_less(scene: Scene) -> None:
    """A week of looks at one: some at once, then fewer and fewer; what is paid late is found all the same."""
    (late,) = scene.buy(scene.agent())
    end, looks = late.checkout_ends_at, []
    for at in (0, 600, 3_600, 86_400, 6 * 86_400):
        scene.time.seconds = end + at
        before = scene.chain.looks[late.id]
        for _ in range(600 // INTERVAL):
            scene.look()
        looks.append(scene.chain.looks[late.id] - before)
    assert looks == sorted(looks, reverse=True)
    assert looks[-2:] == [1, 1]
    scene.chain.pay(late)
    scene.time.seconds = end + 6 * 86_400 + 7 * 3_600
    scene.look()
    assert scene.told == [("expired", late.id), ("captured", late.id)]


@pytest.mark.slow
def test_a_hundred_thousand_that_wait_are_read_through_an_index(scene: Scene) -> None:
    """No more than the batch is read: SQLite's own count of the steps that it takes stays small."""
    for _ in range(10):
        attacker = scene.agent()
        scene.announce(scene.buy(attacker, 5_000))
        scene.buy(attacker, 5_000)
    scene.time.seconds += 86_400

    async def counted() -> tuple[list[Waiting], int]:
        steps = 0

        def count() -> bool:
            nonlocal steps
            steps += 1
            return False

        database = scene.store.store._database
        idle = [database.readers._idle.get() for _ in range(database.readers._size)]
        for connection in idle:
            connection.set_progress_handler(count, 100)
            database.readers._idle.put(connection)
        found = await scene.store.store.awaiting_proof(BATCH)
        return found, steps * 100

    found, steps = scene.store.run(counted())
    assert Counter(one.signed for one in found) == {True: BATCH * 4 // 5, False: BATCH // 5}
    assert steps < 20_000
