"""An owner with money on the embedded cluster of Solana, and managers of its file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fixtures_solana import SOL, TOKEN, ClusterRpc
from tests.integration.manager.world import cheap_lock
from valetkey.chains.solana.addresses import SessionAccounts
from valetkey.chains.solana.programs import associated_account
from valetkey.crypto.ed25519 import SigningKey
from valetkey.sdk.manager.blocking import SessionKeyManager

USDC = 10**6
MONEY = 1_000 * USDC


@dataclass
class SolanaWorld:
    """An owner with a thousand USDC and ten SOL."""

    rpc: ClusterRpc
    folder: Path
    owner: SigningKey = field(default_factory=SigningKey.generate)
    mint: str = ""
    program: str = TOKEN
    events: list[tuple[str, str]] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "manager.db"

    @property
    def home(self) -> str:
        return self.account_of(self.owner.address)

    def furnish(self) -> None:
        self.mint = self.rpc.mint(6, self.program)
        self.rpc("requestAirdrop", self.owner.address, 10 * SOL)
        self.rpc.give(self.owner.address, self.mint, MONEY)

    def named(self, **given: Any) -> dict[str, Any]:
        named: dict[str, Any] = {
            "chain": "solanaLocal",
            "rpc_url": self.rpc.rpc_url,
            "path": self.file,
            "lock": cheap_lock(),
            "mint": self.mint,
            "wait_seconds": 30.0,
            "on_event": lambda what, whom: self.events.append((what, whom)),
        }
        return named | given

    def manager(self, signer: Any = None, **given: Any) -> SessionKeyManager:
        """A manager of the owner's file; close it."""
        return SessionKeyManager(self.owner if signer is None else signer, **self.named(**given))

    def told(self) -> dict[str, str]:
        """What another process needs to open the same file."""
        return {
            "owner": self.owner.secret().hex(),
            "chain": "solanaLocal",
            "rpc_url": self.rpc.rpc_url,
            "path": str(self.file),
            "mint": self.mint,
        }

    def account_of(self, owner: str) -> str:
        """Where somebody keeps the token."""
        return str(associated_account(_key(owner), _key(self.mint), _key(self.program)))

    def session_account(self, key: str) -> str:
        return str(
            SessionAccounts(_key(self.owner.address), _key(key), _key(self.mint), _key(self.program)).account
        )

    def exists(self, account: str) -> bool:
        return bool(self.rpc("getAccountInfo", account, {"commitment": "processed"})["value"])

    def units(self, owner: str) -> int:
        """Base units that somebody has; 0 without an account."""
        account = self.account_of(owner)
        return self.rpc.units(account) if self.exists(account) else 0


def _key(text: str) -> Any:
    from solders.pubkey import Pubkey

    return Pubkey.from_string(text)
