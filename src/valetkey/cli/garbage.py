"""How often a server's process looks for garbage that refers to itself."""

import gc

YOUNG, MIDDLE, OLD = 10_000, 50, 1_000
"""See gc.set_threshold. The default, 700, 10 and 10, takes a fifth of the processor under load."""


def collect_seldom() -> None:
    """Look now, never again at what is there by now (the program itself), and seldom at what comes later.

    For a process that serves from here on. Almost all of what a request makes goes without the collector's help.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
