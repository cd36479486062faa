"""Nonces of what session keys sign: no two processes draw the same, and nobody has to ask for one."""

import secrets
from collections.abc import Iterator

NONCES = 256
"""Nonces that share a word of the contract: the first of a word costs 17,100 gas more."""


def nonces() -> Iterator[int]:
    """Numbers without end: a word of the contract's, drawn at random, each place in it in turn, then another word."""
    while True:
        first = secrets.randbits(247) * NONCES
        yield from range(first, first + NONCES)
