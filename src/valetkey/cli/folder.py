"""The folder of one development stack: its secrets, its contracts, its lock. Kept by `--data`, otherwise temporary."""

import fcntl
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from valetkey.cli.complaint import Complaint
from valetkey.crypto.credentials import new_webhook_secret
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.wire.errors import Exit
from valetkey.wire.network import Contracts


class StackFolder:
    """Where a stack lives. Secret files are readable by their owner alone, and written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Complaint(f"cannot use {path}: {error.strerror}", Exit.ENVIRONMENT) from None

    def __enter__(self) -> Self:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise Complaint(f"another `valetkey dev` uses {self.path}", Exit.CONFLICT) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._lock)

    @property
    def database(self) -> Path:
        return self.path / "platform.db"

    @property
    def chain(self) -> Path:
        return self.path / "chain"

    def log(self, name: str) -> Path:
        return self.path / f"{name}.log"

    def secret_file(self, name: str) -> Path:
        return self.path / "secrets" / name

    def owner_key(self) -> PrivateKey:
        """The funded owner's key, made at the first start."""
        return PrivateKey.from_hex(self._secret("owner_key", lambda: PrivateKey.generate().to_hex()).reveal())

    def relayer_key(self) -> PrivateKey:
        """The key of the account that sends, and pays the gas, for sessions that pay out of grants."""
        return PrivateKey.from_hex(
            self._secret("relayer_key", lambda: PrivateKey.generate().to_hex()).reveal()
        )

    def operator_token(self) -> Secret:
        """What the operator of the platform calls with."""
        return self._secret("operator_token", lambda: secrets.token_hex(32))

    def keep_resolver_key(self, key: PrivateKey) -> None:
        """Where the platform finds the key of who decides disputes."""
        self._secret("resolver_key", key.to_hex)

    def webhook_secret(self) -> Secret:
        """What the platform signs webhooks with unless an agent asked for a secret of its own."""
        return self._secret("webhook_secret", lambda: new_webhook_secret().reveal())

    def master_secret(self) -> Secret:
        """What the platform seals webhook secrets under."""
        return self._secret("master_secret", lambda: secrets.token_hex(32))

    def keep_database(self, database: Secret, name: str) -> None:
        """Where the platform finds the URL of its PostgreSQL database, and what that is called without its password."""
        path = self.secret_file("database")
        path.parent.mkdir(exist_ok=True, mode=0o700)
        self._write(path, database.reveal())
        self._write(self.path / "database.name", name)

    def known_database(self) -> str | None:
        """The name of the database that an earlier start used."""
        try:
            return (self.path / "database.name").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def contracts(self) -> Contracts | None:
        """The addresses that an earlier start deployed to."""
        try:
            known = json.loads((self.path / "contracts.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return Contracts(**known)

    def keep_contracts(self, contracts: Contracts) -> None:
        known = {
            "escrow": contracts.escrow,
            "score": contracts.score,
            "usdc": contracts.usdc,
            "allowance": contracts.allowance,
        }
        self._write(self.path / "contracts.json", json.dumps(known))

    def _secret(self, name: str, make: Callable[[], str]) -> Secret:
        path = self.secret_file(name)
        if not path.exists():
            path.parent.mkdir(exist_ok=True, mode=0o700)
            self._write(path, make())
        return Secret(path.read_text(encoding="utf-8").strip())

    def _write(self, path: Path, text: str) -> None:
        """A file is there whole or not at all, also after kill -9."""
        half = path.with_name(path.name + ".new")
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
