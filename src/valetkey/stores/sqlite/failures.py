"""What a database does instead of answering, as errors of the house. No message holds a stored value."""

import apsw

from valetkey.core.errors import Contradiction, EnvironmentFailure, ValetkeyError

_PASSING = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.FullError,
    apsw.IOError,
    apsw.NoMemError,
    apsw.InterruptError,
    apsw.SchemaChangeError,
    apsw.ProtocolError,
)
"""Failures that another try, or more room, may heal. The others need a person."""


class StoreFailed(EnvironmentFailure):
    """The database did not do what was asked: locked, full, unreadable. Nothing was written."""


class StoreFull(EnvironmentFailure):
    """More work is waiting for the database than it may; ask again in a moment."""

    code = "over_capacity"


class StoreClosed(EnvironmentFailure):
    """The store is closed, or closing."""


class StoreUnreadable(EnvironmentFailure):
    """The file is not a database of this version of the software, or cannot be opened at all."""

    retryable = False


def failed(error: apsw.Error) -> StoreFailed:
    """An error that is no single caller's doing. SQLite's messages name tables and columns, never values."""
    failure = StoreFailed(f"the database failed: {type(error).__name__}: {error}")
    failure.retryable = isinstance(error, _PASSING)
    return failure


def translated(error: apsw.Error) -> ValetkeyError:
    """The house's error for what SQLite said to one caller's statements."""
    if isinstance(error, apsw.ConstraintError):
        return Contradiction(f"the database does not allow this row: {error}")
    return failed(error)
