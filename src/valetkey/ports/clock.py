"""Time, as the inside sees it."""

from typing import Protocol


class Clock(Protocol):
    """Unix seconds that never run backwards while the process lives."""

    def now(self) -> int: ...
