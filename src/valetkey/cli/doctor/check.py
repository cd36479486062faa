"""One finding of the doctor."""

from collections.abc import Iterator
from dataclasses import dataclass

OK, WARN, FAIL, SKIP = "ok", "warn", "fail", "skip"
"""`skip`: it was not looked at, because nothing says where it is; not everybody needs everything."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, what was seen, what to do about it, and the exit code when it fails."""

    name: str
    status: str
    seen: str
    todo: str = ""
    exit_code: int = 0


Checks = Iterator[Check]
