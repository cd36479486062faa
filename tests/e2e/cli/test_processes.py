"""What only a process of its own shows: pipes that end, Ctrl-C, a terminal, and completion."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from tests.fixtures_stack import RunningStack
from valetkey import BuyerAgent
from valetkey.cli.dev_rpc import USDC
from valetkey.cli.failing import INTERRUPTED, READER_GONE

PATIENCE_SECONDS = 30


@pytest.fixture
def owner(stack: RunningStack, tmp_path: Path) -> BuyerAgent:
    key = stack.wallet(10 * USDC)
    name = f"watched-{uuid.uuid4().hex[:10]}"
    return BuyerAgent.register(key, name, base_url=stack.base_url, state_dir=tmp_path / "home")


def started(
    owner: BuyerAgent, stack: RunningStack, *words: str, stdout: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    assert owner.api_key is not None
    known = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    secret = {"VALETKEY_BASE_URL": stack.base_url, "VALETKEY_API_KEY": owner.api_key.reveal()}
    return subprocess.Popen(
        [sys.executable, "-m", "valetkey", *words],
        env=known | secret | {"COLUMNS": "120", "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_watcher_sees_each_change_and_ends_quietly(owner: BuyerAgent, stack: RunningStack) -> None:
    session = owner.create_session(5, 600, label="watched")
    process = started(owner, stack, "session", "watch", session.session_id, "--json", "--every", "1s")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert (first["status"], first["changed"]) == ("active", [])
    owner.pause_session(session)
    second = json.loads(process.stdout.readline())
    assert (second["status"], second["changed"]) == ("paused", ["status"])
    process.send_signal(signal.SIGINT)
    told, problems = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, told, problems) == (INTERRUPTED, "", "")


def test_a_watcher_ends_with_what_it_watched(owner: BuyerAgent, stack: RunningStack) -> None:
    session = owner.create_session(5, 600)
    process = started(owner, stack, "session", "watch", session.session_id, "--every", "1s")
    assert process.stdout is not None
    assert " active " in process.stdout.readline()
    owner.revoke_session(session)
    told, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert " revoked " in told


def test_a_live_table_on_a_terminal(owner: BuyerAgent, stack: RunningStack) -> None:
    session = owner.create_session(5, 600, label="日本語")
    ours, theirs = pty.openpty()
    process = started(owner, stack, "session", "watch", "--every", "1s", stdout=theirs)
    os.close(theirs)
    shown = _read(ours, "日本語")
    assert session.session_id[:12] in shown
    assert "\x1b[" in shown, "it moves"
    process.send_signal(signal.SIGINT)
    _, problems = process.communicate(timeout=PATIENCE_SECONDS)
    os.close(ours)
    assert (process.returncode, problems) == (INTERRUPTED, "")


def _read(descriptor: int, words: str) -> str:
    seen, ends = b"", time.monotonic() + PATIENCE_SECONDS
    while words not in (text := seen.decode("utf-8", "replace")):
        assert time.monotonic() < ends, text
        if select.select([descriptor], [], [], 1)[0]:
            seen += os.read(descriptor, 65_536)
    return text


def test_whoever_reads_may_go_away(owner: BuyerAgent, stack: RunningStack) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = started(owner, stack, "completion", "bash", stdout=writer)
    os.close(writer)
    _, problems = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, problems) == (READER_GONE, "")


def test_a_bundle_is_not_printed_on_a_terminal_unless_asked_for(
    owner: BuyerAgent, stack: RunningStack
) -> None:
    ours, theirs = pty.openpty()
    process = started(owner, stack, "session", "create", "--budget", "1", stdout=theirs)
    os.close(theirs)
    _, problems = process.communicate(timeout=PATIENCE_SECONDS)
    os.close(ours)
    assert process.returncode == 2
    assert "--out FILE, or --print-bundle" in problems
    assert owner.sessions() == []


def test_a_shell_completes_commands() -> None:
    words = {"COMP_WORDS": "valetkey session re", "COMP_CWORD": "2", "_VALETKEY_COMPLETE": "complete_bash"}
    ran = subprocess.run(
        [sys.executable, "-c", "from valetkey.cli.run import main; main()"],
        env=dict(os.environ) | words,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert sorted(ran.stdout.split()) == ["reclaim", "resume", "revoke"], ran.stderr
