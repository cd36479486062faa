"""Clocks of platform processes that can be set: a small file that the run and its platforms share.

Each process has two numbers there: by how many seconds its clock is off, and its process id, 0 while it is dead.
"""

import mmap
import struct
import time
from collections.abc import Callable
from pathlib import Path

_SLOT = struct.Struct("<qq")


class Slots:
    """One slot for each platform process."""

    def __init__(self, path: Path, count: int) -> None:
        size = _SLOT.size * count
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)

    def offset(self, slot: int) -> int:
        """By how many seconds a clock is off."""
        return int(_SLOT.unpack_from(self._map, slot * _SLOT.size)[0])

    def set_offset(self, slot: int, seconds: int) -> None:
        struct.pack_into("<q", self._map, slot * _SLOT.size, seconds)

    def process(self, slot: int) -> int:
        """The id of the living process of a slot, 0 when there is none."""
        return int(_SLOT.unpack_from(self._map, slot * _SLOT.size)[1])

    def set_process(self, slot: int, pid: int) -> None:
        struct.pack_into("<q", self._map, slot * _SLOT.size + 8, pid)


def jumping(slots: Slots, slot: int, real: Callable[[], float] = time.time) -> Callable[[], float]:
    """A machine's clock that is off by what the slot says now."""
    return lambda: real() + slots.offset(slot)
