"""One database: its pool of connections, its batches and its clock, for the classes that know the tables."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

import asyncpg

from valetkey.core.errors import Contradiction
from valetkey.ports.watching import Step, watched
from valetkey.stores.clock import SystemTime
from valetkey.stores.failures import StoreUnreadable
from valetkey.stores.postgres.batch import Work
from valetkey.stores.postgres.batcher import TRIES_MAX, Batcher
from valetkey.stores.postgres.clock import DatabaseClock
from valetkey.stores.postgres.failures import AWAY, DATABASE, UNLUCKY, failed, translated
from valetkey.stores.postgres.lineage import check
from valetkey.stores.postgres.overlay import Wanted
from valetkey.stores.postgres.schema import MIGRATIONS, Connection, check_known, version_of
from valetkey.stores.rows import Row
from valetkey.stores.tellings import Tellings

CONNECTIONS = 10
"""Connections of a process to its database."""

READERS = 3
"""How many of them no batch takes."""

SECONDS_MAX = 30
"""How long a statement may take."""

LOCK_SECONDS_MAX = 10
"""How long a batch waits for another process's batch of the same trees."""

_PLANS = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
"""Every statement is answered through an index. A plan that is made while a table is small must not read all of it
later: plans are kept, and batches became thirty times slower until the next ANALYZE."""

STATEMENTS_MAX = 2_000
"""After so many a connection is made anew, and with it the plans of its statements."""

PLACES_CACHED = 65_536
"""Of so many sessions, holds and transactions it is remembered whose they are: that never changes."""

T = TypeVar("T")


class Place(NamedTuple):
    """Under which owner's and tree's lock something is decided."""

    owner_id: str
    tree_id: str
    session_id: str | None
    hold_id: str | None = None


