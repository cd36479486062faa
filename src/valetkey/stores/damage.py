"""Rows that cannot be read any more: told as such by whoever reads one, and passed over by who reads many.

A row says nothing about the others. Who asks for the damaged one by its name is told; a batch goes on without it.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

from valetkey.ports.keystore import DamagedRecord

T = TypeVar("T")
Row = tuple[Any, ...]

_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What reading a damaged row may raise."""


def told_as_damaged(what: str, name_at: int = 0) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Have a reader of rows raise DamagedRecord for one that it cannot read; its name is in the column `name_at`."""

    def decorate(read: Callable[..., T]) -> Callable[..., T]:
        @wraps(read)
        def reading(row: Row, *more: object) -> T:
            try:
                return read(row, *more)
            except _UNREADABLE:
                name = row[name_at]
            # Not from the error: it may quote what is in the row.
            raise DamagedRecord(
                f"the row of {what} {name.hex() if isinstance(name, bytes) else name} cannot be read"
            )

        return reading

    return decorate


def readable(read: Callable[[Row], T], rows: Iterable[Row]) -> list[T]:
    """What can be read of many rows."""
    found = []
    for row in rows:
        try:
            found.append(read(row))
        except DamagedRecord:
            continue
    return found
