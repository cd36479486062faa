"""Attacks on a real platform: HTTP on loopback, SQLite, and a chain where money is concerned."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.platform.conftest import escrows, server, start, strict
from tests.integration.platform.serving import Server

__all__ = ["escrows", "rows", "server", "start", "strict"]

Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def rows() -> Rows:
    """What a thief of the database reads: rows of a platform's file. It may write as well."""

    def read(of: Server, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with sqlite3.connect(of.settings.database, timeout=30) as db:
            found: list[tuple[Any, ...]] = db.execute(sql, values).fetchall()
        db.close()
        return found

    return read
