"""What is waited for, said on standard error once it takes longer than a second, or five in a log."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from valetkey.cli.printing import colours_wanted, note

PATIENCE_SECONDS, PATIENCE_SECONDS_OF_LOGS = 1.0, 5.0
"""People at a terminal wonder sooner than readers of a log, for whom what was quick needs no line."""


@contextmanager
def waiting(what: str, *, silent: bool = False) -> Iterator[None]:
    """While the block runs: nothing at first, then a line that moves on a terminal and is plain elsewhere."""
    if silent:
        yield
        return
    done = threading.Event()
    teller = threading.Thread(target=_tell, args=(what, done), daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _tell(what: str, done: threading.Event) -> None:
    is_watched = sys.stderr.isatty()
    if done.wait(PATIENCE_SECONDS if is_watched else PATIENCE_SECONDS_OF_LOGS):
        return
    if not is_watched:
        note(f"{what} ...")
        return
    from rich.console import Console

    with Console(stderr=True, no_color=not colours_wanted(sys.stderr)).status(what):
        done.wait()
