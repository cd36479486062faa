"""What clients were told, written down before they ask for anything else. A line is flushed when `write` returns."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

_encode = msgspec.json.encode


class Journal:
    """A file of JSON lines, each a list: the kind of the line, then what it tells."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, *told: Any) -> None:
        """One line. It is with the operating system when this returns."""
        os.write(self._file, _encode(told) + b"\n")

    def close(self) -> None:
        os.close(self._file)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A hold that a client was told of. Times are seconds of the run's own clock, which does not jump."""

    key: str
    hold_id: str
    session_id: str
    units: int
    sent: float
    answered: float


@dataclass(slots=True)
class Told:
    """A whole journal.

    doubtful: keys that nobody has an answer for, though something may have been done. stops: (session, since,
    until) in which no hold is placed on it, or on what was made out of it; an empty session is all of them.
    moved: what a hold became, as its client was told, with its captured units. refused: how many spends were.
    """

    holds: list[Acknowledged] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)
    stops: list[tuple[str, float, float]] = field(default_factory=list)
    moved: dict[str, tuple[str, int]] = field(default_factory=dict)
    refused: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)


def read(lines: Iterable[bytes]) -> Told:
    """A journal from its lines."""
    told = Told()
    for line in lines:
        kind, *rest = msgspec.json.decode(line)
        match kind:
            case "hold":
                told.holds.append(Acknowledged(*rest))
            case "doubt":
                told.doubtful.add(rest[0])
            case "stop":
                told.stops.append((rest[0], rest[1], rest[2]))
            case "moved":
                told.moved[rest[0]] = (rest[1], rest[2])
            case "refused":
                told.refused += 1
            case "saw":
                told.seen.append(rest[0])
            case "count":
                told.counts[rest[0]] = told.counts.get(rest[0], 0) + rest[1]
            case _:
                raise ValueError(f"a journal has no lines of kind {kind}")
    return told
