"""`valetkey dev`: one line when everything answers, nothing left when it ends, and a folder that survives."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest

from tests.cluster import databases
from tests.e2e.processes import all_gone, arguments, descendants, wait_until
from tests.fixtures_stack import RunningStack, start_stack
from tests.stores.making import an_agent, an_api_key, digest
from valetkey.cli.complaint import Complaint
from valetkey.cli.dev import postgres
from valetkey.crypto.keys import PrivateKey
from valetkey.stores.postgres import open_postgres


def folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("valetkey-*"))


def child(running: RunningStack, words: bytes) -> int:
    """The child whose arguments contain these words."""
    (found,) = [pid for pid in descendants(running.process.pid) if words in arguments(pid)]
    return found


def test_one_line_tells_everything_and_everything_answers(stack: RunningStack) -> None:
    assert httpx.get(f"{stack.base_url}/readyz").status_code == 200
    network = httpx.get(f"{stack.base_url}/api/v1/network").json()["data"]
    assert network["chainId"] == stack.chain_id == stack.rpc.chain_id() == 84532
    assert network["contracts"] == stack.contracts
    assert network["rpcUrl"] == stack.rpc_url
    assert network["testMode"] is True
    assert all(stack.rpc.has_code(address) for address in stack.contracts.values())
    owner = PrivateKey.from_hex(stack.owner_key).address
    assert stack.units(owner) > 0
    assert stack.rpc.wei(owner) > 0
    assert stack.webhook_secret


@pytest.mark.parametrize(
    "how",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
    ],
    ids=lambda how: how.name,
)
def test_no_process_and_no_folder_is_left(how: signal.Signals) -> None:
    before = folders()
    running = start_stack(studio=True)
    below = descendants(running.process.pid)
    assert len(below) >= 4, "chain, platform, studio and janitor"
    assert running.studio_url is not None
    assert httpx.get(f"{running.studio_url}/healthz", timeout=30).text == "ok"
    os.kill(running.process.pid, how)
    running.process.wait(30)
    wait_until(lambda: all_gone(below), "the end of every child")
    wait_until(lambda: folders() <= before, "the end of the folder")
    running.stop()
    assert running.process.returncode == (-how if how is signal.SIGKILL else 0)


@pytest.mark.slow
def test_the_death_of_a_child_ends_it_with_a_sentence(tmp_path: Path) -> None:
    log = tmp_path / "dev.log"
    running = start_stack(log=log)
    below = descendants(running.process.pid)
    os.kill(child(running, b"serve"), signal.SIGKILL)
    assert running.process.wait(30) == 7
    running.stop()
    assert "the platform ended (exit -9)" in log.read_text()
    wait_until(lambda: all_gone(below), "the end of every child")


def test_a_folder_keeps_chain_contracts_database_and_secrets_also_after_kill_9(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = start_stack("--data", str(data))
    wallet = first.wallet(usdc=7)
    block = first.rpc.block_number()
    below = descendants(first.process.pid)
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait(30)
    wait_until(lambda: all_gone(below), "the end of every child")
    first.stop()
    # As an earlier version kept them, which knew no session allowance.
    kept = json.loads((data / "contracts.json").read_text())
    assert kept.pop("allowance")
    (data / "contracts.json").write_text(json.dumps(kept))

    second = start_stack("--data", str(data))
    try:
        assert second.contracts == first.contracts
        assert second.owner_key == first.owner_key
        assert second.webhook_secret == first.webhook_secret
        assert second.units(wallet.address) == 7
        assert second.rpc.block_number() >= block
        secrets = list((data / "secrets").iterdir())
        assert {oct(path.stat().st_mode & 0o777) for path in secrets} == {"0o600"}

        rival = _dev("--data", str(data), "--port", "0", "--rpc-port", "0")
        assert rival.returncode == 6
        assert "another `valetkey dev` uses" in rival.stderr
    finally:
        second.stop()


def test_a_port_in_use_is_said_clearly(stack: RunningStack) -> None:
    port = stack.base_url.rpartition(":")[2]
    ran = _dev("--port", port, "--rpc-port", "0")
    assert ran.returncode == 7
    assert f"cannot listen on 127.0.0.1:{port}" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""


def test_a_database_that_somebody_else_uses_is_refused(
    tmp_path: Path,
) -> None:
    used = databases().fresh()
    asyncio.run(_register_in(used))
    named = tmp_path / "database.url"
    named.write_text(f"{used}\n")
    ran = _dev(
        "--database-file", str(named), "--data", str(tmp_path / "stack"), "--port", "0", "--rpc-port", "0"
    )
    assert ran.returncode == 6, ran.stderr
    assert "is in use" in ran.stderr
    assert ran.stdout == ""


def test_a_database_with_a_password_is_named_by_a_file(tmp_path: Path) -> None:
    named = tmp_path / "database.url"
    named.write_text("postgresql://me:hunter2@127.0.0.1/x\n")
    found = postgres(None, named)
    assert found is not None
    assert found.reveal() == "postgresql://me:hunter2@127.0.0.1/x"
    assert postgres(None, None) is None
    for url, file, words in (
        ("postgresql://me:hunter2@127.0.0.1/x", None, "can be read by everybody"),
        ("postgresql://127.0.0.1/x?password=hunter2", None, "can be read by everybody"),
        ("sqlite://hunter2", None, "begins with postgresql://"),
        ("postgresql://[hunter2", None, "begins with postgresql://"),
        ("postgresql://127.0.0.1/x", named, "two names"),
        (None, tmp_path / "nowhere", "cannot be read"),
    ):
        with pytest.raises(Complaint, match=words) as refused:
            postgres(url, file)
        assert "hunter2" not in str(refused.value)


async def _register_in(url: str) -> None:
    store = await open_postgres(url)
    agent = an_agent()
    assert await store.add_agent(agent, digest(f"key of {agent.id}"), an_api_key(agent))
    await store.close()


def test_help_and_version_need_nothing_heavy() -> None:
    code = (
        "import sys; from valetkey.cli.run import app; app(['version'], standalone_mode=False);"
        "print(sorted({'web3', 'uvicorn', 'apsw', 'eth', 'starlette'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def _dev(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "valetkey", "dev", "--json", "--no-studio", *options],
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
