"""A session with a policy, whose wallet holds more than the policy lets it spend, and its paying client."""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import httpx

from tests.fixtures_stack import RunningStack
from valetkey import BuyerAgent, SessionInfo
from valetkey.cli.dev_rpc import USDC
from valetkey.core.errors import ValetkeyError

FUNDED = 5 * USDC
BUDGET = 1 * USDC
PER_SPEND = USDC // 10
TIMEOUT_SECONDS = 5.0


class Payer(Protocol):
    """A session that pays over HTTP, whichever ledger decides: a platform's victim, or managed_victim.py's."""

    stack: RunningStack

    def ask(self, method: str, url: str, **more: Any) -> httpx.Response | Exception: ...

    def get(self, url: str, **more: Any) -> httpx.Response | Exception: ...

    def http(self) -> httpx.Client: ...

    @property
    def wallet(self) -> str: ...

    @property
    def expiry(self) -> int: ...

    def moved(self) -> int: ...

    def counted(self) -> int: ...

    def states(self) -> list[str]: ...


@dataclass
class Victim:
    """A delegate that may pay one USDC in all and ten cents at once. All amounts are base units."""

    stack: RunningStack
    owner: BuyerAgent = field(repr=False)
    session: SessionInfo
    agent: BuyerAgent = field(repr=False)

    def ask(self, method: str, url: str, **more: Any) -> httpx.Response | Exception:
        """One request of the paying client: its answer, or what it raised.

        Raises what is neither ours nor httpx's: whatever a seller does, a caller sees nothing else.
        """
        timeout = more.pop("timeout", TIMEOUT_SECONDS)
        with self.http() as http:
            try:
                return http.request(method, url, timeout=timeout, **more)
            except (ValetkeyError, httpx.HTTPError) as error:
                return error

    def get(self, url: str, **more: Any) -> httpx.Response | Exception:
        return self.ask("GET", url, **more)

    def http(self) -> httpx.Client:
        return self.agent.http()

    @property
    def expiry(self) -> int:
        return self.session.expiry

    @property
    def wallet(self) -> str:
        return self.session.wallet_address

    def moved(self) -> int:
        """What left the session's wallet."""
        return FUNDED - self.stack.units(self.wallet)

    def counted(self) -> int:
        """What the owner's ledger says is spent or held."""
        (shown,) = [one for one in self.owner.sessions() if one.session_id == self.session.session_id]
        return int((Decimal(str(shown.held_usdc)) + Decimal(str(shown.spent_usdc))) * USDC)

    def states(self) -> list[str]:
        """How each spend of the session stands, oldest first."""
        found = [one.state for one in self.owner.iter_spends(session=self.session.session_id)]
        return found[::-1]

    def close(self) -> None:
        self.agent.close()


def register_owner(stack: RunningStack, home: Path, name: str) -> BuyerAgent:
    """An owner of sessions, who has gas."""
    key = stack.wallet()
    owner = BuyerAgent.register(key.to_hex(), name, base_url=stack.base_url, state_dir=home)
    owner.init_eoa_wallet(key.to_hex())
    return owner


def open_session(stack: RunningStack, owner: BuyerAgent, home: Path, **rules: Any) -> Victim:
    """A session of an owner whose wallet holds five USDC, whatever its rules say, and no gas."""
    asked: dict[str, Any] = {"budget_usdc": 1, "per_spend_usdc": "0.10", "expiry": 3_600}
    session = owner.create_session(**asked | rules)
    stack.rpc.mint(stack.contracts["usdc"], session.wallet_address, FUNDED)
    agent = BuyerAgent(base_url=stack.base_url, state_dir=home)
    agent.init_with_session(session.serialize())
    return Victim(stack, owner, session, agent)
