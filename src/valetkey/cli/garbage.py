"""How often a server's process looks for garbage that refers to itself."""

import gc

YOUNG, MIDDLE, OLD = 10_000, 10, 5
"""See gc.set_threshold: objects that came and did not go, then how often a younger look is followed by an older one.

The default, 700, 10 and 10, takes a fifth of the processor under load. What outlives a look, as a page does that
somebody reads for a minute, is found by the next older look: at the latest when half a million objects more have come
to stay, which are some tens of megabytes.
"""


def set_program_aside() -> None:
    """Look now, and never again at what is there by now: the program itself, which is most of what a look costs."""
    gc.collect()
    gc.freeze()


def collect_seldom() -> None:
    """Never look at the program again, and seldom at what comes later.

    For a process that serves requests from here on: almost all of what they make goes without the collector's help.
    """
    set_program_aside()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
