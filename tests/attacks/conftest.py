"""Attacks on a real platform: HTTP on loopback, SQLite, and a chain where money is concerned."""

from collections.abc import Callable
from typing import Any

import apsw
import pytest

from tests.integration.platform.conftest import escrows, server, start, strict
from tests.integration.platform.serving import Server

__all__ = ["escrows", "rows", "server", "start", "strict"]

Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def rows() -> Rows:
    """What a thief of the database reads: rows of a platform's file. It may write as well."""

    def read(of: Server, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        # The platform's own library: another copy of SQLite in one process would lose its locks.
        db = apsw.Connection(str(of.settings.database))
        db.set_busy_timeout(30_000)
        try:
            return list(db.execute(sql, values))
        finally:
            db.close()

    return read
