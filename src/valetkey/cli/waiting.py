"""What is waited for, said on standard error once it takes longer than a second."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from valetkey.cli.printing import colours_wanted, note

PATIENCE_SECONDS = 1.0


@contextmanager
def waiting(what: str, *, silent: bool = False) -> Iterator[None]:
    """While the block runs: nothing for a second, then a line that moves on a terminal and is plain elsewhere."""
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
    if done.wait(PATIENCE_SECONDS):
        return
    if not sys.stderr.isatty():
        note(f"{what} ...")
        return
    from rich.console import Console

    with Console(stderr=True, no_color=not colours_wanted(sys.stderr)).status(what):
        done.wait()
