"""A PostgreSQL store that a test opens as often as it likes, on a database of its own."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stores.blocking import Blocking
from tests.stores.making import SystemTime
from tests.stores.postgres.cluster import Cluster
from valetkey.stores.postgres import open_postgres

Open = Callable[[], Blocking]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    # Not in pytest's folders: those are closed to the user that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="valetkey-postgres-"))
    cluster = Cluster(folder)
    yield cluster
    cluster.stop("immediate")
    shutil.rmtree(folder)


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    url = cluster.fresh()
    yield url
    cluster.drop(url)


@pytest.fixture
def open_again(url: str, time: SystemTime) -> Iterator[Open]:
    """Open the one database, however often; what is left open is closed in the end."""
    opened: list[Blocking] = []

    def begin() -> Blocking:
        opened.append(Blocking(open_postgres(url, system_time=time)))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()
