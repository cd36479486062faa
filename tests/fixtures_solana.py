"""An embedded cluster for tests, and plain calls of it."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from valetkey.chains.devsolana import DevSolana
from valetkey.crypto.ed25519 import SigningKey

SLOT_MILLISECONDS = 100
TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
TOKEN_2022 = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
SOL = 10**9


class RpcError(AssertionError):
    """The cluster answered an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: Any = error.get("data")


class ClusterRpc:
    """An embedded cluster and plain calls of it."""

    def __init__(self, cluster: DevSolana) -> None:
        self.rpc_url = cluster.rpc_url
        self.chain_id = cluster.chain_id
        self._http = httpx.Client(base_url=cluster.rpc_url, timeout=30, trust_env=False)

    def __call__(self, method: str, *params: Any) -> Any:
        """The result of one call; raises RpcError."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = self._http.post("/", json=request).json()
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def wallet(self, lamports: int = 10 * SOL) -> SigningKey:
        """A new account with so many lamports."""
        key = SigningKey.generate()
        if lamports:
            self("requestAirdrop", key.address, lamports)
            self.settle()
        return key

    def mint(self, decimals: int = 6, program: str = TOKEN) -> str:
        """A new token."""
        found: str = self("valetkey_makeMint", decimals, program)
        self.settle()
        return found

    def give(self, owner: str, mint: str, units: int) -> str:
        """Tokens for an owner; its associated account."""
        found: str = self("valetkey_giveTokens", owner, mint, units)
        self.settle()
        return found

    def lamports(self, address: str) -> int:
        found: int = self("getBalance", address, {"commitment": "processed"})["value"]
        return found

    def units(self, account: str) -> int:
        """Base units in a token account."""
        answer = self("getTokenAccountBalance", account, {"commitment": "processed"})
        return int(answer["value"]["amount"])

    def settle(self) -> None:
        """Let everything that is in a slot become final."""
        self("valetkey_warpSlots", 3)

    def close(self) -> None:
        self._http.close()


@pytest.fixture(scope="session")
def devsolana() -> Iterator[DevSolana]:
    """The cluster of this worker, shared by its tests: what they do to it stays."""
    with DevSolana.start(slot_milliseconds=SLOT_MILLISECONDS) as running:
        yield running


@pytest.fixture
def cluster(devsolana: DevSolana) -> Iterator[ClusterRpc]:
    """The cluster of this worker."""
    rpc = ClusterRpc(devsolana)
    yield rpc
    rpc.close()


def wait_for(what: Any, seconds: float = 10) -> None:
    """Until something is so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)
