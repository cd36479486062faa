"""Processes that the command line starts: they end when it ends, and say why when they end early."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from valetkey.cli import janitor

STOP_SECONDS = 10.0
LAST_WORDS_BYTES = 4_096


def own_environment(**added: str) -> dict[str, str]:
    """The environment of a child: ours without VALETKEY_* names, and what is added."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
    if anvil := os.environ.get("VALETKEY_ANVIL"):
        kept["VALETKEY_ANVIL"] = anvil
    return kept | added


class Child:
    """One process with a log of its own. Its standard input is a pipe from us: when we die, it reads the end."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        pass_fds: Sequence[int] = (),
        talks: bool = False,
    ) -> None:
        self.name = name
        self.log = log
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            # A session of its own: Ctrl-C reaches us alone, and we stop it in order.
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own modules
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if talks else descriptor,
                stderr=descriptor,
                env=dict(environment),
                pass_fds=tuple(pass_fds),
                start_new_session=True,
            )
        finally:
            os.close(descriptor)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to end, and end it when it does not within `seconds`. Safe to call twice."""
        if self.alive:
            self.process.terminate()
        if self.process.stdin and not self.process.stdin.closed:
            # It may have ended before it read what was left.
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def last_words(self, lines: int = 6) -> str:
        """The end of its log."""
        with self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LAST_WORDS_BYTES))
            text = log.read().decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-lines:])


class TemporaryFolder:
    """A folder that is gone when we are gone, even after kill -9: a janitor process waits for our end."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="valetkey-"))
        self._janitor = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
            [sys.executable, "-I", "-S", str(Path(janitor.__file__)), str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait_for(self, pid: int) -> None:
        """The folder outlives this process."""
        assert self._janitor.stdin is not None
        self._janitor.stdin.write(f"{pid}\n".encode())
        self._janitor.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._janitor.stdin is not None
        self._janitor.stdin.close()
        self._janitor.wait(janitor.PATIENCE_SECONDS + STOP_SECONDS)
