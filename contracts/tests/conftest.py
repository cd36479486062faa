"""One deployed world, and one purse, per process; every test starts from it and leaves it as it was."""

from collections.abc import Iterator

import boa
import pytest

from contracts.tests.purse import Purse
from contracts.tests.stall import Stall
from contracts.tests.world import START, World, at


@pytest.fixture(scope="session")
def deployed() -> World:
    return World()


@pytest.fixture
def world(deployed: World) -> Iterator[World]:
    with boa.env.anchor():
        at(START)
        yield deployed


@pytest.fixture(scope="session")
def made_purse() -> Purse:
    return Purse()


@pytest.fixture
def purse(made_purse: Purse) -> Iterator[Purse]:
    with boa.env.anchor():
        at(START)
        yield made_purse


@pytest.fixture
def stall(world: World, purse: Purse) -> Stall:
    for token in (purse.usdc, purse.odd):
        world.must(world.owner, world.escrow, "setTokenSupported", token.address, True)
    world.must(world.owner, world.escrow, "setAllowance", purse.allowance.address)
    return Stall(world, purse)
