"""`valetkey migrate`: forward only, on either database; a platform does not serve tables of another version."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import apsw
import asyncpg
import httpx
import pytest

from tests.cluster import Databases, databases
from tests.e2e.test_seven import platform
from tests.integration.platform.serving import registration
from valetkey.crypto.keys import PrivateKey
from valetkey.stores.postgres.schema import MIGRATIONS
from valetkey.stores.sqlite.schema import MIGRATIONS as FILE_MIGRATIONS


def migrate(database: str) -> subprocess.CompletedProcess[str]:
    return command(database, "migrate")


def command(database: str | Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    return subprocess.run(
        [sys.executable, "-m", "valetkey", *words],
        env=environ | {"VALETKEY_DATABASE": str(database)} | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def empty(made: Databases) -> str:
    """The URL of a new database without our tables."""
    url = made.fresh()
    run(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return url


def run(url: str, sql: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(sql)
        await connection.close()

    asyncio.run(work())


def test_a_postgresql_database() -> None:
    url = empty(databases())
    with pytest.raises(AssertionError, match="ended"), platform(url):
        raise AssertionError("it serves")
    done = migrate(url)
    assert (done.returncode, done.stdout) == (0, f"version 0 -> {len(MIGRATIONS)}\n")
    again = migrate(url)
    assert (again.returncode, again.stdout) == (0, f"version {len(MIGRATIONS)}, as it was\n")
    with platform(url) as base_url:
        assert base_url.startswith("http://")
    run(url, f"INSERT INTO valetkey_versions (version) VALUES ({len(MIGRATIONS) + 1})")
    newer = migrate(url)
    assert newer.returncode != 0
    assert "newer" in newer.stderr


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "valetkey.db"
    done = migrate(str(path))
    assert (done.returncode, done.stdout) == (0, f"version 0 -> {len(FILE_MIGRATIONS)}\n")
    db = apsw.Connection(str(path))
    db.execute(f"PRAGMA user_version = {len(FILE_MIGRATIONS) + 1}")
    db.close()
    newer = migrate(str(path))
    assert newer.returncode != 0
    assert "newer" in newer.stderr


@pytest.mark.parametrize(
    "database", ["mysql://x/y", "postgresql://u:p4ssw0rd@127.0.0.1:9/x", "postgresql://u:p4ssw0rd@[x/y"]
)
def test_SECRETS_STAY_SECRET_what_is_no_database_is_one_sentence(database: str) -> None:
    done = migrate(database)
    assert done.returncode in (2, 7)
    assert done.stderr.startswith("valetkey: ")
    assert done.stderr.count("\n") == 1
    assert "p4ssw0rd" not in done.stderr + done.stdout


def test_a_backup_that_is_played_back_is_served_after_its_release(tmp_path: Path) -> None:
    database, backup, restored = (tmp_path / name for name in ("valetkey.db", "backup.db", "restored.db"))
    with platform(str(database)) as base_url:
        registered = httpx.post(
            f"{base_url}/api/v1/agents/register", json=registration(PrivateKey.generate())
        )
        key = {"X-API-Key": registered.json()["apiKey"]}
        taken = command(database, "backup", str(backup))
        assert (taken.returncode, "entries hold" in taken.stdout) == (0, True), taken.stderr
    done = command(restored, "restore", str(backup))
    assert (done.returncode, "valetkey release" in done.stdout) == (0, True), done.stderr
    with pytest.raises(AssertionError, match="ended"), platform(str(restored)):
        raise AssertionError("it serves")
    released = command(restored, "release")
    assert (released.returncode, "1 API keys of 1 agents" in released.stdout) == (0, True), released.stderr
    with platform(str(restored)) as base_url:
        assert httpx.get(f"{base_url}/api/v1/agents/keys", headers=key).status_code == 401
    other = command("postgresql://127.0.0.1/x", "backup", str(tmp_path / "x.db"))
    assert (other.returncode, "pg_dump" in other.stderr) == (2, True), other.stderr
