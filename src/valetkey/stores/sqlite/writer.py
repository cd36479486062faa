"""The one thread that writes, with group commit: what waits is done together and made durable by one commit.

When a job fails, all that it shared the commit with are done again, each in a savepoint of its own: it takes nothing
with it but itself.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import apsw

from valetkey.ports.watching import Step, watched
from valetkey.stores.clock import StoreClock
from valetkey.stores.failures import StoreClosed, StoreFailed, StoreFull
from valetkey.stores.sqlite.failures import failed, translated

QUEUE_MAX = 4_096
"""Jobs that may wait; more are refused at once instead of being late for everybody."""

BATCH_MAX = 256
"""Jobs that share one commit."""

T = TypeVar("T")
Write = Callable[[apsw.Connection, int], T]
"""A job: reads and writes through the connection, at a time in unix seconds. It may be undone, and done again."""


class Buffered(Protocol):
    """What several jobs read and write through, one after another.

    `flush` brings what they wrote to the database. `again`: the next commit begins at `now` (unix seconds), and
    nobody else wrote to the file since the last one.
    """

    def flush(self) -> None: ...

    def again(self, now: int) -> None: ...


B = TypeVar("B", bound=Buffered)


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[..., Any]
    keeps: bool
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Writer(Generic[B]):
    """Owns the writing connection. `write` and `keep` may be called from any number of event loops."""

    def __init__(
        self,
        db: apsw.Connection,
        clock: StoreClock,
        open_book: Callable[[apsw.Connection, int], B],
        *,
        queue_max: int = QUEUE_MAX,
        batch_max: int = BATCH_MAX,
    ) -> None:
        self._db = db
        self._clock = clock
        self._open_book = open_book
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._kept: tuple[B, int] | None = None
        """The book of the last commit and the version of the file that it knows."""
        self._waiting: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._calling: set[asyncio.AbstractEventLoop] = set()
        """The loops that are about to tell the thread of what waits."""
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="valetkey-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many jobs wait for the thread."""
        return len(self._waiting)

    async def write(self, work: Write[T]) -> T:
        """Do the work in a transaction; it is durable when this returns, and undone when this raises.

        Raises StoreFull when too much waits, StoreFailed when the database fails, and what the work raises.
        A caller that is cancelled does not learn whether its work was done.
        """
        result: T = await self._done(work, keeps=False)
        return result

    async def keep(self, work: Callable[[B], T]) -> T:
        """As `write`, through the book that the jobs of one commit share."""
        result: T = await self._done(work, keeps=True)
        return result

    async def _done(self, work: Callable[..., Any], *, keeps: bool) -> Any:
        with watched(Step.WRITE):
            return await self._queued(work, keeps=keeps)

    async def _queued(self, work: Callable[..., Any], *, keeps: bool) -> Any:
        loop = asyncio.get_running_loop()
        job = _Job(work, keeps, loop, loop.create_future())
        with self._changed:
            if self._closing:
                raise StoreClosed("the store is closed")
            if len(self._waiting) >= self._queue_max:
                raise StoreFull("too many writes are waiting for the database; try again in a moment")
            self._waiting.append(job)
            is_first = loop not in self._calling
            self._calling.add(loop)
        if is_first:
            # What else arrives in this round of the loop goes with it: waking a thread costs as much as deciding.
            loop.call_soon(self._call, loop)
        return await job.future

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._changed:
            self._calling.discard(loop)
            self._changed.notify()

    def close(self) -> None:
        """Do what waits, then end; blocks until then. Whatever comes later raises StoreClosed."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        while batch := self._take():
            try:
                self._commit(batch)
            except BaseException as error:  # noqa: BLE001 - whatever it was, callers must not wait for ever
                _fail(batch, error)
            self._answer(batch)

    def _take(self) -> list[_Job]:
        """What waits, up to a batch; waits for work. Nothing when the store is closed and all is done."""
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch_max))]

    def _commit(self, batch: list[_Job]) -> None:
        if len(batch) > 1:
            try:
                self._transaction(batch, self._together)
            except Exception:  # noqa: BLE001, S110 - whose it was shows when each is done apart
                pass
            else:
                return
        self._transaction(batch, self._apart)

    def _transaction(self, batch: list[_Job], do: Callable[[list[_Job], int, B | None], B | None]) -> None:
        db = self._db
        # Until this commit is done, there is no book to be kept: what it read may be undone with it.
        kept, self._kept = self._kept, None
        db.execute("BEGIN IMMEDIATE")
        try:
            # Time is common to all processes that write to this file: none decides earlier than another did.
            ((latest,),) = db.execute("SELECT latest FROM state").fetchall()
            assert isinstance(latest, int)
            now = self._clock.at_least(latest)
            # Another number when another connection wrote; this one's own commits do not change it.
            ((version,),) = db.execute("PRAGMA data_version").fetchall()
            assert isinstance(version, int)
            book = kept[0] if kept is not None and kept[1] == version else None
            if book is not None:
                book.again(now)
            before = db.total_changes()
            book = do(batch, now, book)
            if now > latest and db.total_changes() != before:
                db.execute("UPDATE state SET latest = ?", (now,))
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
        self._kept = None if book is None else (book, version)

    def _together(self, batch: list[_Job], now: int, book: B | None) -> B | None:
        """All jobs, those that keep the book through one book, which is answered if it knows what is there now.

        Raises what the first one that fails raises.
        """
        for job in batch:
            book = self._one(job, now, book)
        if book is not None:
            book.flush()
        return book

    def _one(self, job: _Job, now: int, book: B | None) -> B | None:
        """Do a job; the book after it, None when there is none that knows what is there now."""
        if job.keeps:
            book = book or self._open_book(self._db, now)
            job.result = job.work(book)
            return book
        if book is not None:
            # It reads the tables themselves, and may change what the book has read.
            book.flush()
        before = self._db.total_changes()
        job.result = job.work(self._db, now)
        return book if self._db.total_changes() == before else None

    def _apart(self, batch: list[_Job], now: int, book: B | None) -> B | None:
        """Each job in a savepoint of its own. As `_together`, but raises only what undid the whole transaction."""
        for job in batch:
            book = self._do(job, now, book)
        return book

    def _do(self, job: _Job, now: int, book: B | None) -> B | None:
        db = self._db
        db.execute("SAVEPOINT job")
        try:
            book = self._one(job, now, book)
            if book is not None:
                book.flush()
        except Exception as error:
            # It belongs to the caller, who gets it.
            if not db.in_transaction:
                # SQLite itself undid the whole transaction (disk full, an I/O error): the others' work is gone too.
                raise
            db.execute("ROLLBACK TO job")
            job.error = translated(error) if isinstance(error, apsw.Error) else error
            # What the book has read was undone with it.
            book = None
        db.execute("RELEASE job")
        return book

    def _answer(self, batch: list[_Job]) -> None:
        """Tell the callers, waking each event loop once."""
        loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in batch:
            loops.setdefault(job.loop, []).append(job)
        for loop, jobs in loops.items():
            if loop.is_closed():
                continue
            try:
                loop.call_soon_threadsafe(_resolve, jobs)
            except RuntimeError:
                # The loop closed in this moment: nobody waits there any more.
                continue


def _fail(batch: list[_Job], error: BaseException) -> None:
    """Nothing of the batch was kept. A job that failed by itself keeps its own reason."""
    for job in batch:
        if job.error is None:
            # An exception each: the callers raise them, and a shared one would collect their tracebacks.
            if isinstance(error, apsw.Error):
                job.error = failed(error)
            else:
                job.error = StoreFailed(f"the writer broke: {type(error).__name__}")
            job.error.__cause__ = error


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is None:
            job.future.set_result(job.result)
        else:
            job.future.set_exception(job.error)
