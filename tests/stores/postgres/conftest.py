"""A PostgreSQL store that a test opens as often as it likes, on a database of its own."""

from collections.abc import Callable, Iterator

import pytest

from tests.cluster import Cluster, make_cluster
from tests.stores.blocking import Blocking
from tests.stores.making import SystemTime
from valetkey.stores.postgres import open_postgres

Open = Callable[[], Blocking]


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """A server that may be stopped: one of its own, for these tests only."""
    return make_cluster()


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
