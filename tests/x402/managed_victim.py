"""A manager's session with the same policy as a platform's victim, whose owner has more than it lets be spent."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import httpx

from tests.fixtures_stack import RunningStack
from tests.x402.victim import BUDGET, FUNDED, PER_SPEND, TIMEOUT_SECONDS
from valetkey import SessionKeyManager
from valetkey.cli.dev_rpc import USDC
from valetkey.core.errors import ValetkeyError
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.locks import Argon2, PassphraseLock
from valetkey.crypto.secret import Secret
from valetkey.sdk.manager.views import ManagedSession


@dataclass
class ManagedVictim:
    """May pay one USDC in all and ten cents at once, out of its owner's balance. All amounts are base units."""

    stack: RunningStack
    owner: PrivateKey = field(repr=False)
    manager: SessionKeyManager
    session: ManagedSession

    def http(self) -> httpx.Client:
        return self.manager.http(self.session.session_key_hash)

    def ask(self, method: str, url: str, **more: Any) -> httpx.Response | Exception:
        """As Victim.ask."""
        timeout = more.pop("timeout", TIMEOUT_SECONDS)
        with self.http() as http:
            try:
                return http.request(method, url, timeout=timeout, **more)
            except (ValetkeyError, httpx.HTTPError) as error:
                return error

    def get(self, url: str, **more: Any) -> httpx.Response | Exception:
        return self.ask("GET", url, **more)

    @property
    def wallet(self) -> str:
        return self.session.wallet_address

    @property
    def expiry(self) -> int:
        return int(self.session.expires_at.timestamp())

    def moved(self) -> int:
        """What left the owner and the session's key: what only went from one to the other did not."""
        return FUNDED - self.stack.units(self.owner.address) - self.stack.units(self.wallet)

    def counted(self) -> int:
        """What the file says is spent or held."""
        shown = self.manager.restore_session(self.session.session_key_hash)
        return int((shown.held + shown.spent) * USDC)

    def states(self) -> list[str]:
        """How each spend of the session stands, oldest first."""
        db = apsw.Connection(str(self.manager.path), flags=apsw.SQLITE_OPEN_READONLY)
        return [str(state) for (state,) in db.execute("SELECT state FROM holds ORDER BY seq")]

    def close(self) -> None:
        self.manager.close()


def open_managed(stack: RunningStack, home: Path) -> ManagedVictim:
    """An owner of its own, with gas and five USDC, its manager's file, and a session in it."""
    owner = stack.wallet(FUNDED)
    manager = SessionKeyManager(
        owner.to_hex(),
        stack.contracts["allowance"],
        chain=stack.chain_id,
        rpc_url=stack.rpc_url,
        path=home / "manager.db",
        lock=PassphraseLock(Secret("correct horse"), Argon2(memory_kib=64, iterations=1, lanes=1)),
        confirmations=1,
        wait_seconds=60.0,
    )
    session = manager.create_session(
        label="victim",
        spending_limit=f"{BUDGET / USDC}",
        per_transaction_limit=f"{PER_SPEND / USDC}",
        valid_until=timedelta(hours=1),
    )
    return ManagedVictim(stack, owner, manager, session)
