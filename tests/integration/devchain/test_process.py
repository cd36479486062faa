"""The chain as a process: it is kept on disk, survives a kill, and ends when whoever started it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fixtures_chain import ACCOUNTS, CHAIN_ID, ChainRpc
from valetkey.chains.devchain import DevChain, DevChainError

DAY = 86_400


def start(data: Path | None = None, **options: Any) -> DevChain:
    return DevChain.start(engine="py-evm", data_dir=data, **options)


def pay(rpc: ChainRpc, wei: int) -> str:
    sent: str = rpc("eth_sendTransaction", {"from": ACCOUNTS[1], "to": "0x" + "56" * 20, "value": hex(wei)})
    return sent


def gone(pid: int, seconds: float = 10) -> bool:
    """Whether a process that is not our child ends in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def answers(rpc_url: str) -> bool:
    where = urlsplit(rpc_url)
    try:
        socket.create_connection((where.hostname, where.port), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_chain_that_is_kept_goes_on_where_it_was(tmp_path: Path) -> None:
    with start(tmp_path / "chain") as running:
        rpc = ChainRpc(running)
        sent = pay(rpc, 5)
        rpc("evm_increaseTime", DAY)
        rpc("evm_mine")
        before = rpc("eth_getBlockByNumber", "latest", False)
        receipt = rpc("eth_getTransactionReceipt", sent)
        rpc.close()
    with start(tmp_path / "chain") as running:
        rpc = ChainRpc(running)
        assert rpc("eth_getBlockByNumber", "latest", False) == before
        assert rpc("eth_getTransactionReceipt", sent) == receipt
        assert rpc("eth_getBalance", "0x" + "56" * 20, "0x0") == "0x0"
        assert rpc("eth_getBalance", "0x" + "56" * 20, "latest") == "0x5"
        pay(rpc, 5)
        # Travelled time stays travelled.
        after = rpc("eth_getBlockByNumber", "latest", False)
        assert int(after["timestamp"], 16) >= int(before["timestamp"], 16)
        assert int(after["number"], 16) == int(before["number"], 16) + 1
        rpc.close()


def test_nothing_that_was_answered_is_lost_by_a_kill(tmp_path: Path) -> None:
    sent: list[str] = []
    for _ in range(2):
        running = start(tmp_path / "chain")
        rpc = ChainRpc(running)
        for one in sent:
            assert rpc("eth_getTransactionReceipt", one)["status"] == "0x1"
        sent += [pay(rpc, 1) for _ in range(5)]
        os.kill(running.pid, signal.SIGKILL)
        rpc.close()
        running.stop()
        assert not running.alive
    with start(tmp_path / "chain") as running:
        rpc = ChainRpc(running)
        assert int(rpc("eth_getBalance", "0x" + "56" * 20, "latest"), 16) == 10
        assert int(rpc("eth_blockNumber"), 16) == 10
        rpc.close()


def test_without_a_folder_every_chain_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VALETKEY_MASTER_SECRET", "s3cret-of-the-platform")
    with start() as first, start() as second:
        rpc, other = ChainRpc(first), ChainRpc(second)
        assert first.rpc_url != second.rpc_url
        assert urlsplit(first.rpc_url).hostname == "127.0.0.1"
        assert first.chain_id == CHAIN_ID
        pay(rpc, 5)
        assert (rpc("eth_blockNumber"), other("eth_blockNumber")) == ("0x1", "0x0")
        rpc.close()
        other.close()
        # What it inherits holds no secret of ours.
        environment = Path(f"/proc/{first.pid}/environ")
        if environment.exists():
            assert b"s3cret-of-the-platform" not in environment.read_bytes()
        # Each ends in order when it is asked.
        for chain, which in ((first, signal.SIGTERM), (second, signal.SIGINT)):
            os.kill(chain.pid, which)
            deadline = time.monotonic() + 10
            while chain.alive and time.monotonic() < deadline:
                time.sleep(0.02)
            assert not chain.alive
    first.stop()


def test_a_folder_serves_one_chain_at_a_time_and_only_its_own(tmp_path: Path) -> None:
    with start(tmp_path, chain_id=31337), pytest.raises(DevChainError, match="another process uses"):
        start(tmp_path, chain_id=31337)
    with pytest.raises(DevChainError, match="31337, not 84532"):
        start(tmp_path)


def test_a_chain_of_anvil_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "anvil-state.json").write_text("{}")
    with pytest.raises(DevChainError, match="made by anvil"):
        start(tmp_path)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DevChainError, match="cannot make the folder"):
        start(tmp_path / "file" / "chain")
    (tmp_path / "chain.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(DevChainError, match="cannot open"):
        start(tmp_path)


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DevChainError, match=f"cannot listen on 127.0.0.1:{port}"):
            start(port=port)


def test_an_engine_that_nobody_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(DevChainError, match="unknown engine"):
        DevChain.start(engine="geth")
    monkeypatch.setenv("VALETKEY_ANVIL", str(tmp_path / "anvil"))
    with pytest.raises(DevChainError, match="anvil is not installed"):
        DevChain.start(engine="anvil")
    with DevChain.start(engine="auto") as running:
        assert running.engine == "py-evm"


def test_it_ends_with_its_standard_input() -> None:
    command = [sys.executable, "-m", "valetkey.chains.devchain", "--engine", "py-evm"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"rpc_url" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(10) == 0


def test_it_ends_when_its_owner_is_killed() -> None:
    code = (
        "import time\n"
        "from valetkey.chains.devchain import DevChain\n"
        "chain = DevChain.start(engine='py-evm')\n"
        "print(chain.pid, chain.rpc_url, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid, rpc_url = owner.stdout.readline().split()
        assert answers(rpc_url)
        owner.kill()
        owner.wait(10)
    assert gone(int(pid))
    assert not answers(rpc_url)
