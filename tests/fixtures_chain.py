"""Development chains for tests: one per worker, and isolated moments of it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from valetkey.chains.devchain import DEV_ADDRESSES, DevChain, dev_private_key

CHAIN_ID = 84532
ACCOUNTS = DEV_ADDRESSES
"""The well-known accounts, EIP-55; each holds 10,000 ETH and signs for whoever asks."""
PRIVATE_KEYS = tuple(f"0x{dev_private_key(index).hex()}" for index in range(len(DEV_ADDRESSES)))


class RpcError(AssertionError):
    """The chain answered an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: Any = error.get("data")


class ChainRpc:
    """A development chain and plain calls of it."""

    def __init__(self, devchain: DevChain) -> None:
        self.devchain = devchain
        self.rpc_url = devchain.rpc_url
        self.chain_id = devchain.chain_id
        self._http = httpx.Client(base_url=devchain.rpc_url, timeout=60, trust_env=False)

    def __call__(self, method: str, *params: Any) -> Any:
        """The result of one call; raises RpcError."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = self._http.post("/", json=request).json()
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def post(self, body: bytes) -> httpx.Response:
        """Any bytes at all."""
        return self._http.post("/", content=body)

    def close(self) -> None:
        self._http.close()


@pytest.fixture(scope="session")
def devchain() -> Iterator[DevChain]:
    """The chain of this worker, shared by its tests: what they do to it stays."""
    with DevChain.start(engine="py-evm") as running:
        yield running


@pytest.fixture
def chain(devchain: DevChain) -> Iterator[ChainRpc]:
    """The chain of this worker as it is now; everything the test does to it is undone, its time included.

    Fixtures of wider scope that build on `devchain` must come first: what they do meanwhile would be undone too.
    """
    rpc = ChainRpc(devchain)
    before = rpc("evm_snapshot")
    yield rpc
    rpc("evm_setAutomine", True)
    assert rpc("evm_revert", before) is True
    rpc.close()
