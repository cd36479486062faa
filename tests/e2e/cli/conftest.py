"""What tests of the command line share: one time zone, an owner whose commands are written down, a sound machine."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.e2e.cli.patients import Patient
from tests.e2e.cli.transcribing import Scribe
from tests.fixtures_stack import RunningStack
from valetkey import BuyerAgent
from valetkey.cli.dev_rpc import USDC
from valetkey.cli.run import app


@pytest.fixture(autouse=True)
def one_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def scribe(stack: RunningStack, tmp_path: Path) -> Scribe:
    """An owner with a thousand USDC whose key is in a file, and no API key yet."""
    key = stack.wallet(1_000 * USDC)
    (tmp_path / "wallet.key").write_text(key.to_hex())
    (tmp_path / "wallet.key").chmod(0o600)
    mark = uuid.uuid4().hex[:10]
    environ = {
        "VALETKEY_BASE_URL": stack.base_url,
        "VALETKEY_HOME": str(tmp_path / "home"),
        "VALETKEY_CONFIG": "",
        "VALETKEY_OWNER_KEY_FILE": str(tmp_path / "wallet.key"),
        "VALETKEY_API_KEY_FILE": str(tmp_path / "api-key"),
        "HOME": str(tmp_path / "nobody"),
    }
    return Scribe(environ, {str(tmp_path): "/folder", mark: "MARK"})


@pytest.fixture
def patient(stack: RunningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Patient]:
    for name in ("VALETKEY_DATABASE", "VALETKEY_RPC_URL", "VALETKEY_API_KEY", "VALETKEY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    key, home = stack.wallet(10 * USDC), tmp_path / "home"
    name = f"patient-{uuid.uuid4().hex[:10]}"
    owner = BuyerAgent.register(key, name, base_url=stack.base_url, state_dir=home)
    owner.init_eoa_wallet(key)
    assert owner.api_key is not None
    for file, text in (("api-key", owner.api_key.reveal()), ("wallet.key", key.to_hex())):
        (tmp_path / file).write_text(text)
        (tmp_path / file).chmod(0o600)
    home.mkdir(mode=0o700, exist_ok=True)
    home.chmod(0o700)
    environ = {
        "VALETKEY_BASE_URL": stack.base_url,
        "VALETKEY_HOME": str(home),
        "VALETKEY_API_KEY_FILE": str(tmp_path / "api-key"),
        "VALETKEY_OWNER_KEY_FILE": str(tmp_path / "wallet.key"),
        "VALETKEY_DATABASE": str(tmp_path / "platform.db"),
        "HOME": str(tmp_path),
    }
    ran = CliRunner().invoke(app, ["migrate"], env=environ)
    assert ran.exit_code == 0, ran.stderr
    yield Patient(environ, tmp_path, owner)
    owner.close()
