"""The clock of the pictures: one number in a file, which every process of the stack reads instead of the time."""

import mmap
import os
import struct
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).with_name("clock")
NOW = int(datetime(2026, 11, 20, 13, 42, tzinfo=UTC).timestamp())
"""A Friday, 14:42 in Berlin: when the pictures are taken, whenever that is."""
HOUR, DAY = 3_600, 86_400


class Clock:
    """Set, and never set back."""

    def __init__(self, path: Path, at: int) -> None:
        path.write_bytes(struct.pack("<q", at))
        self.path = path
        with path.open("r+b") as file:
            self._told = mmap.mmap(file.fileno(), 8)

    @property
    def at(self) -> int:
        return int(struct.unpack("<q", self._told)[0])

    def set(self, at: int) -> None:
        assert at >= self.at, "time does not run backwards"
        self._told[:] = struct.pack("<q", at)

    def environment(self) -> dict[str, str]:
        """What a process needs to live by it."""
        known = os.environ.get("PYTHONPATH")
        return {
            "PICTURES_CLOCK": str(self.path),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(FOLDER), known))),
        }
