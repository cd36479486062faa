"""One batch: a transaction of PostgreSQL in which an owner's waiting jobs are decided in turn, and written together.

BEGIN, lock the trees, read, decide, write, COMMIT: five round trips, however many jobs there are.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from valetkey.core.audit import GENESIS
from valetkey.stores.failures import StoreFailed
from valetkey.stores.postgres.alert_book import write_alerts
from valetkey.stores.postgres.allotment_book import write_allotments
from valetkey.stores.postgres.book import PostgresBook
from valetkey.stores.postgres.claim_book import write_claims
from valetkey.stores.postgres.clock import DatabaseClock
from valetkey.stores.postgres.enrollment_book import write_enrollments
from valetkey.stores.postgres.grant_book import write_grants
from valetkey.stores.postgres.overlay import Missing, Wanted
from valetkey.stores.postgres.reads import lock, read
from valetkey.stores.postgres.schema import Connection
from valetkey.stores.postgres.writes import write
from valetkey.stores.tellings import Tellings

READS_MAX = 40
"""How often a batch reads what its jobs did not name; more is a mistake of a job's."""

T = TypeVar("T")
Work = Callable[[PostgresBook], T]
"""A decision: reads and writes through the book. It may be run more than once, and then nothing of it was kept."""


@dataclass(slots=True, eq=False)
class Job(Generic[T]):
    """Work about some trees of one owner; under the owner's own id is the tree of what has no session."""

    owner_id: str
    trees: frozenset[str]
    work: Work[T]
    future: asyncio.Future[T]
    wanted: Wanted = field(default_factory=Wanted)
    result: Any = None
    error: BaseException | None = None
    done: bool = False

    def reset(self) -> None:
        """As if it had never run."""
        self.result, self.error, self.done = None, None, False


class Committing(Exception):
    """The connection was lost while the transaction `xid` was being committed: it may be durable, or not."""

    def __init__(self, xid: str) -> None:
        super().__init__("the connection was lost during a commit")
        self.xid = xid


async def run(
    connection: Connection, clock: DatabaseClock, jobs: list[Job[Any]], tellings: Tellings | None = None
) -> None:
    """Decide and write the jobs; each has its result or its own error when this returns.

    Raises what the database raises, and then nothing of any of them was kept; Committing when nobody knows.
    """
    for job in jobs:
        job.reset()
    owner_id = jobs[0].owner_id
    transaction = connection.transaction()
    await transaction.start()
    try:
        xid = await _decide(connection, clock, PostgresBook(owner_id, 0, tellings), jobs)
    except BaseException:
        if not connection.is_closed():
            await transaction.rollback()
        raise
    try:
        await transaction.commit()
    except (OSError, TimeoutError) as error:
        raise Committing(xid or "") from error
    except Exception as error:
        if connection.is_closed() and xid is not None:
            raise Committing(xid) from error
        raise


async def _decide(
    connection: Connection, clock: DatabaseClock, book: PostgresBook, jobs: list[Job[Any]]
) -> str | None:
    owner_id = book.owner_id
    wanted = Wanted(agents={owner_id})
    trees: set[str] = set()
    for job in jobs:
        trees |= job.trees
        wanted.add(job.wanted)
    for tree, chain in (await lock(connection, GENESIS, owner_id, trees)).items():
        book.chains.load(tree, chain)
    # After the locks: what is read now is what was last committed about these trees.
    book.batch_now = clock.observe(await read(connection, book, wanted))
    waiting = jobs
    for _ in range(READS_MAX):
        missing = Wanted()
        waiting = [job for job in waiting if not _do(book, job, missing)]
        if not waiting:
            return await _write(connection, book)
        await read(connection, book, missing)
    for job in waiting:
        job.error = StoreFailed("a decision looked at too many rows")
    return await _write(connection, book)


async def _write(connection: Connection, book: PostgresBook) -> str | None:
    xid = await write(connection, book)
    await write_grants(connection, book)
    await write_allotments(connection, book)
    await write_enrollments(connection, book)
    await write_claims(connection, book)
    await write_alerts(connection, book)
    return xid


def _do(book: PostgresBook, job: Job[Any], missing: Wanted) -> bool:
    """Run one job; False when it needs rows that are not read yet. One that fails takes nothing with it."""
    book.begin(job.trees)
    try:
        job.result = job.work(book)
    except Missing as more:
        book.journal.undo()
        missing.add(more.wanted)
        return False
    except Exception as error:  # noqa: BLE001 - it belongs to the caller, who gets it
        book.journal.undo()
        job.error = error
    else:
        book.journal.keep()
    return True
