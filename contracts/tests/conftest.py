"""One deployed world per process; every test starts from it and leaves it as it was."""

from collections.abc import Iterator

import boa
import pytest

from contracts.tests.world import START, World, at


@pytest.fixture(scope="session")
def deployed() -> World:
    return World()


@pytest.fixture
def world(deployed: World) -> Iterator[World]:
    with boa.env.anchor():
        at(START)
        yield deployed
