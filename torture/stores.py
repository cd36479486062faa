"""The databases that are tortured: how a run makes, restarts and reads one, and how a racy platform opens it."""

import asyncio
from pathlib import Path
from typing import Any, Protocol

import apsw
import asyncpg

from tests.cluster import make_cluster
from torture.facts import COLUMNS, Facts, facts_of
from torture.racy import racy
from valetkey.platform.app import open_stores
from valetkey.platform.settings import Settings

CRASH, IN_ORDER = "immediate", "fast"


async def open_racy(settings: Settings) -> Any:
    """The platform's own store, with a gate that must be caught."""
    return racy(await open_stores(settings))


class Engine(Protocol):
    """One kind of database.

    processes: how many platforms share it. has_clock: decisions go by a clock of its own.
    """

    name: str
    processes: int
    url: str
    """What VALETKEY_DATABASE is."""
    can_restart: bool
    has_clock: bool

    def restart(self, how: int) -> None:
        """Stop it, in order (0) or as a crash would (1), and start it again."""
        ...

    def read(self) -> Facts:
        """Everything that the checker looks at. Only when no platform runs any more."""
        ...

    def close(self) -> None: ...


class Sqlite:
    """One file, one process."""

    name = "sqlite"
    processes = 1
    can_restart = False
    has_clock = False

    def __init__(self, folder: Path) -> None:
        self.url = str(folder / "platform.db")

    def restart(self, how: int) -> None:
        raise AssertionError(f"a file has no server to restart ({how})")

    def read(self) -> Facts:
        db = apsw.Connection(self.url, flags=apsw.SQLITE_OPEN_READONLY)
        try:
            problems = [str(one) for (one,) in db.execute("PRAGMA integrity_check") if one != "ok"]
            return facts_of(
                {
                    table: db.execute(f"SELECT {columns} FROM {table}").fetchall()
                    for table, columns in COLUMNS.items()
                },
                problems,
            )
        finally:
            db.close()

    def close(self) -> None:
        """Nothing runs."""


class Postgres:
    """A server of the run's own, and four processes."""

    name = "postgres"
    processes = 4
    can_restart = True
    has_clock = True

    def __init__(self) -> None:
        self._cluster = make_cluster()
        self.url = self._cluster.fresh()

    def restart(self, how: int) -> None:
        self._cluster.stop(CRASH if how else IN_ORDER)
        self._cluster.start()

    def read(self) -> Facts:
        return asyncio.run(self._read())

    async def _read(self) -> Facts:
        connection = await asyncpg.connect(self.url)
        try:
            tables = {
                table: [tuple(one) for one in await connection.fetch(f"SELECT {columns} FROM {table}")]
                for table, columns in COLUMNS.items()
            }
            return facts_of(tables, [])
        finally:
            await connection.close()

    def close(self) -> None:
        """The server stops when the process ends."""


KINDS = {one.name: one for one in (Sqlite, Postgres)}
"""Every database that can be tortured."""


def engine(name: str, folder: Path) -> Engine:
    """The database of a run, empty; a file in a folder of its own."""
    return Sqlite(folder) if name == Sqlite.name else Postgres()
