"""Runs docs/tutorial.md as a reader would: its commands, in order, in an empty folder, against a given package.

The page says to a reader what this script needs: "Terminal N" before a block of commands, "Save this as `FILE`" before
a program, and after the commands a block of what they print, which is waited for. A command that runs when its terminal
gets another one is stopped by Ctrl-C first. Nothing of the page is changed but its ports, so that two runs do not meet.
PostgreSQL refuses to be root: then its programs run as the user `postgres`.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tutorial.md"
PORTS = ("54320", "8787", "8545")
STEP_SECONDS = 180.0
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TERMINAL = re.compile(r"[Tt]erminal (\d)")
FILE = re.compile(r"Save this as `([\w.]+)`")
POSTGRES = ("initdb", "pg_ctl", "createdb", "psql")


class TutorialFailed(Exception):
    """A block of the page did not do what the page says."""


@dataclass(frozen=True)
class Step:
    """One block: commands for a terminal, a program to save, or what the terminal then shows."""

    line: int
    kind: str
    text: str
    terminal: str = ""
    file: str = ""


def steps(page: str) -> list[Step]:
    """The blocks of the page in order. Raises TutorialFailed for one that belongs nowhere."""
    found: list[Step] = []
    terminal, end = "", 0
    for fence in FENCE.finditer(page):
        before, line = page[end : fence.start()], page[: fence.start()].count("\n") + 1
        end = fence.end()
        files, terminals = FILE.findall(before), TERMINAL.findall(before)
        match fence[1]:
            case "python" if len(files) == 1:
                found.append(Step(line, "file", fence[2], file=files[0]))
            case "sh" if terminals:
                terminal = terminals[-1]
                found.append(Step(line, "run", fence[2], terminal))
            case "text" if found and found[-1].kind == "run":
                found.append(Step(line, "see", fence[2], terminal))
            case _:
                raise TutorialFailed(f"line {line}: where does this block belong?")
    return found


class Terminal:
    """A shell that takes one command after another, and what it has shown so far."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str], log: Path) -> None:
        self.name = name
        self._log = log
        self._seen = 0
        self._given = 0
        reading, writing = os.pipe()
        with log.open("wb") as shown:
            self._shell = subprocess.Popen(
                ["bash", "--noprofile", "--norc", f"/dev/fd/{reading}"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=shown,
                stderr=subprocess.STDOUT,
                pass_fds=(reading,),
                start_new_session=True,
            )
        os.close(reading)
        self._pipe = os.fdopen(writing, "w", buffering=1)

    def give(self, command: str) -> None:
        """Type a command. What it says when it ends is looked for by `wait`."""
        self._given += 1
        # The shell reads its commands from this pipe, and its children must not.
        self._pipe.write(f"{command}\n{{ printf '\\n[%s ended: %s]\\n' {self._given} $?; }} 2>/dev/null\n")

    def shown(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def ended(self) -> int | None:
        """How the last command ended; None while it runs."""
        found = re.search(rf"\[{self._given} ended: (\d+)\]", self.shown())
        return 0 if self._given == 0 else int(found[1]) if found else None

    def see(self, line: str) -> bool:
        """Whether a line was printed after what was seen before it."""
        at = self.shown().find(line, self._seen)
        if at >= 0:
            self._seen = at + len(line)
        return at >= 0

    def interrupt(self) -> None:
        """Ctrl-C, for whatever runs there."""
        # As a terminal does it: to the whole group. The shell goes on when its child ended by itself.
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGINT)

    def close(self) -> None:
        if self.ended is None:
            self.interrupt()
        with suppress(BrokenPipeError):
            self._pipe.close()
        try:
            self._shell.wait(20)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._shell.pid, signal.SIGKILL)
            self._shell.wait()


def play(page: str, folder: Path, environment: dict[str, str], logs: Path) -> Iterator[str]:
    """Do what the page says, yielding a line about each block. Raises TutorialFailed."""
    terminals: dict[str, Terminal] = {}
    last: Step | None = None
    try:
        for step in [*steps(page), None]:
            if last is not None and (step is None or step.kind != "see"):
                _wait(terminals[last.terminal], last)
            last = None
            if step is None:
                break
            if step.kind == "file":
                (folder / step.file).write_text(step.text, encoding="utf-8")
                yield f"line {step.line}: saved {step.file}"
            elif step.kind == "run":
                terminal = terminals.get(step.terminal)
                if terminal is None:
                    log = logs / f"terminal-{step.terminal}.log"
                    terminal = terminals[step.terminal] = Terminal(step.terminal, folder, environment, log)
                if terminal.ended is None:
                    terminal.interrupt()
                    _until(partial(_has_ended, terminal), terminal, step)
                for command in step.text.replace("\\\n", " ").splitlines():
                    if terminal.ended is None:
                        _wait(terminal, step)
                    yield f"line {step.line}: terminal {step.terminal}: {command}"
                    terminal.give(command)
                last = step
            else:
                for line in step.text.splitlines():
                    terminal = terminals[step.terminal]
                    _until(partial(terminal.see, line), terminal, step)
                    yield f"line {step.line}: seen: {line}"
        for terminal in terminals.values():
            _until(partial(_has_ended, terminal), terminal, None)
            if terminal.ended:
                raise TutorialFailed(
                    f"terminal {terminal.name} ended with {terminal.ended}:\n{terminal.shown()}"
                )
    finally:
        for terminal in terminals.values():
            terminal.close()


