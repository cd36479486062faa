"""How deep an answer of a node nests, before a decoder that recurses is trusted with it."""

import re
from itertools import accumulate

DEPTH_MAX = 32
"""More than any answer has. Libraries of this field raise Python's limit so far that the stack ends first."""

_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))


def is_shallow(body: bytes) -> bool:
    """Whether it nests no deeper than answers do."""
    return depth_of(body) <= DEPTH_MAX


def depth_of(body: bytes) -> int:
    """How deep the brackets outside of texts nest."""
    brackets = _TEXT.sub(b"", body).translate(_STEPS, _NO_BRACKETS)
    return max(accumulate(memoryview(brackets).cast("b")), default=0)
