"""Processes that share a manager's file, each of which may be killed at any moment."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.integration.manager.world import PASSPHRASE

ROOT = Path(__file__).parents[3]
STOP_SECONDS = 60


class Told(Protocol):
    """A world, so far as another process has to know it."""

    def told(self) -> dict[str, str]: ...


class Process:
    """One other process and its manager. Its keys travel through its standard input."""

    def __init__(self, world: Told) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.manager.process"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._tell(world.told() | {"passphrase": PASSPHRASE})

    def ready(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def begin(self, do: str, **asked: Any) -> None:
        """Ask without waiting."""
        self._tell({"do": do, **asked})

    def end(self) -> dict[str, Any]:
        """The answer to what was begun."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process ended"
        said: dict[str, Any] = json.loads(line)
        return said

    def ask(self, do: str, **asked: Any) -> Any:
        """What it answers; an error is an error of the test."""
        self.begin(do, **asked)
        said = self.end()
        assert "is" in said, said
        return said["is"]

    def refused(self, do: str, **asked: Any) -> str:
        """The code of the error that it answers."""
        self.begin(do, **asked)
        said = self.end()
        assert "error" in said, said
        return str(said["error"])

    def kill(self) -> None:
        """As the kernel does it: nothing is closed, flushed or said."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)
        self._close()

    def stop(self) -> None:
        """Let it end, and wait."""
        if self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(STOP_SECONDS)
        self._close()

    def _tell(self, said: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(said) + "\n")
        self._process.stdin.flush()

    def _close(self) -> None:
        for one in (self._process.stdin, self._process.stdout):
            if one is not None and not one.closed:
                one.close()


@contextmanager
def processes(world: Told, count: int) -> Iterator[list[Process]]:
    """So many, started at once."""
    started = [Process(world) for _ in range(count)]
    try:
        for one in started:
            one.ready()
        yield started
    finally:
        for one in started:
            one.stop()
