"""A real platform on loopback: uvicorn in a thread, SQLite in a folder of its own."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.platform.onchain import Chain
from tests.integration.platform.serving import Server, serve
from valetkey.crypto.keys import PrivateKey
from valetkey.platform.app import Opener, open_stores
from valetkey.platform.settings import Settings

DEPLOYER_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""The first account of the well-known development mnemonic."""

ADDRESS = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
NOBODY = "http://127.0.0.1:1"

Start = Callable[..., Server]


def environment(folder: Path, chain: Chain | None = None, confirmations: int = 1) -> dict[str, str]:
    """The settings of a platform in test mode with its database in this folder; without a chain none answers."""
    network: dict[str, object] = {
        "network": "base-sepolia",
        "rpcUrl": NOBODY,
        "escrow": ADDRESS,
        "score": ADDRESS,
        "usdc": ADDRESS,
    }
    if chain is not None:
        network |= {
            "rpcUrl": chain.rpc_url,
            "escrow": chain.escrow,
            "score": chain.score,
            "usdc": chain.usdc,
            "confirmations": confirmations,
        }
    return {
        "VALETKEY_DATABASE": str(folder / "valetkey.db"),
        "VALETKEY_NETWORKS": json.dumps([network]),
        "VALETKEY_MASTER_SECRET": "the-master-secret-of-these-tests-only",
        "VALETKEY_WEBHOOK_SECRET": "whsec_of_these_tests_only",
        "VALETKEY_TEST_MODE": "1",
        "VALETKEY_PROOF_WAIT_SECONDS": "0",
    }


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start platforms with settings of their own; they stop after the file: idle ones still take time."""
    yield from starting(tmp_path_factory)


@pytest.fixture(scope="session")
def start_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start platforms of a worker, which stop when its tests end."""
    yield from starting(tmp_path_factory)


def starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts platforms, and stops them all at once."""
    running: list[Server] = []

    def begin(
        chain: Chain | None = None, confirmations: int = 1, opener: Opener = open_stores, **environ: str
    ) -> Server:
        folder = tmp_path_factory.mktemp("platform")
        settings = Settings.from_env({**environment(folder, chain, confirmations), **environ})
        running.append(serve(settings, opener))
        return running[-1]

    yield begin
    for server in running:
        server.end()
    for server in running:
        server.stop()


@pytest.fixture(scope="session")
def server(start_for_all: Start) -> Server:
    """A platform in test mode whose chain does not answer: for the rules that need none."""
    return start_for_all()


@pytest.fixture(scope="session")
def strict(start_for_all: Start) -> Server:
    """A platform as it runs in earnest, without the balance gate: its chain does not answer."""
    return start_for_all(VALETKEY_TEST_MODE="0", VALETKEY_REGISTRATION_USDC="0", VALETKEY_RATE_LIMITS="0")


@pytest.fixture(scope="session")
def escrows(devchain: Any) -> Chain:
    """The contracts on a development chain of this worker."""
    # Imported here: most tests of the platform need neither web3 nor a chain.
    from valetkey.chains.evm.deploy import deploy
    from valetkey.chains.evm.signer import LocalSigner

    contracts = deploy(devchain.rpc_url, LocalSigner(PrivateKey.from_hex(DEPLOYER_KEY)))
    return Chain(devchain.rpc_url, contracts.escrow, contracts.score, contracts.usdc)


@pytest.fixture(scope="session")
def sea() -> Iterator[Any]:
    """A cluster of Solana of this worker whose clock is the machine's; see tests/fixtures_allotments.py."""
    # Imported here: most tests of the platform need no solders.
    from tests.fixtures_allotments import World
    from tests.fixtures_solana import SLOT_MILLISECONDS
    from valetkey.chains.devsolana import DevSolana

    with DevSolana.start(slot_milliseconds=SLOT_MILLISECONDS) as running:
        world = World(running)
        yield world
        world.rpc.close()


@pytest.fixture(scope="session")
def port(start_for_all: Start, sea: Any) -> Server:
    """A platform that serves it."""
    return start_for_all(VALETKEY_NETWORKS=sea.networks())
