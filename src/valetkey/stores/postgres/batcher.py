"""Group commit: what waits of one owner is decided together, and several owners' batches run side by side.

An owner has one batch under way in each process, so that its callers share transactions instead of waiting for
each other's locks.
"""

import asyncio
import random
from collections import deque
from typing import Any, TypeVar

import asyncpg

from valetkey.ports.watching import Step, watched
from valetkey.stores.failures import StoreClosed, StoreFailed, StoreFull
from valetkey.stores.postgres.batch import Committing, Job, Work, run
from valetkey.stores.postgres.clock import DatabaseClock
from valetkey.stores.postgres.failures import AWAY, UNLUCKY, failed, is_value, translated
from valetkey.stores.postgres.overlay import Wanted
from valetkey.stores.tellings import Tellings

QUEUE_MAX = 4_096
"""Jobs that may wait; more are refused at once instead of being late for everybody."""

BATCH_MAX = 256
"""Jobs that share one commit."""

TRIES_MAX = 8
"""How often a transaction that was in another one's way is begun again."""

ASK_SECONDS = (0.1, 0.3, 1.0, 2.0, 4.0)
"""When a commit whose answer was lost is asked after."""

T = TypeVar("T")


class Batcher:
    """Runs jobs on the connections of a pool, of one event loop. `batches_max`: how many at the same time."""

    def __init__(
        self,
        pool: Any,
        clock: DatabaseClock,
        *,
        batches_max: int,
        queue_max: int = QUEUE_MAX,
        batch_max: int = BATCH_MAX,
        tellings: Tellings | None = None,
    ) -> None:
        self._tellings = tellings
        self._pool = pool
        self._clock = clock
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._batches = asyncio.Semaphore(batches_max)
        self._waiting: dict[str, deque[Job[Any]]] = {}
        self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def waiting(self) -> int:
        """How many jobs wait for a batch."""
        return self._count

    async def submit(
        self, owner_id: str, trees: frozenset[str], work: Work[T], wanted: Wanted | None = None
    ) -> T:
        """Do the work in a batch; it is durable when this returns, and undone when this raises.

        Raises StoreFull when too much waits, StoreFailed when the database fails, and what the work raises.
        A caller that is cancelled does not learn whether its work was done.
        """
        with watched(Step.WRITE):
            return await self._queued(owner_id, trees, work, wanted)

    async def _queued(self, owner_id: str, trees: frozenset[str], work: Work[T], wanted: Wanted | None) -> T:
        if self._closing:
            raise StoreClosed("the store is closed")
        if self._count >= self._queue_max:
            raise StoreFull("too many writes are waiting for the database; try again in a moment")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job = Job(owner_id, trees, work, future, wanted or Wanted())
        self._count += 1
        queue = self._waiting.get(owner_id)
        if queue is not None:
            queue.append(job)
        else:
            self._waiting[owner_id] = deque([job])
            task = asyncio.create_task(self._serve(owner_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def close(self) -> None:
        """Do what waits, then end. Whatever comes later raises StoreClosed."""
        self._closing = True
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, owner_id: str) -> None:
        """Batch after batch of one owner, until nothing of it waits."""
        queue = self._waiting[owner_id]
        while queue:
            jobs: list[Job[Any]] = []
            try:
                async with self._batches:
                    # Taken only now, so that what came meanwhile is in it.
                    jobs = [queue.popleft() for _ in range(min(len(queue), self._batch_max))]
                    self._count -= len(jobs)
                    await self._commit([job for job in jobs if not job.future.done()])
            except BaseException as error:
                for job in jobs:
                    job.error = job.error or _broke(error)
                if not isinstance(error, Exception):
                    _answer([*jobs, *queue])
                    self._count -= len(queue)
                    queue.clear()
                    del self._waiting[owner_id]
                    raise
            _answer(jobs)
        del self._waiting[owner_id]

    async def _commit(self, jobs: list[Job[Any]]) -> None:
        """Run the jobs; where a row of one is not allowed, each by itself, so that only its own is refused."""
        if not jobs:
            return
        try:
            await self._try(jobs)
        except (asyncpg.PostgresError, *AWAY) as error:
            alone = len(jobs) == 1
            if isinstance(error, (*AWAY, *UNLUCKY)) and not is_value(error):
                _fail(jobs, error)
            elif alone:
                jobs[0].error = translated(error)
            else:
                for job in jobs:
                    await self._commit([job])

    async def _try(self, jobs: list[Job[Any]]) -> None:
        for number in range(1, TRIES_MAX + 1):
            try:
                async with self._pool.acquire() as connection:
                    await run(connection, self._clock, jobs, self._tellings)
            except UNLUCKY:
                if number == TRIES_MAX:
                    raise
                await asyncio.sleep(random.uniform(0, 0.005 * 2**number))  # noqa: S311 - no secret
            except Committing as lost:
                if await self._became_durable(lost.xid):
                    return
                if number == TRIES_MAX:
                    raise StoreFailed("the database went away during every commit") from lost
            else:
                return

    async def _became_durable(self, xid: str) -> bool:
        """What the database says of a transaction whose commit was not answered. Raises StoreFailed when nothing."""
        if not xid:
            return False
        for seconds in ASK_SECONDS:
            await asyncio.sleep(seconds)
            try:
                async with self._pool.acquire() as connection:
                    status = await connection.fetchval("SELECT pg_xact_status($1::text::xid8)", xid)
            except AWAY:
                continue
            if status != "in progress":
                return bool(status == "committed")
        raise StoreFailed(
            "the database went away during a commit: it may have been kept; ask again with the same key"
        )


def _fail(jobs: list[Job[Any]], error: BaseException) -> None:
    """Nothing of the batch was kept. An exception each: a shared one would collect the callers' tracebacks."""
    for job in jobs:
        job.error = failed(error)
        job.error.__cause__ = error


def _broke(error: BaseException) -> StoreFailed:
    if isinstance(error, StoreFailed):
        return StoreFailed(str(error))
    failure = StoreFailed(f"the batch broke: {type(error).__name__}")
    failure.__cause__ = error
    return failure


def _answer(jobs: list[Job[Any]]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is None:
            job.future.set_result(job.result)
        else:
            job.future.set_exception(job.error)
