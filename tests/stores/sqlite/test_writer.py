"""Group commit: jobs share a commit and nothing else; what cannot be kept is told to everybody whom it concerns."""

import asyncio
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.stores.blocking import Blocking
from tests.stores.making import DAY, NOW, SystemTime, a_key, a_purchase, allowed, code
from tests.stores.sqlite.conftest import Open
from tests.stores.sqlite.test_races import assert_sums_agree, prepare
from valetkey.core.errors import Contradiction, EnvironmentFailure
from valetkey.core.transaction import Transaction
from valetkey.stores.clock import StoreClock
from valetkey.stores.failures import StoreClosed, StoreFailed, StoreFull
from valetkey.stores.sqlite import open_store
from valetkey.stores.sqlite.book import SqliteBook
from valetkey.stores.sqlite.files import connect, create_file, migrate
from valetkey.stores.sqlite.writer import Writer

Work = Callable[[apsw.Connection, int], Any]


class Bench:
    """A writer on a table of numbers, whose thread a test can hold so that jobs pile up into one batch."""

    def __init__(self, path: Path, **bounds: int) -> None:
        create_file(path)
        db = connect(path, writing=True)
        migrate(db)
        db.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY) STRICT")
        self.looker = connect(path, writing=False)
        self.clock = StoreClock(SystemTime())
        self.writer = Writer(db, self.clock, SqliteBook, **bounds)
        self.gate = threading.Event()

    def hold(self, db: apsw.Connection, now: int) -> None:
        assert self.gate.wait(10)

    async def pile_up(self, *jobs: Work) -> list[Any]:
        """What each job answered or raised, all of them in one batch."""
        holding = asyncio.ensure_future(self.writer.write(self.hold))
        await asyncio.sleep(0.05)
        waiting = [asyncio.ensure_future(self.writer.write(job)) for job in jobs]
        await asyncio.sleep(0)
        self.gate.set()
        await holding
        return await asyncio.gather(*waiting, return_exceptions=True)

    def numbers(self) -> list[Any]:
        return [n for (n,) in self.looker.execute("SELECT n FROM numbers ORDER BY n").fetchall()]


@pytest.fixture
def bench(path: Path) -> Iterator[Bench]:
    made = Bench(path)
    yield made
    made.gate.set()
    made.writer.close()
    made.looker.close()


def add(number: int) -> Work:
    def work(db: apsw.Connection, now: int) -> int:
        db.execute("INSERT INTO numbers VALUES (?)", (number,))
        return number

    return work


def add_and_break(number: int, error: Exception) -> Work:
    def work(db: apsw.Connection, now: int) -> None:
        add(number)(db, now)
        raise error

    return work


def end_transaction(db: apsw.Connection, now: int) -> None:
    """What SQLite does by itself when the disk is full in the middle of a statement."""
    db.execute("ROLLBACK")
    raise apsw.FullError("database or disk is full")


def count_commits(db: apsw.Connection, counted: list[int]) -> None:
    def hook() -> bool:
        counted.append(1)
        return False

    db.set_commit_hook(hook)


def test_what_waits_shares_one_commit(bench: Bench) -> None:
    commits: list[int] = []
    count_commits(bench.writer._db, commits)
    assert asyncio.run(bench.pile_up(*(add(n) for n in range(50)))) == list(range(50))
    assert bench.numbers() == list(range(50))
    assert len(commits) == 2, "the held job had one of its own, the others share one"


def test_a_batch_is_bounded(path: Path) -> None:
    bench = Bench(path, batch_max=4)
    commits: list[int] = []
    count_commits(bench.writer._db, commits)
    asyncio.run(bench.pile_up(*(add(n) for n in range(10))))
    assert len(commits) == 1 + 3
    bench.writer.close()
    bench.looker.close()


def test_a_job_that_fails_takes_nothing_with_it_but_itself(bench: Bench) -> None:
    bug = AssertionError("a bug")
    answers = asyncio.run(
        bench.pile_up(add(1), add_and_break(2, bug), add(3), add(1), add_and_break(4, ValueError()), add(5))
    )
    assert answers[1] is bug
    assert isinstance(answers[3], Contradiction)
    assert isinstance(answers[4], ValueError)
    assert [answers[0], answers[2], answers[5]] == [1, 3, 5]
    assert bench.numbers() == [1, 3, 5]


def test_when_the_transaction_is_gone_everybody_is_told(bench: Bench) -> None:
    answers = asyncio.run(bench.pile_up(add(1), end_transaction, add(2)))
    assert [type(answer) for answer in answers] == [StoreFailed] * 3
    assert bench.numbers() == []
    assert asyncio.run(bench.writer.write(add(7))) == 7


def refuse_commit(db: apsw.Connection, now: int) -> None:
    db.set_commit_hook(lambda: True)


def test_when_the_commit_fails_everybody_is_told(bench: Bench) -> None:
    bug = AssertionError()
    answers = asyncio.run(bench.pile_up(refuse_commit, add(1), add_and_break(2, bug), add(3)))
    assert [type(answers[n]) for n in (0, 1, 3)] == [StoreFailed] * 3
    assert len({id(answer) for answer in answers}) == 4, "an exception for each"
    assert answers[2] is bug
    bench.writer._db.set_commit_hook(None)
    assert bench.numbers() == []
    assert asyncio.run(bench.writer.write(add(7))) == 7


def test_the_queue_is_bounded(path: Path) -> None:
    bench = Bench(path, queue_max=3)

    async def too_many() -> list[Any]:
        return await bench.pile_up(*(add(n) for n in range(5)))

    answers = asyncio.run(too_many())
    assert answers[:3] == [0, 1, 2]
    for full in answers[3:]:
        assert isinstance(full, StoreFull)
        assert (full.code, full.retryable) == ("over_capacity", True)
    assert bench.numbers() == [0, 1, 2]
    bench.writer.close()
    bench.looker.close()


