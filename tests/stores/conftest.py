"""Every store runs through the same tests: OPENERS names them. A store comes with a seller, a service and an owner."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import open_postgres_in
from tests.stores.blocking import Blocking
from tests.stores.making import SystemTime, a_service, an_agent, an_api_key, digest
from valetkey.core.agent import Agent
from valetkey.core.service import Service
from valetkey.stores.sqlite import open_memory_store, open_store


def open_sqlite(folder: Path, time: SystemTime) -> Any:
    return open_store(folder / "valetkey.db", system_time=time)


def open_memory(folder: Path, time: SystemTime) -> Any:
    return open_memory_store(system_time=time)


OPENERS: dict[str, Callable[[Path, SystemTime], Any]] = {
    "memory": open_memory,
    "sqlite": open_sqlite,
    "postgres": open_postgres_in,
}
"""A store in a folder of its own, under a clock that the test moves. Opening it again finds what was kept; memory keeps
nothing."""


@dataclass
class Market:
    """An owner who buys, a seller, and its service, all of them stored."""

    owner: Agent
    seller: Agent
    service: Service


@pytest.fixture(params=sorted(OPENERS))
def opener(request: pytest.FixtureRequest) -> Callable[[Path, SystemTime], Any]:
    return OPENERS[request.param]


@pytest.fixture
def time() -> SystemTime:
    return SystemTime()


@pytest.fixture
def store(opener: Callable[[Path, SystemTime], Any], tmp_path: Path, time: SystemTime) -> Iterator[Blocking]:
    opened = Blocking(opener(tmp_path, time))
    yield opened
    opened.close()


@pytest.fixture
def market(store: Blocking) -> Market:
    return make_market(store)


def make_market(store: Blocking) -> Market:
    owner, seller = an_agent(), an_agent()
    for agent in (owner, seller):
        assert store.add_agent(agent, digest(f"key of {agent.id}"), an_api_key(agent))
    service = a_service(seller)
    store.add_service(service)
    return Market(owner, seller, service)
