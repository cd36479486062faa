"""Attacks on a real platform: HTTP on loopback, SQLite, and a chain where money is concerned."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from tests.fixtures_stack import RunningStack
from tests.integration.platform.conftest import escrows, server, start, start_for_all, strict
from tests.integration.platform.serving import Server
from valetkey import BuyerAgent

if TYPE_CHECKING:
    from tests.x402.victim import Payer

__all__ = ["escrows", "rows", "server", "start", "start_for_all", "strict"]

Rows = Callable[..., list[tuple[Any, ...]]]
LEDGERS = ("platform", "manager")
"""Whoever pays a hostile seller: a session of a platform, and a session of a manager's own file."""


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


def _opened(ledger: str, stack: RunningStack, owner: BuyerAgent, home: Path) -> "Iterator[Payer]":
    from tests.x402.managed_victim import open_managed
    from tests.x402.victim import open_session

    made = open_session(stack, owner, home) if ledger == "platform" else open_managed(stack, home)
    yield made
    made.close()


@pytest.fixture(params=LEDGERS)
def victim(
    request: pytest.FixtureRequest, stack: RunningStack, x402_owner: BuyerAgent, tmp_path: Path
) -> "Iterator[Payer]":
    """A session of this test alone: it may spend one USDC, ten cents at once, and could reach five."""
    yield from _opened(request.param, stack, x402_owner, tmp_path / "delegate")


@pytest.fixture(scope="module", params=LEDGERS)
def wary(
    request: pytest.FixtureRequest,
    stack: RunningStack,
    x402_owner: BuyerAgent,
    tmp_path_factory: pytest.TempPathFactory,
) -> "Iterator[Payer]":
    """One session for every offer of which nothing comes: after each of them it has all it had."""
    yield from _opened(request.param, stack, x402_owner, tmp_path_factory.mktemp("wary"))
