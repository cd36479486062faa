"""What takes longer than a second says so on a terminal, and nowhere else; who asks a shell's way gets completion."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.cli.transcribing import commands
from valetkey.cli.waiting import PATIENCE_SECONDS

PATIENCE = 30
SAID = "asking the platform"
ANSWER = {"success": True, "data": []}


class Slow(ThreadingHTTPServer):
    """A platform that answers when it is allowed to, or after a while."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.allowed = threading.Event()
        self.seconds: float = PATIENCE
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        assert isinstance(self.server, Slow)
        self.server.allowed.wait(self.server.seconds)
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The test looks at the command, not at the server."""


@pytest.fixture
def slow() -> Iterator[Slow]:
    server = Slow()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def start(slow: Slow, *words: str, stdout: int, stderr: int, home: Path) -> "subprocess.Popen[bytes]":
    known = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    return subprocess.Popen(
        [sys.executable, "-m", "valetkey", *words],
        env=known
        | {"VALETKEY_BASE_URL": slow.url, "VALETKEY_API_KEY": "abba_" + "0" * 64, "HOME": str(home)}
        | {"TERM": "xterm", "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
    )


def read_until(descriptor: int, words: str) -> str:
    seen, ends = "", time.monotonic() + PATIENCE
    while words not in seen:
        assert time.monotonic() < ends, seen
        if select.select([descriptor], [], [], 1)[0]:
            seen += os.read(descriptor, 65_536).decode("utf-8", "replace")
    return seen


def all_of(descriptor: int) -> str:
    """Everything that was written; a terminal whose writers are gone is an error of the system, and the end."""
    seen = b""
    while select.select([descriptor], [], [], 0)[0]:
        try:
            piece = os.read(descriptor, 65_536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    return seen.decode("utf-8", "replace")


def test_a_terminal_is_told_what_is_waited_for(slow: Slow, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = start(slow, "agent", "list", stdout=theirs, stderr=theirs, home=tmp_path)
    os.close(theirs)
    read_until(ours, SAID)
    slow.allowed.set()
    read_until(ours, "no agents")
    assert process.wait(PATIENCE) == 0
    os.close(ours)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("agent", "enroll", "--for", "1s"), "enrolling"),
        (("session", "watch", "--for", "1s"), "looking at the sessions"),
        (("session", "list"), SAID),
        (("doctor",), "looking at everything"),
        (("agent", "keys", "create", "other", "--scope", "read", "--print-key"), SAID),
    ],
    ids=lambda one: "-".join(one[:2]) if isinstance(one, tuple) else "",
)
def test_whatever_asks_for_something_says_so(
    slow: Slow, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    """Before it has any answer; then it is interrupted, and leaves the terminal as it was."""
    ours, theirs = pty.openpty()
    process = start(slow, *words, stdout=theirs, stderr=theirs, home=tmp_path)
    os.close(theirs)
    read_until(ours, said)
    process.send_signal(signal.SIGINT)
    slow.allowed.set()
    process.wait(PATIENCE)
    assert "Traceback" not in all_of(ours)
    os.close(ours)


@pytest.mark.parametrize("how", ["as json", "into a pipe", "in a log"])
def test_nobody_else_is(slow: Slow, tmp_path: Path, how: str) -> None:
    slow.seconds = PATIENCE_SECONDS + 1
    ours, theirs = pty.openpty()
    pipe = subprocess.PIPE
    stdout, stderr = {"as json": (theirs, theirs), "into a pipe": (pipe, theirs), "in a log": (theirs, pipe)}[
        how
    ]
    words = ("agent", "list", *(["--json"] if how == "as json" else []))
    process = start(slow, *words, stdout=stdout, stderr=stderr, home=tmp_path)
    os.close(theirs)
    seen = read_until(ours, '"agents"' if how == "as json" else "no agents") if how != "in a log" else ""
    _, problems = process.communicate(timeout=PATIENCE)
    told = seen + all_of(ours) + (problems or b"").decode()
    os.close(ours)
    assert process.returncode == 0
    assert SAID not in told
    assert "\x1b" not in told


def test_every_command_has_a_form_for_programs() -> None:
    lacking = [
        name for name, one in commands().items() if "--json" not in {o for p in one.params for o in p.opts}
    ]
    assert not lacking


# Completion


def in_a_shell(line: str, home: Path, shell: str = "bash") -> "subprocess.CompletedProcess[str]":
    """Run a line as a shell's child: it is asked for by who its parent is."""
    program = f"{sys.executable} -m valetkey"
    return subprocess.run(
        [shell, "-c", f"{program} {line}; exit $?"],
        env=dict(os.environ) | {"HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_completion_is_shown_and_installed(tmp_path: Path) -> None:
    shown = in_a_shell("--show-completion", tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "_VALETKEY_COMPLETE=complete_bash" in shown.stdout
    assert not list(tmp_path.iterdir())
    installed = in_a_shell("--install-completion", tmp_path)
    assert (installed.returncode, installed.stderr) == (0, "")
    script = tmp_path / ".bash_completions" / "valetkey.sh"
    assert script.read_text() == shown.stdout.rstrip("\n")
    assert str(script) in (tmp_path / ".bashrc").read_text()
    assert str(script) in installed.stdout


def test_an_installed_completion_completes(tmp_path: Path) -> None:
    """As bash does it: what it sourced asks the program for the words."""
    assert in_a_shell("--install-completion", tmp_path).returncode == 0
    program = tmp_path / "valetkey"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m valetkey "$@"\n')
    program.chmod(0o755)
    lines = (
        f"source {tmp_path}/.bash_completions/valetkey.sh",
        "COMP_WORDS=(valetkey session claim-)",
        "COMP_CWORD=2",
        f"_valetkey_completion {program}",
        'echo "${COMPREPLY[*]}"',
    )
    ran = subprocess.run(["bash", "-c", "\n".join(lines)], capture_output=True, text=True, timeout=PATIENCE)
    assert sorted(ran.stdout.split()) == ["claim-cancel", "claim-link", "claim-status"], ran.stderr


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / ".bashrc").mkdir()
    (tmp_path / ".bash_completions").write_text("in the way")
    ran = in_a_shell("--install-completion", tmp_path)
    assert ran.returncode == 7, ran.stderr
    assert "cannot be written" in ran.stderr
    assert "valetkey completion bash" in ran.stderr


def test_a_shell_that_is_none_of_ours_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shellingham

    from valetkey.cli import completing
    from valetkey.cli.complaint import Complaint

    def nobody() -> tuple[str, str]:
        raise shellingham.ShellDetectionFailure

    for detect, told in ((nobody, "which shell"), (lambda: ("pwsh", "/usr/bin/pwsh"), "pwsh is none of")):
        monkeypatch.setattr(shellingham, "detect_shell", detect)
        with pytest.raises(Complaint, match=told):
            completing._shell()
