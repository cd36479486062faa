"""SECRETS_STAY_SECRET: nothing that the demo leaves behind or shows holds any secret that it used."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.playing import DemoRun
from tests.e2e.processes import arguments, wait_until
from tests.e2e.searching import files, leaks, shapes

KEY_FILES = ("secrets.json", "stack/secrets/")
NAMES = {
    "stack_owner_key",
    "webhook_secret",
    "master_secret",
    "operator_token",
    "relayer_key",
    "owner_key",
    "owner_api_key",
    "seller_key",
    "seller_api_key",
    *(f"{s}_{part}" for s in ("main", "short") for part in ("bundle", "token", "wallet_key", "e2e_key")),
}


@pytest.fixture(params=["wallet", "grant"])
def demo_run(request: pytest.FixtureRequest) -> DemoRun:
    """Both stories leave nothing."""
    played = "played_demo" if request.param == "wallet" else "played_demo_of_grants"
    found: DemoRun = request.getfixturevalue(played)
    return found


def test_SECRETS_STAY_SECRET_in_everything_the_demo_leaves(demo_run: DemoRun) -> None:
    secrets = demo_run.secrets
    assert secrets.keys() == NAMES
    assert all(len(secret) >= 64 for secret in secrets.values())
    left = dict(files(demo_run.kept, *KEY_FILES))
    logs = [name for name in left if name.endswith(".log")]
    assert {"stack/platform.log", "actors/delegate/process.log"} <= set(logs)
    assert left["stack/platform.log"], "the log says something"
    assert any(data.startswith(b"SQLite format 3") for data in left.values()), "the database is there"
    assert not leaks(secrets, left.items())


def test_SECRETS_STAY_SECRET_in_arguments_environments_and_the_write_ahead_log(demo_run: DemoRun) -> None:
    seen = dict(files(demo_run.seen))
    assert b"valetkey.cli.demo.actor\0delegate" in seen["arguments"]
    assert seen["platform.db-wal"], "the write-ahead log was seen"
    assert not leaks(demo_run.secrets, seen.items())


def test_SECRETS_STAY_SECRET_in_what_the_demo_says(demo_run: DemoRun) -> None:
    said = {"stdout": demo_run.stdout.encode(), "stderr": demo_run.stderr.encode()}
    assert not leaks(demo_run.secrets, said.items())


def test_key_files_are_their_owners_alone(demo_run: DemoRun) -> None:
    keys = [
        p for p in demo_run.kept.rglob("*") if p.relative_to(demo_run.kept).as_posix().startswith(KEY_FILES)
    ]
    assert len(keys) >= 4
    assert {oct(path.stat().st_mode & 0o777) for path in keys if path.is_file()} == {"0o600"}


@pytest.mark.parametrize("before", [b"", b"x", b"xy"])
def test_a_planted_secret_is_found_in_every_shape(demo_run: DemoRun, before: bytes, tmp_path: Path) -> None:
    for name, secret in demo_run.secrets.items():
        for shape, value in shapes(secret).items():
            (tmp_path / "log").write_bytes(b'{"event": "' + before + value + b'"}')
            found = leaks({name: secret}, files(tmp_path))
            assert f"{name} as {shape} in log" in found


def test_a_planted_secret_is_found_in_a_row_before_it_reaches_the_database(
    demo_run: DemoRun, tmp_path: Path
) -> None:
    shutil.copyfile(demo_run.kept / "stack" / "platform.db", tmp_path / "platform.db")
    database = sqlite3.connect(tmp_path / "platform.db")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE planted (text TEXT)")
    database.execute("INSERT INTO planted VALUES (?)", [demo_run.secrets["main_token"]])
    database.commit()
    found = leaks(demo_run.secrets, files(tmp_path))
    database.close()
    assert "main_token as text in platform.db-wal" in found


def test_a_planted_secret_is_found_in_the_arguments_of_a_process(demo_run: DemoRun) -> None:
    code = "import sys; sys.stdin.read()"
    secret = demo_run.secrets["owner_api_key"]
    process = subprocess.Popen([sys.executable, "-c", code, secret], stdin=subprocess.PIPE)
    try:
        wait_until(lambda: code.encode() in arguments(process.pid), "the process")
        assert leaks({"key": secret}, [("arguments", arguments(process.pid))])
    finally:
        process.communicate()
