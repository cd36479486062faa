"""What a command tells: data for programs, and the same for people as facts, a table or a sentence."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

NOTHING = "-"
"""What people see where a value is absent."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A table. `empty` is said, on standard error, where there are no rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values of one thing, a line each."""

    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Raw:
    """A text that goes to standard output as it is, such as a bundle that was asked for."""

    text: str


Shown = Rows | Facts | Raw | str


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a command. `data` is for `--json`, `shown` for people, `notes` for people on standard error."""

    data: object
    shown: Shown
    notes: tuple[str, ...] = ()
    exit_code: int = 0


def rows(columns: Iterable[str], found: Iterable[Iterable[object]], empty: str) -> Rows:
    """A table of whatever is printable; None is a dash."""
    return Rows(tuple(columns), tuple(tuple(cell(one) for one in row) for row in found), empty)


def facts(found: Mapping[str, object]) -> Facts:
    """Names and values; None is a dash."""
    return Facts(tuple((name, cell(value)) for name, value in found.items()))


def cell(value: object) -> str:
    """A value as people read it."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def local(moment: str | int | None) -> str:
    """An ISO-8601 date, or unix seconds, in the time zone of this machine."""
    if not moment:
        return NOTHING
    if isinstance(moment, int):
        found = datetime.fromtimestamp(moment, UTC)
    else:
        found = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    return found.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def plain(value: Any) -> Any:
    """What the SDK answered, as JSON has it: members by their names in Python, amounts as text."""
    # Imported late: `valetkey --help` needs none of it.
    import msgspec

    from valetkey.crypto.secret import Secret

    assert not isinstance(value, Secret), "a secret is printed where somebody asked for it, and nowhere else"
    if isinstance(value, msgspec.Raw):
        return json.loads(bytes(value))
    if isinstance(value, msgspec.Struct):
        named = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return {name: plain(one) for name, one in named if one is not msgspec.UNSET}
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value) if isinstance(value, Path) else value


def money(amount: Decimal) -> str:
    """An amount with two decimals at least, and all that it has."""
    whole, _, part = format(amount, "f").partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}"


def more_of(shown: int, total: int, offset: int, *, has_all: bool = False) -> tuple[str, ...]:
    """How to see what a page left out. `has_all`: whether the command has --all."""
    left = total - offset - shown
    if left <= 0 or not shown:
        return ()
    more = f"{offset + 1} to {offset + shown} of {total}: --offset {offset + shown} shows more"
    return (f"{more}, --all every one" if has_all else more,)
