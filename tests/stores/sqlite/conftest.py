"""A SQLite store that a test opens, closes and opens again by itself."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stores.blocking import Blocking
from tests.stores.making import SystemTime
from valetkey.stores.sqlite import open_store

Open = Callable[[], Blocking]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "valetkey.db"


@pytest.fixture
def open_again(path: Path, time: SystemTime) -> Iterator[Open]:
    """Open the one file, however often; what is left open is closed in the end."""
    opened: list[Blocking] = []

    def begin() -> Blocking:
        opened.append(Blocking(open_store(path, system_time=time)))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()
