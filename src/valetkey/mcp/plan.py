"""What a server is started with: whose it is, how it is reached, and what its operator allows."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from valetkey.core.errors import InvalidInput
from valetkey.crypto.secret import Secret
from valetkey.sdk import config
from valetkey.sdk.errors import NotConfigured

SESSION = "VALETKEY_SESSION"
SESSION_FILE = f"{SESSION}_FILE"
BUNDLE = "VALETKEY_BUNDLE"
BUNDLE_FILE = f"{BUNDLE}_FILE"
API_KEY_FILE = f"{config.API_KEY}_FILE"
TOKEN = "VALETKEY_MCP_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_FILE = f"{TOKEN}_FILE"
SECRET_BYTES_MAX = 1_048_576
PORT = 8788
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to serve. No secret is in it: those come from the environment, or from files.

    owner: serve the owner's own tools, by its API key, instead of a session's. session_file: the bundle, otherwise
    VALETKEY_SESSION, or the file that the same name with _FILE names; so are api_key_file and VALETKEY_API_KEY.
    bundles: the folder into which new sessions are written, mode 0600; None: no session is made here, neither by
    `attenuate_session` nor by an owner. http: streamable HTTP on `host` and `port` (0 is any free one) instead of
    stdio. token_file: the bearer token of HTTP, made when it is not there; hosts: names beside loopback by which it is
    reached, as `mcp.example.com` or with a port. pay_hosts: those that `pay_x402` may ask (`api.example.com`,
    `*.example.com`, with a port or without), every public one unless given. base_url, rpc_url, state_dir: as for
    BuyerAgent.
    """

    owner: bool = False
    session_file: Path | None = None
    api_key_file: Path | None = None
    bundles: Path | None = None
    http: bool = False
    host: str = "127.0.0.1"
    port: int = PORT
    token_file: Path | None = None
    hosts: tuple[str, ...] = ()
    pay_hosts: tuple[str, ...] = ()
    base_url: str | None = None
    rpc_url: str | None = None
    state_dir: Path | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def __post_init__(self) -> None:
        if self.http and self.host not in LOOPBACK and not self.hosts:
            raise InvalidInput(
                "a server that listens beyond loopback is told the names that it is reached by", field="hosts"
            )
        if not 0 <= self.port <= 65_535:
            raise InvalidInput("a port is 0 to 65535", field="port")

    def credential(self) -> Secret:
        """The bundle of the session, or the owner's API key. Raises NotConfigured."""
        if self.owner:
            found = self._secret(self.api_key_file, (API_KEY_FILE, config.API_KEY))
            if found is None:
                raise NotConfigured(
                    f"which owner? Set {config.API_KEY}, or {API_KEY_FILE} to a file with its API key"
                )
            return found
        found = self._secret(self.session_file, (SESSION_FILE, SESSION, BUNDLE_FILE, BUNDLE))
        if found is None:
            raise NotConfigured(f"which session? Set {SESSION}, or {SESSION_FILE} to a file with its bundle")
        return found

    def token(self) -> Secret | None:
        """The bearer token that the environment or its file gives; None when one is to be made."""
        if value := self.environment.get(TOKEN):
            return Secret(value)
        path = self.token_path()
        return Secret(read_secret(path, "the bearer token")) if path.exists() else None

    def token_path(self) -> Path:
        """Where the bearer token is kept."""
        told = self.token_file or self.environment.get(TOKEN_FILE)
        return Path(told).expanduser() if told else self.home() / "mcp.token"

    def home(self) -> Path:
        """The state folder."""
        return config.home_of(self.state_dir or self.environment.get(config.HOME))

    def where(self) -> dict[str, str | Path | None]:
        """How agents are told where everything is."""
        return {
            "base_url": self.base_url or self.environment.get(config.BASE_URL),
            "rpc_url": self.rpc_url or self.environment.get(config.RPC_URL),
            "state_dir": self.home(),
        }

    def _secret(self, path: Path | None, names: tuple[str, ...]) -> Secret | None:
        if path is not None:
            return Secret(read_secret(path, "the secret"))
        for name in names:
            if value := self.environment.get(name):
                return Secret(read_secret(Path(value), name) if name.endswith("_FILE") else value.strip())
        return None


def read_secret(path: Path, what: str) -> str:
    """The secret in a file. Raises NotConfigured, which quotes nothing of it."""
    problem = ""
    try:
        with path.expanduser().open(encoding="utf-8") as file:
            found = file.read(SECRET_BYTES_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        problem = (error.strerror or "it cannot be read") if isinstance(error, OSError) else "it is no UTF-8"
    if problem:
        raise NotConfigured(f"{what} cannot be read from its file: {problem}")
    if not found:
        raise NotConfigured(f"there is nothing in the file of {what}")
    return found