class Database:
    """Reads and batches of one database, from one event loop. Whoever writes is told when it is durable."""

    def __init__(self, pool: Any, clock: DatabaseClock, *, connections: int = CONNECTIONS) -> None:
        self.pool = pool
        self.clock = clock
        self.tellings = Tellings()
        self.batcher = Batcher(pool, clock, batches_max=max(1, connections - READERS), tellings=self.tellings)
        self._places: OrderedDict[str, Place] = OrderedDict()

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        """Every row of a statement. Raises StoreFailed, Contradiction for a row that is not allowed."""
        try:
            return [tuple(one) for one in await self.pool.fetch(sql, *values)]
        except DATABASE as error:
            raise translated(error) from error

    async def row(self, sql: str, *values: Any) -> Row | None:
        """The first row of a statement, None when there is none."""
        found = await self.rows(sql, *values)
        return found[0] if found else None

    def batch(
        self, owner_id: str, trees: frozenset[str], work: Work[T], wanted: Wanted | None = None
    ) -> Awaitable[T]:
        """Decide something under the locks of these trees, to be awaited; see batcher.py."""
        return self.batcher.submit(owner_id, trees, work, wanted)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """A transaction of its own, for what is under no tree's lock. See `again` for what it may raise."""
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection

    async def again(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it until it is in no other transaction's way. Raises StoreFailed, Contradiction as `rows` does."""
        with watched(Step.WRITE):
            return await self._tried(work)

    async def _tried(self, work: Callable[[], Awaitable[T]]) -> T:
        for number in range(1, TRIES_MAX + 1):
            try:
                return await work()
            except UNLUCKY as error:
                if number == TRIES_MAX:
                    raise failed(error) from error
                await asyncio.sleep(random.uniform(0, 0.005 * 2**number))  # noqa: S311 - no secret
            except DATABASE as error:
                raise translated(error) from error
        raise AssertionError("unreachable")

    def know(self, key: str, place: Place) -> None:
        """Remember whose something is."""
        self._places[key] = place
        self._places.move_to_end(key)
        if len(self._places) > PLACES_CACHED:
            self._places.popitem(last=False)

    def known(self, key: str) -> Place | None:
        """Whose something is, when it is remembered: nothing is awaited for what is asked for all the time."""
        place = self._places.get(key)
        if place is not None:
            self._places.move_to_end(key)
        return place

    async def find_session(self, session_id: str) -> Place | None:
        """Whose a session is, None when there is none."""
        sql = "SELECT owner_id, tree_id, id, NULL FROM sessions WHERE id = $1"
        return await self._find(session_id, sql)

    async def find_hold(self, hold_id: str) -> Place | None:
        """Whose a hold is, None when there is none."""
        sql = "SELECT owner_id, tree_id, session_id, id FROM holds WHERE id = $1"
        return await self._find(hold_id, sql)

    async def find_transaction(self, transaction_id: str) -> Place | None:
        """Whose a transaction is, None when there is none."""
        sql = "SELECT buyer_id, tree_id, session_id, hold_id FROM transactions WHERE id = $1"
        return await self._find(transaction_id, sql)

    async def session_place(self, session_id: str) -> Place:
        """As find_session. Raises Contradiction when there is none."""
        found = self.known(session_id) or await self.find_session(session_id)
        if found is None:
            raise Contradiction("there is no such session")
        return found

    async def close(self) -> None:
        """Finish what was asked for, then close. Closing twice is closing once."""
        await self.batcher.close()
        await self.pool.close()

    async def _find(self, key: str, sql: str) -> Place | None:
        known = self.known(key)
        if known is not None:
            return known
        found = await self.row(sql, key)
        if found is None:
            return None
        place = Place(*found)
        self.know(key, place)
        return place


class Tables:
    """What every class that knows some tables is made with."""

    def __init__(self, database: Database) -> None:
        self._database = database


async def _returned(_: Connection) -> None:
    """Nothing: no statement of ours leaves anything behind in its session, and the pool ends what was left open."""


async def connect(
    url: str,
    *,
    system_time: SystemTime | None = None,
    connections: int = CONNECTIONS,
    promotions_trusted: bool = False,
    restored: bool = False,
) -> Database:
    """Open a database whose tables are of this version; `restored`: also one that was restored from a copy.

    Raises StoreUnreadable for other tables, and for a URL that is none, StoreRestored, StoreFailed when it cannot be
    reached.
    """

    async def checked_if_ours(connection: Connection) -> None:
        # Each connection: a database may be restored while its platforms run, who then find another at the same place.
        # Tables of another version are told about below.
        if not restored and await version_of(connection) == len(MIGRATIONS):
            await check(connection, promotions_trusted=promotions_trusted)

    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=connections,
            max_queries=STATEMENTS_MAX,
            reset=_returned,
            init=checked_if_ours,
            command_timeout=SECONDS_MAX,
            server_settings={
                "application_name": "valetkey",
                "jit": "off",
                **_PLANS,
                "lock_timeout": f"{LOCK_SECONDS_MAX}s",
                "idle_in_transaction_session_timeout": f"{SECONDS_MAX}s",
                "default_transaction_isolation": "read committed",
            },
        )
    except AWAY as error:
        raise failed(error) from error
    except (asyncpg.PostgresError, ValueError) as error:
        # The message may hold parts of the URL, and so of its password.
        raise StoreUnreadable(f"the database cannot be opened: {type(error).__name__}") from None
    try:
        async with pool.acquire() as connection:
            version = await version_of(connection)
            now = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
        check_known(version)
        if version < len(MIGRATIONS):
            raise StoreUnreadable(
                f"the database has version {version} and this software needs {len(MIGRATIONS)}: run `valetkey migrate`"
            )
    except BaseException:
        await pool.close()
        raise
    clock = DatabaseClock(system_time)
    clock.observe(now)
    return Database(pool, clock, connections=connections)


@asynccontextmanager
async def migrating(url: str) -> AsyncIterator[Connection]:
    """One connection for changing tables. Raises StoreUnreadable for a URL that is none, StoreFailed."""
    try:
        connection = await asyncpg.connect(url)
    except AWAY as error:
        raise failed(error) from error
    except (asyncpg.PostgresError, ValueError) as error:
        # The message may hold parts of the URL, and so of its password.
        raise StoreUnreadable(f"the database cannot be opened: {type(error).__name__}") from None
    try:
        yield connection
    except DATABASE as error:
        raise translated(error) from error
    finally:
        await connection.close()
