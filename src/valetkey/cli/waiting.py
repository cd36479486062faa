"""What is waited for, said on standard error once it takes longer than a second. Only where a person watches it."""

import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TextIO

from valetkey.cli.printing import colours_wanted, note

Waiting = Callable[[str], AbstractContextManager[None]]
"""What says for the time of a block what is waited for."""

PATIENCE_SECONDS = 1.0
CHANGE_SECONDS = 0.1
"""How soon another text shows in the place of the one before."""


def unsaid(_what: str) -> AbstractContextManager[None]:
    """Wait, and say nothing."""
    return nullcontext()


class Progress:
    """A line that moves on a terminal; nothing with `silent`, in a log, or where the answer goes into a pipe."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._what: list[str] = []
        self._done = threading.Event()
        self._teller: threading.Thread | None = None

    @contextmanager
    def during(self, what: str) -> Iterator[None]:
        """While the block runs; inside of another one, in its place."""
        self.begin(what)
        try:
            yield
        finally:
            if what in self._what:
                self._what.remove(what)
            if not self._what:
                self.end()

    def begin(self, what: str) -> None:
        """From now until `end`."""
        self._what.append(what)
        if self._teller is None and not self._silent and is_watched():
            self._done.clear()
            self._teller = threading.Thread(target=self._tell, daemon=True)
            self._teller.start()

    def end(self) -> None:
        """Say no more: the line is gone when this returns."""
        teller, self._teller = self._teller, None
        self._what.clear()
        self._done.set()
        if teller is not None:
            teller.join()

    def _tell(self) -> None:
        if self._done.wait(PATIENCE_SECONDS):
            return
        if os.environ.get("TERM") == "dumb":
            note(f"{self._now()} ...")
            return
        from rich.console import Console

        console = Console(stderr=True, no_color=not colours_wanted(sys.stderr))
        with console.status(self._now()) as status:
            while not self._done.wait(CHANGE_SECONDS):
                status.update(self._now())

    def _now(self) -> str:
        return self._what[-1] if self._what else ""


def is_watched() -> bool:
    """Whether a person sees standard error, and nothing else that reads our answer draws on the same terminal."""
    return sys.stderr.isatty() and not _is_a_pipe(sys.stdout)


def _is_a_pipe(stream: TextIO) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        # It is closed, or no file of the system.
        return False