def test_what_was_asked_before_closing_is_done(bench: Bench) -> None:
    async def ask_and_close() -> list[Any]:
        waiting = [asyncio.ensure_future(bench.writer.write(add(n))) for n in range(20)]
        await asyncio.sleep(0)
        await asyncio.to_thread(bench.writer.close)
        with pytest.raises(StoreClosed):
            await bench.writer.write(add(99))
        return await asyncio.gather(*waiting)

    assert asyncio.run(ask_and_close()) == list(range(20))
    assert bench.numbers() == list(range(20))


def test_a_caller_that_left_disturbs_nobody(bench: Bench) -> None:
    async def leave() -> int:
        holding = asyncio.ensure_future(bench.writer.write(bench.hold))
        leaving = asyncio.ensure_future(bench.writer.write(add(1)))
        staying = asyncio.ensure_future(bench.writer.write(add(2)))
        await asyncio.sleep(0.05)
        leaving.cancel()
        bench.gate.set()
        await holding
        return await staying

    assert asyncio.run(leave()) == 2
    assert 2 in bench.numbers()


def test_a_loop_that_ended_disturbs_nobody(bench: Bench) -> None:
    async def leave() -> None:
        bench.leaving = [asyncio.ensure_future(bench.writer.write(work)) for work in (bench.hold, add(1))]
        await asyncio.sleep(0.05)

    asyncio.run(leave())
    bench.gate.set()
    assert asyncio.run(bench.writer.write(add(2))) == 2


def test_another_process_that_holds_the_lock_is_an_environment_failure(path: Path) -> None:
    bench = Bench(path)
    bench.writer._db.set_busy_timeout(50)
    other = connect(path, writing=True)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailed) as caught:
        asyncio.run(bench.writer.write(add(1)))
    assert caught.value.retryable
    assert caught.value.code == "environment"
    other.execute("ROLLBACK")
    assert asyncio.run(bench.writer.write(add(1))) == 1
    other.close()
    bench.writer.close()
    bench.looker.close()


@pytest.fixture
def full_disk(path: Path) -> Iterator[Callable[[], None]]:
    """Lets no file of this process grow beyond what the write-ahead log has now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        size = path.with_name(path.name + "-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    yield fill
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_NO_OVERSPEND_a_disk_that_is_full_keeps_nothing_of_a_batch(
    open_again: Open, path: Path, full_disk: Callable[[], None]
) -> None:
    store = open_again()
    market, record = prepare(store)
    tries = [a_purchase(market.service, market.owner, record, 7_000) for _ in range(20)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    full_disk()
    answers = store.together(*(store.store.place(one, a_key(one.id)) for one in tries))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert answers
    assert all(isinstance(answer, EnvironmentFailure) for answer in answers), answers
    assert all(store.transaction(one.id) is None for one in tries)
    assert store.session(record.session.id).session.usage.committed == 0
    answers = store.together(*(store.store.place(one, a_key(one.id)) for one in tries))
    assert all(isinstance(answer, Transaction) for answer in answers)
    assert assert_sums_agree(path) == 20


def test_a_reader_sees_what_was_committed_and_nothing_else(open_again: Open) -> None:
    store = open_again()
    market, record = prepare(store)

    async def look_before_and_after() -> tuple[Any, Any]:
        gate = threading.Event()
        purchase = a_purchase(market.service, market.owner, record, 7_000)
        placing = asyncio.ensure_future(store.store.place(purchase, None))
        holding = asyncio.ensure_future(store.store._database.write(lambda db, now: gate.wait(5)))
        await asyncio.sleep(0.05)
        uncommitted = asyncio.ensure_future(store.store.set_webhook_secret(market.owner.id, b"new"))
        seen = await store.store.webhook_secret(market.owner.id)
        gate.set()
        await asyncio.gather(placing, holding, uncommitted)
        return seen, await store.store.webhook_secret(market.owner.id)

    assert store.run(look_before_and_after()) == (None, b"new")


def test_a_closed_store_says_so(open_again: Open) -> None:
    store = open_again()
    market, record = prepare(store)
    allowed(store.place(a_purchase(market.service, market.owner, record, 1), None))
    store.run(store.store.close())
    store.run(store.store.close())
    with pytest.raises(StoreClosed):
        store.agent(market.owner.id)
    with pytest.raises(StoreClosed):
        store.seen(market.owner.id)


def test_time_is_common_to_everybody_who_writes(path: Path, open_again: Open, time: SystemTime) -> None:
    store: Blocking = open_again()
    prepare(store)
    time.seconds += 1_000
    store.use_once(b"a", NOW + 5_000)
    time.seconds -= 5_000
    assert store.clock.now() == NOW + 1_000, "set back, it stands still"
    later = open_again()
    assert later.clock.now() == NOW + 1_000, "a restart does not bring the past back"
    time.seconds = NOW + 1_001
    assert later.clock.now() == store.clock.now() == NOW + 1_001


def test_nobody_decides_earlier_than_another_process_did(path: Path, open_again: Open) -> None:
    here = open_again()
    market, record = prepare(here)
    there = Blocking(open_store(path, system_time=SystemTime(record.session.policy.expires_at)))
    there.use_once(b"a write, with which its time becomes everybody's", NOW + DAY)
    there.close()
    answer = here.place(a_purchase(market.service, market.owner, record, 1), None)
    assert code(answer) == "session_expired"
    assert here.clock.now() == record.session.policy.expires_at
