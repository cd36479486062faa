"""How often a server's process looks for garbage that refers to itself."""

import gc

YOUNG, MIDDLE, OLD = 10_000, 10, 5
"""See gc.set_threshold: objects that came and did not go, then how often a younger look is followed by an older one.

The default, 700, 10 and 10, takes a fifth of the processor under load. What outlives a look, as a page does that
somebody reads for a minute, is found by the next older look: at the latest when half a million objects more have come
to stay, which are some tens of megabytes.
"""


def collect_seldom() -> None:
    """Look now, never again at what is there by now (the program itself), and seldom at what comes later.

    For a process that serves from here on. Almost all of what a request makes goes without the collector's help.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
