"""What a database does instead of answering, as errors of the house. No message holds a stored value."""

import apsw

from valetkey.core.errors import Contradiction, ValetkeyError
from valetkey.stores.failures import StoreFailed

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
