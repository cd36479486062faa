"""What people write for times, amounts and lists, as the SDK takes it. Nothing here decides what may be."""

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from valetkey.cli.secrets_at_hand import read_text
from valetkey.core.errors import InvalidInput

T = TypeVar("T")

UNLIMITED = "unlimited"
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(?:\d{1,9}[smhdw])+", re.ASCII)
SECONDS_MAX = 10**10


def seconds_of(text: str, field: str) -> int:
    """`90`, `90s`, `1h30m`, `7d` as seconds. Raises InvalidInput."""
    found = 0
    if text.isascii() and text.isdigit() and len(text) <= 10:
        found = int(text)
    elif _DURATION.fullmatch(text):
        found = sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", text))
    if not 0 < found <= SECONDS_MAX:
        raise InvalidInput(f"{field}: a time is seconds, or such as 90s, 30m, 1h30m, 7d", field=field)
    return found


def maybe_seconds(text: str | None, field: str) -> int | None:
    """As `seconds_of`; None stays None."""
    return None if text is None else seconds_of(text, field)


def moment_of(text: str | None, field: str) -> int | None:
    """Unix seconds of an ISO-8601 date (this machine's time zone unless it names one), of unix seconds, or of `+1h`."""
    from datetime import datetime

    if text is None:
        return None
    if text.startswith("+"):
        return int(time.time()) + seconds_of(text[1:], field)
    if text.isascii() and text.isdigit() and len(text) <= 11:
        return int(text)
    found = None
    try:
        found = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        found = None
    if found is None:
        raise InvalidInput(
            f"{field}: a moment is such as 2026-03-01T09:00+01:00, unix seconds, or +1h", field=field
        )
    return int(found.timestamp())


def budget_of(text: str) -> str | None:
    """An amount; None for `unlimited`, which has to be written out."""
    return None if text == UNLIMITED else text


def windows_of(found: Sequence[str], field: str) -> dict[int, str]:
    """`1h=20` as {3600: "20"}. Raises InvalidInput, also for one length that is given twice."""
    windows: dict[int, str] = {}
    for one in found:
        length, mark, amount = one.partition("=")
        seconds = seconds_of(length, field)
        if not mark or seconds in windows:
            raise InvalidInput(f"{field}: a window is such as 1h=20, each length once", field=field)
        windows[seconds] = amount
    return windows


def limits_of(found: Sequence[str], field: str) -> dict[str, str | None]:
    """`ETH=0.1` as {"ETH": "0.1"}. Raises InvalidInput."""
    limits: dict[str, str | None] = {}
    for one in found:
        currency, mark, amount = one.partition("=")
        if not mark or currency in limits:
            raise InvalidInput(f"{field}: a limit is such as ETH=0.1, each currency once", field=field)
        limits[currency] = budget_of(amount)
    return limits


def listed(found: Sequence[T] | None) -> list[T] | None:
    """A list of names; None, which is every one, when none is named."""
    return list(found) if found else None


def json_of(file: Path | None, field: str) -> Any:
    """The JSON of a file, or of standard input (`-`); None without a file. Raises InvalidInput, Complaint."""
    if file is None:
        return None
    text, problem = read_text(file, field), ""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        problem = str(error) if isinstance(error, json.JSONDecodeError) else "it cannot be read"
    raise InvalidInput(f"{field}: this is no JSON: {problem}", field=field)
