"""`valetkey reseal`: webhook secrets move under the new master secret, also while platforms serve and agents renew."""

import json
from pathlib import Path

import httpx
import pytest

from tests.cluster import databases
from tests.e2e.test_migrate import command
from tests.e2e.test_seven import NETWORKS, platform
from tests.integration.platform.serving import registration
from valetkey.crypto.keys import PrivateKey

OLD, NEW, LOST = "m" * 32, "n" * 32, "l" * 32
AGENTS = 3


def reseal(database: str, master: str, other: str | None) -> tuple[int, str]:
    settings = {
        "VALETKEY_MASTER_SECRET": master,
        "VALETKEY_WEBHOOK_SECRET": "w" * 32,
        "VALETKEY_NETWORKS": json.dumps(NETWORKS),
    }
    if other is not None:
        settings["VALETKEY_MASTER_SECRET_OTHER"] = other
    done = command(database, "reseal", "--json", **settings)
    assert not any(one in done.stdout + done.stderr for one in (OLD, NEW, LOST))
    return done.returncode, done.stdout or done.stderr


def renewed(url: str, wallet: PrivateKey) -> None:
    owner = httpx.post(f"{url}/api/v1/agents/register", json=registration(wallet)).json()
    made = httpx.post(f"{url}/api/v1/agents/webhook-secret", headers={"X-API-Key": owner["apiKey"]})
    assert made.status_code == 201, made.text


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_secrets_open_under_the_new_one_alone_afterwards(store: str, tmp_path: Path) -> None:
    database = str(tmp_path / "valetkey.db") if store == "sqlite" else databases().fresh()
    with platform(database, MASTER_SECRET=OLD) as url:
        for _ in range(AGENTS):
            renewed(url, PrivateKey.generate())
    # Neither of these is the one of that time: nothing is changed, and that is told.
    code, told = reseal(database, NEW, LOST)
    assert code == 7, told
    assert f"of {AGENTS} agents" in told
    with platform(database, MASTER_SECRET=NEW, MASTER_SECRET_OTHER=OLD) as url:
        renewed(url, PrivateKey.generate())
        code, told = reseal(database, NEW, OLD)
        assert (code, json.loads(told)) == (0, {"agents": AGENTS + 1, "resealed": AGENTS})
    code, told = reseal(database, NEW, None)
    assert (code, json.loads(told)) == (0, {"agents": AGENTS + 1, "resealed": 0})
    code, told = reseal(database, OLD, None)
    assert code == 7, "the old one opens nothing any more"


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.db"
    code, _ = reseal(str(path), NEW, OLD)
    assert code == 5
    assert not path.exists()
