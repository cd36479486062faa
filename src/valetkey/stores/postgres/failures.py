"""What PostgreSQL, or the way to it, does instead of answering, as errors of the house. No message holds a value."""

import asyncio

import asyncpg

from valetkey.core.errors import Contradiction, ValetkeyError
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
    return failed(error)
