"""A market on the stack of this worker, and what the tests of the MCP server make of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.market import Market, open_market
from tests.fixtures_stack import RunningStack
from tests.integration.mcp.serving import environment, secrets_in
from valetkey import SessionInfo
from valetkey.crypto.keys import PrivateKey

Sessions = Callable[..., "Served"]


@dataclass
class Served:
    """A funded session, with what a server of it is started with."""

    market: Market
    home: Path
    session: SessionInfo
    bundle: str = field(repr=False)

    @property
    def secrets(self) -> list[str]:
        return secrets_in(self.bundle)

    @property
    def env(self) -> dict[str, str]:
        return environment(self.market.stack.base_url, self.home, VALETKEY_SESSION=self.bundle)

    @property
    def log(self) -> Path:
        return self.home.parent / f"{self.home.name}.log"

    def committed(self) -> Decimal:
        """What the platform says is spent and held, USDC."""
        view = self.market.owner.get_session(self.session.session_id)
        return Decimal(str(view.held_usdc)) + Decimal(str(view.spent_usdc))

    def payee(self) -> str:
        """A new address, that nobody has paid yet."""
        return PrivateKey.generate().address

    def units(self, address: str) -> int:
        return self.market.stack.units(address)


@pytest.fixture(scope="session")
def bazaar(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A seller and an owner, shared by the tests of a worker."""
    made = open_market(stack, tmp_path_factory.mktemp("bazaar"), price="1.50", budget=10)
    yield made
    made.close()


@pytest.fixture
def sessions(bazaar: Market, tmp_path: Path) -> Sessions:
    """Makes funded sessions of the one owner, each with a home of its own."""

    def make(budget: str = "10", *, funded: bool = True, **rules: Any) -> Served:
        session = bazaar.owner.create_session(budget_usdc=budget, expiry=3_600, **rules)
        if funded:
            bazaar.owner.fund_session(session)
        number = len(list(tmp_path.iterdir()))
        return Served(bazaar, tmp_path / f"home-{number}", session, session.serialize())

    return make
