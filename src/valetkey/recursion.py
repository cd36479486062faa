"""Keeps Python's recursion limit while libraries are imported that raise it for their own purposes.

web3.py and eth_account load py_ecc, which sets it to 100,000 for the whole process: deep JSON of a stranger would then
overflow the stack and end the process, where Python would have raised RecursionError.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def recursion_limit_kept() -> Iterator[None]:
    """Import inside of this."""
    before = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
