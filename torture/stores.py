"""The databases that are tortured: how a platform opens one, how a run makes, restarts and reads it."""

from pathlib import Path
from typing import Any, Protocol

import apsw

from torture.facts import COLUMNS, Facts, facts_of
from torture.racy import racy
from valetkey.platform.app import Opener
from valetkey.platform.settings import Settings
from valetkey.stores.sqlite import open_store


def opener(store: str, url: str, *, racy: bool) -> Opener:
    """What a platform process opens its database with. `store` is `sqlite` or `postgres`."""

    async def opened(_: Settings) -> Any:
        found = await _open(store, url)
        return _racy(found) if racy else found

    return opened


async def _open(store: str, url: str) -> Any:
    return open_store(Path(url))


_racy = racy


class Engine(Protocol):
    """One kind of database. `processes`: how many platforms share it."""

    name: str
    processes: int
    url: str
    can_restart: bool

    def restart(self, how: int) -> None:
        """Stop it, in order or as a crash would, and start it again."""
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


def engine(name: str, folder: Path) -> Engine:
    """The database of a run, empty, in a folder of its own."""
    return Sqlite(folder)
