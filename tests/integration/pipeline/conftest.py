"""The contracts on the chain of this worker, once; what a test does to it is undone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_chain import PRIVATE_KEYS, ChainRpc
from tests.integration.pipeline.plant import Plant
from valetkey.chains.evm.deploy import Deployed, deploy
from valetkey.chains.evm.signer import LocalSigner
from valetkey.crypto.keys import PrivateKey


@pytest.fixture(scope="session")
def deployed(devchain: Any) -> Deployed:
    return deploy(devchain.rpc_url, LocalSigner(PrivateKey.from_hex(PRIVATE_KEYS[0])))


@pytest.fixture
def plant(deployed: Deployed, chain: ChainRpc, tmp_path: Path) -> Plant:
    made = Plant(chain, deployed, tmp_path)
    made.furnish()
    return made


@pytest.fixture
def again(chain: ChainRpc) -> Callable[[], None]:
    """Bring the chain back to where it is now, as often as it is called."""
    state = {"id": chain("evm_snapshot")}

    def back() -> None:
        assert chain("evm_revert", state["id"]) is True
        state["id"] = chain("evm_snapshot")

    return back
