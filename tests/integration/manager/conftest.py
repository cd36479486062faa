"""The contracts on the chain of this worker, once; what a test does to it is undone."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures_chain import PRIVATE_KEYS, ChainRpc
from tests.fixtures_solana import TOKEN, ClusterRpc
from tests.integration.manager.solana_world import SolanaWorld
from tests.integration.manager.world import World
from valetkey.chains.evm.deploy import Deployed, deploy
from valetkey.chains.evm.signer import LocalSigner
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.manager.blocking import SessionKeyManager

if TYPE_CHECKING:
    from tests.integration.manager.shop import Shop


@pytest.fixture(scope="session")
def deployed(devchain: Any) -> Deployed:
    return deploy(devchain.rpc_url, LocalSigner(PrivateKey.from_hex(PRIVATE_KEYS[0])))


@pytest.fixture
def world(deployed: Deployed, chain: ChainRpc, tmp_path: Path) -> World:
    made = World(chain, deployed, tmp_path)
    made.furnish()
    return made


@pytest.fixture
def manager(world: World) -> Iterator[SessionKeyManager]:
    with world.manager() as opened:
        yield opened


@pytest.fixture
def later(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes so many seconds pass, on the chain and for everybody here."""

    def passed(seconds: int) -> None:
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + seconds)
        world.chain("evm_increaseTime", seconds)
        world.chain("evm_mine")

    return passed


@pytest.fixture
def shop(world: World) -> Iterator["Shop"]:
    # The official package is imported when something asks for it.
    from tests.integration.manager.shop import Shop

    opened = Shop(world)
    yield opened
    opened.close()


@pytest.fixture
def solana(cluster: ClusterRpc, tmp_path: Path, request: pytest.FixtureRequest) -> SolanaWorld:
    made = SolanaWorld(cluster, tmp_path, program=getattr(request, "param", TOKEN))
    made.furnish()
    return made


@pytest.fixture
def on_solana(solana: SolanaWorld) -> Iterator[SessionKeyManager]:
    with solana.manager() as opened:
        yield opened
