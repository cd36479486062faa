"""A new file that several processes open at the same moment: SQLite itself does not wait there."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from valetkey.stores.keystore.file import open_file
from valetkey.stores.sqlite.files import connect, create_file, migrate

PROCESSES = 4
TRIES = 40


def open_keystore(path: Path) -> None:
    open_file(path).close()


def open_ledger(path: Path) -> None:
    create_file(path)
    db = connect(path, writing=True)
    migrate(db)
    db.close()


@pytest.mark.parametrize("open_it", [open_keystore, open_ledger])
def test_processes_that_open_a_new_file_at_once_all_have_it(
    tmp_path: Path, open_it: Callable[[Path], None]
) -> None:
    # Not forked: this process has threads of other tests, whose locks a fork would hold for ever.
    spawn = multiprocessing.get_context("spawn")
    meet, told = spawn.Barrier(PROCESSES), spawn.SimpleQueue()
    processes = [
        spawn.Process(target=_open_many, args=(tmp_path, open_it, meet, told)) for _ in range(PROCESSES)
    ]
    for one in processes:
        one.start()
    try:
        assert [told.get() for _ in processes] == [[]] * PROCESSES
    finally:
        for one in processes:
            one.join(30)


def _open_many(folder: Path, open_it: Callable[[Path], None], meet: Any, told: Any) -> None:
    failures = []
    for number in range(TRIES):
        meet.wait(30)
        try:
            open_it(folder / f"{number}.db")
        except Exception as error:  # noqa: BLE001 - told to the test, whatever it is
            failures.append(repr(error))
    told.put(failures)
