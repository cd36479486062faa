"""The world of one test on the stack of this worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures_stack import RunningStack
from tests.integration.sdk.clients import Desk, new_desk
from tests.integration.sdk.world import Shop, World


@pytest.fixture
def world(stack: RunningStack, tmp_path: Path) -> Iterator[World]:
    made = World(stack, tmp_path, [])
    yield made
    made.close()


@pytest.fixture(scope="session")
def shop(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A seller whose service anybody may buy; tests that look at its list have one of their own."""
    made = World(stack, tmp_path_factory.mktemp("shop"), [])
    yield made.shop()
    made.close()


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    """An owner and its client."""
    made = new_desk(world)
    yield made
    made.client.close()
