"""The embedded cluster itself: a process of its own, its slots, and the shapes of its answers."""

import os
import subprocess
import sys
import time

import pytest

from tests.fixtures_solana import SOL, ClusterRpc, RpcError
from valetkey.chains.devsolana import DevChainError, DevSolana
from valetkey.core.chains import LOCAL_GENESIS_HASH
from valetkey.crypto.ed25519 import SigningKey


def test_it_answers_as_a_node_of_its_own_cluster(cluster: ClusterRpc) -> None:
    assert cluster("getHealth") == "ok"
    assert cluster("getGenesisHash") == LOCAL_GENESIS_HASH
    assert "solana-core" in cluster("getVersion")
    assert cluster("getMinimumBalanceForRentExemption", 165) == 2_039_280
    slot = cluster("getSlot", {"commitment": "processed"})
    assert cluster("getBlockHeight", {"commitment": "processed"}) < slot
    assert cluster("getBlockTime", slot) is not None
    assert cluster("getBlockTime", slot + 10_000_000) is None


def test_slots_pass_by_themselves_and_at_once(cluster: ClusterRpc) -> None:
    first = cluster("getLatestBlockhash", {"commitment": "processed"})
    time.sleep(0.3)
    second = cluster("getLatestBlockhash", {"commitment": "processed"})
    assert second["context"]["slot"] > first["context"]["slot"]
    assert second["value"]["blockhash"] != first["value"]["blockhash"]
    options = {"commitment": "processed"}
    assert cluster("isBlockhashValid", first["value"]["blockhash"], options)["value"] is True
    before = cluster("getBlockTime", cluster("getSlot", options))
    assert cluster("valetkey_advanceTime", 3_600) >= before + 3_600
    assert cluster("isBlockhashValid", first["value"]["blockhash"], options)["value"] is False


def test_what_is_not_final_yet_is_not_told_as_final(cluster: ClusterRpc) -> None:
    key = SigningKey.generate()
    with DevSolana.start(slot_milliseconds=60_000, finality_slots=5) as slow:
        rpc = ClusterRpc(slow)
        rpc("valetkey_warpSlots", 10)
        rpc("requestAirdrop", key.address, SOL)
        assert rpc("getBalance", key.address, {"commitment": "processed"})["value"] == SOL
        assert rpc("getBalance", key.address, {"commitment": "confirmed"})["value"] == 0
        assert rpc("getBalance", key.address)["value"] == 0
        rpc("valetkey_warpSlots", 1)
        assert rpc("getBalance", key.address, {"commitment": "confirmed"})["value"] == SOL
        assert rpc("getBalance", key.address)["value"] == 0
        rpc("valetkey_warpSlots", 4)
        assert rpc("getBalance", key.address)["value"] == SOL
        with pytest.raises(RpcError) as refused:
            rpc("getSlot", {"minContextSlot": 10**9})
        assert refused.value.code == -32016
        rpc.close()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getBalance", ["nonsense"]),
        ("getBalance", []),
        ("getBalance", ["1" * 32, {"commitment": "maybe"}]),
        ("getMultipleAccounts", ["1" * 32]),
        ("sendTransaction", ["AAAA", {"encoding": "base64"}]),
        ("sendTransaction", ["AQ==", {"encoding": "base64"}]),
        ("getSignatureStatuses", [["x"]]),
        ("getTokenAccountBalance", ["1" * 32]),
        ("requestAirdrop", ["1" * 32, -5]),
        ("valetkey_makeMint", [99]),
        ("valetkey_giveTokens", ["1" * 32, "1" * 32, 5]),
        ("getMinimumBalanceForRentExemption", [-1]),
    ],
)
def test_requests_that_cannot_be_meant(cluster: ClusterRpc, method: str, params: list[object]) -> None:
    with pytest.raises(RpcError) as refused:
        cluster(method, *params)
    assert refused.value.code == -32602


def test_tokens_are_found_by_owner_and_by_delegate(cluster: ClusterRpc) -> None:
    owner, mint = cluster.wallet(), cluster.mint(9)
    account = cluster.give(owner.address, mint, 5)
    found = cluster("getTokenAccountsByOwner", owner.address, {"mint": mint}, {"encoding": "base64"})["value"]
    assert [one["pubkey"] for one in found] == [account]
    assert cluster("getTokenAccountsByDelegate", owner.address, {"mint": mint})["value"] == []
    balance = cluster("getTokenAccountBalance", account)["value"]
    assert (balance["amount"], balance["decimals"], balance["uiAmountString"]) == ("5", 9, "0.000000005")


def test_it_ends_with_whoever_started_it() -> None:
    code = (
        "import os,sys;from valetkey.chains.devsolana import DevSolana;d=DevSolana.start();"
        "print(d.pid,flush=True);os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False, timeout=60)
    pid = int(done.stdout)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("it outlived its starter")


@pytest.mark.parametrize("options", [{"port": 99_999}, {"slot_milliseconds": 0}, {"finality_slots": 1_000}])
def test_what_cannot_start_says_why(options: dict[str, int]) -> None:
    with pytest.raises(DevChainError):
        DevSolana.start(**options)
    assert DevChainError.retryable is False


def test_a_taken_port(cluster: ClusterRpc) -> None:
    port = int(cluster.rpc_url.rsplit(":", 1)[1])
    with pytest.raises(DevChainError, match="cannot listen"):
        DevSolana.start(port=port)