def _has_ended(terminal: Terminal) -> bool:
    return terminal.ended is not None


def _wait(terminal: Terminal, step: Step) -> None:
    """The end of a command, which must be a good one."""
    _until(partial(_has_ended, terminal), terminal, step)
    if terminal.ended:
        raise TutorialFailed(f"line {step.line}: it ended with {terminal.ended}:\n{terminal.shown()}")


def _until(happens: Callable[[], bool], terminal: Terminal, step: Step | None) -> None:
    deadline = time.monotonic() + STEP_SECONDS
    while True:
        ended = terminal.ended
        if happens():
            return
        where = "" if step is None else f"line {step.line}: "
        if ended is not None and step is not None and step.kind == "see":
            wanted = step.text.strip()
            raise TutorialFailed(
                f"{where}the page promises\n{wanted}\nand it is not there:\n{terminal.shown()}"
            )
        if time.monotonic() > deadline:
            raise TutorialFailed(f"{where}this takes too long:\n{terminal.shown()}")
        time.sleep(0.05)


def with_free_ports(page: str) -> str:
    """The page with free ports instead of its own."""
    with_ports = page
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    for port, listener in zip(PORTS, listeners, strict=True):
        with_ports = re.sub(rf"\b{port}\b", str(listener.getsockname()[1]), with_ports)
        listener.close()
    return with_ports


def build_wheel(tree: Path, into: Path) -> Path:
    """The wheel of a tree."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(into), str(tree)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (wheel,) = into.glob("valetkey-*.whl")
    return wheel


def lend_packages(into: Path) -> None:
    """Every package of this interpreter but ours, for an installation that asks no index.

    pip sees them as installed, and installs what is left: the wheel.
    """
    into.mkdir()
    for folder in map(Path, sys.path):
        if folder.name != "site-packages":
            continue
        for one in folder.iterdir():
            if "valetkey" not in one.name and one.suffix != ".pth" and not (into / one.name).exists():
                (into / one.name).symlink_to(one)


def programs_of_postgres(into: Path) -> None:
    """PostgreSQL's programs by their names, wherever they are; as its own user when we are root."""
    into.mkdir()
    places = [
        *os.environ.get("PATH", "").split(":"),
        *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"))),
    ]
    runuser = "exec runuser -u postgres --" if os.geteuid() == 0 else "exec"
    for name in POSTGRES:
        program = shutil.which(name, path=":".join(places[::-1]))
        if program is None:
            raise TutorialFailed(f"{name} is not on this machine: install PostgreSQL 15 or newer")
        (into / name).write_text(f'#!/bin/sh\n{runuser} {program} "$@"\n', encoding="utf-8")
        (into / name).chmod(0o755)


def run(wheel: Path, *, from_index: bool = False, say: Callable[[str], None] = print) -> float:
    """Run the tutorial with the package of a wheel; how many seconds it took. Raises TutorialFailed.

    from_index: pip gets what the package needs from its index, instead of what this interpreter has.
    """
    with tempfile.TemporaryDirectory(prefix="valetkey-tutorial-") as made:
        around = Path(made)
        around.chmod(0o755)
        folder, logs, programs, lent = (around / name for name in ("empty", "logs", "programs", "lent"))
        for one in (folder, logs):
            one.mkdir()
        if os.geteuid() == 0:
            # The server's own user makes its data there.
            folder.chmod(folder.stat().st_mode | stat.S_IWOTH)
        programs_of_postgres(programs)
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("VALETKEY_", "PYTHON"))
        }
        environment["PATH"] = f"{programs}:{environment['PATH']}"
        environment["PIP_FIND_LINKS"] = str(wheel.parent)
        environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
        if not from_index:
            lend_packages(lent)
            environment |= {"PYTHONPATH": str(lent), "PIP_NO_INDEX": "1"}
        began = time.monotonic()
        try:
            for line in play(with_free_ports(PAGE.read_text(encoding="utf-8")), folder, environment, logs):
                say(f"{time.monotonic() - began:6.1f} s  {line}")
        finally:
            if (folder / "pg" / "postmaster.pid").exists():
                stop = [str(programs / "pg_ctl"), "-D", str(folder / "pg"), "-m", "immediate", "stop"]
                subprocess.run(stop, check=False, cwd="/", stdout=subprocess.DEVNULL)
        return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description="Run docs/tutorial.md from an empty folder.")
    parser.add_argument("--wheel", type=Path, help="the package; unless given, it is built from this tree")
    parser.add_argument(
        "--from-index", action="store_true", help="install what it needs from pip's index, too"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="valetkey-wheel-") as built:
        wheel = asked.wheel or build_wheel(ROOT, Path(built))
        try:
            seconds = run(wheel.resolve(), from_index=asked.from_index)
        except TutorialFailed as failed:
            print(failed, file=sys.stderr)
            return 1
    print(f"The tutorial went from an empty folder to its end in {seconds:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
