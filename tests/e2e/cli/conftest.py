"""What the tests of the command line share: one time zone, and an owner whose commands are written down."""

import time
import uuid
from pathlib import Path

import pytest

from tests.e2e.cli.transcribing import Scribe
from tests.fixtures_stack import RunningStack
from valetkey.cli.rpc import USDC


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
