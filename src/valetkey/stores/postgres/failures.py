"""What PostgreSQL, or the way to it, does instead of answering, as errors of the house. No message holds a value."""

import asyncio

import asyncpg

from valetkey.core.errors import Contradiction, InvalidInput, ValetkeyError
from valetkey.stores.failures import StoreFailed

UNLUCKY = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
)
"""Two transactions were in each other's way and this one was undone: the same again succeeds."""

AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
)
"""The connection ended, or none was made. OSError is what a network says."""

DATABASE = (asyncpg.PostgresError, *AWAY)
"""Whatever asyncpg raises for what a database or a network did."""

_PASSING = (
    *UNLUCKY,
    *AWAY,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.LockNotAvailableError,
)


def is_value(error: BaseException) -> bool:
    """Whether PostgreSQL cannot keep some value, such as a text with a zero byte in it."""
    # asyncpg has two errors of one name: what it finds itself is an InterfaceError and a ValueError.
    mine = isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
    return mine or isinstance(error, asyncpg.DataError | asyncpg.CharacterNotInRepertoireError)


def failed(error: BaseException) -> StoreFailed:
    """An error that is no single caller's doing. PostgreSQL's `detail`, which may name values, stays out."""
    state = getattr(error, "sqlstate", None)
    failure = StoreFailed(f"the database failed: {type(error).__name__}" + (f" ({state})" if state else ""))
    failure.retryable = isinstance(error, _PASSING)
    return failure


def translated(error: BaseException) -> ValetkeyError:
    """The house's error for what PostgreSQL said to one caller's statements."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        name = getattr(error, "constraint_name", None)
        return Contradiction(f"the database does not allow this row: {name or type(error).__name__}")
    if is_value(error):
        return InvalidInput("a value that the database cannot keep, such as a text with a zero byte in it")
    return failed(error)
