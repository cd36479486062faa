"""`valetkey freeze`, with the platform and without."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.fixtures_stack import RunningStack
from tests.integration.sdk.world import World
from valetkey.cli.dev_rpc import USDC
from valetkey.sdk.errors import RelayRefused
from valetkey.wire.errors import Exit

NOBODY = "http://127.0.0.1:1"


def freeze(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    return subprocess.run(
        [sys.executable, "-m", "valetkey", "freeze", *arguments],
        env=known | environ,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def world(stack: RunningStack, tmp_path: Path) -> World:
    return World(stack, tmp_path, [])


def test_OWNER_CAN_ALWAYS_RECLAIM_with_the_platform_gone(world: World) -> None:
    """In both modes at once: what is in wallets comes home, what was granted stands still."""
    home = world.folder()
    key = world.stack.wallet(1_000 * USDC)
    owner = world.owner(key, state_dir=home)
    funded = [owner.create_session(5, 3_600) for _ in range(2)]
    for session in funded:
        owner.fund_session(session)
    granted = owner.create_session(50, 3_600, funding="grant")
    delegate = world.delegate(granted)
    payee = world.stack.wallet().address
    delegate.draw(delegate.spend("1", payee=payee))
    before = world.stack.units(key.address)
    # A folder holds whatever was there: one copy of nobody's.
    (home / "recovery" / "ses_of_another_wallet").write_bytes(b"not a copy of ours")
    secret = {"VALETKEY_OWNER_KEY": key.to_hex(), "VALETKEY_HOME": str(home), "VALETKEY_BASE_URL": NOBODY}
    ran = freeze("--direct", "--json", **secret)
    told = json.loads(ran.stdout)
    assert ran.returncode == Exit.ENVIRONMENT, "one of them could not be swept, and it says which"
    problems = {one["session_id"] for one in told["swept"] if one["problem"]}
    assert problems == {"ses_of_another_wallet"}
    assert told["frozen"].startswith("0x")
    assert world.stack.units(key.address) == before + 10 * USDC
    for session in funded:
        assert world.has(session.wallet_address) == (0, 0)
    with pytest.raises(RelayRefused, match="frozen"):
        delegate.draw(delegate.spend("1", payee=payee))
    # Again does what is left, which is nothing.
    (home / "recovery" / "ses_of_another_wallet").unlink()
    again = freeze("--direct", **secret)
    assert again.returncode == 0, again.stderr
    assert "nothing to freeze" in again.stdout
    assert key.to_hex(prefix=False) not in again.stdout + again.stderr + ran.stderr
    assert freeze("--direct", "--thaw", **secret).returncode == 0
    assert "none was frozen" in freeze("--direct", "--thaw", **secret).stdout
    assert delegate.draw(delegate.spend("1", payee=payee)).state == "captured"


def test_OWNER_CAN_ALWAYS_RECLAIM_without_a_coin_to_freeze_with(world: World) -> None:
    """Grants stay as they are, and it says so; what is in wallets comes home all the same, which they pay for."""
    home = world.folder()
    key = world.stack.wallet(1_000 * USDC)
    owner = world.owner(key, state_dir=home)
    funded = owner.create_session(5, 3_600)
    owner.fund_session(funded)
    before = world.stack.units(key.address)
    with httpx.Client(trust_env=False) as http:
        empty = {"method": "anvil_setBalance", "params": [key.address, "0x0"], "jsonrpc": "2.0", "id": 1}
        assert "error" not in http.post(world.stack.rpc_url, json=empty).json()
    secret = {"VALETKEY_OWNER_KEY": key.to_hex(), "VALETKEY_HOME": str(home), "VALETKEY_BASE_URL": NOBODY}
    ran = freeze("--direct", "--json", **secret)
    told = json.loads(ran.stdout)
    assert (ran.returncode, told["frozen"]) == (Exit.ENVIRONMENT, None)
    assert told["problem"]
    assert [one["problem"] for one in told["swept"]] == [None]
    assert world.stack.units(key.address) == before + 5 * USDC
    # What was swept is gas money as well: the second time it can be frozen.
    again = json.loads(freeze("--direct", "--json", **secret).stdout)
    assert again["problem"] is None
    assert again["frozen"].startswith("0x")


def test_by_the_platform_with_the_api_key(world: World) -> None:
    owner = world.owner()
    session = owner.create_session(5, 3_600)
    assert owner.api_key is not None
    secret = {"VALETKEY_API_KEY": owner.api_key.reveal(), "VALETKEY_BASE_URL": world.stack.base_url}
    assert json.loads(freeze("--json", **secret).stdout)["frozen"]
    assert owner.get_session(session.session_id).status == "paused"
    assert freeze("--thaw", **secret).returncode == 0
    assert owner.get_session(session.session_id).status == "active"


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "words"),
    [
        (["--direct"], {}, Exit.INPUT, "private key is needed"),
        (["--direct", "--key-file", "/nowhere"], {}, Exit.INPUT, "cannot be read"),
        (["--direct"], {"VALETKEY_OWNER_KEY": "0x" + "77" * 32}, Exit.INPUT, "never met a platform"),
        ([], {}, Exit.INPUT, "VALETKEY_API_KEY"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, arguments: list[str], environ: dict[str, str], code: int, words: str
) -> None:
    ran = freeze(*arguments, VALETKEY_HOME=str(tmp_path), **environ)
    assert ran.returncode == code, ran.stderr
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "7777" not in ran.stderr
