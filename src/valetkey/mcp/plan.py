"""What a server is started with: whose it is, how it is reached, and what its operator allows."""

import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from valetkey.core.errors import InvalidInput
from valetkey.crypto.secret import Secret
from valetkey.sdk import config
from valetkey.sdk.errors import NotConfigured
from valetkey.sdk.keys_at_rest import PASSPHRASE, PASSPHRASE_FILE
from valetkey.wire.sealed_bundle import BINARY

SESSION = "VALETKEY_SESSION"
SESSION_FILE = f"{SESSION}_FILE"
BUNDLE = "VALETKEY_BUNDLE"
BUNDLE_FILE = f"{BUNDLE}_FILE"
IDENTITY = "VALETKEY_IDENTITY"
IDENTITY_FILE = f"{IDENTITY}_FILE"
BUNDLE_PASSPHRASE = "VALETKEY_BUNDLE_PASSPHRASE"  # noqa: S105 - the name of a variable
BUNDLE_PASSPHRASE_FILE = f"{BUNDLE_PASSPHRASE}_FILE"
ENROLLMENT = "VALETKEY_ENROLLMENT"
API_KEY_FILE = f"{config.API_KEY}_FILE"
TOKEN = "VALETKEY_MCP_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_FILE = f"{TOKEN}_FILE"
ENVIRONMENT = (
    *(SESSION, SESSION_FILE, IDENTITY, IDENTITY_FILE, BUNDLE_PASSPHRASE, BUNDLE_PASSPHRASE_FILE, ENROLLMENT),
    *(TOKEN, TOKEN_FILE),
)
"""What a server looks for in the environment, beside what every command does."""

SECRET_BYTES_MAX = 1_048_576
STANDARD_INPUT = "-"
KEYRING = "keyring:"
TOKEN_NAME_CHARS = 16
PORT = 8788
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to serve. No secret is in it: those come from the environment, or from files.

    owner: serve the owner's own tools, by its API key, instead of a session's. session_file: the bundle, otherwise
    VALETKEY_SESSION, or the file that the same name with _FILE names; so are api_key_file and VALETKEY_API_KEY. A
    sealed bundle is opened with identity_file (VALETKEY_IDENTITY) or bundle_passphrase_file
    (VALETKEY_BUNDLE_PASSPHRASE). enrollment: the code of keys that were enrolled in the state folder, in the place of a
    bundle; passphrase_file (VALETKEY_PASSPHRASE): what those are encrypted with there, if they are. A file is also
    `keyring:ACCOUNT`, or `-`: standard input, where HTTP leaves it free, and for one of them.
    bundles: the folder into which new sessions are written, mode 0600; None: no session is made here, neither by
    `attenuate_session` nor by an owner. http: streamable HTTP on `host` and `port` (0 is any free one) instead of
    stdio. token_file: the bearer token of HTTP, made when it is not there; hosts: names beside loopback by which it is
    reached, as `mcp.example.com` or with a port. pay_hosts: those that `pay_x402` may ask (`api.example.com`,
    `*.example.com`, with a port or without), every public one unless given; pay_private: these may be in this machine's
    own network. base_url, rpc_url, state_dir: as for BuyerAgent.
    """

    owner: bool = False
    session_file: Path | None = None
    identity_file: Path | None = None
    bundle_passphrase_file: Path | None = None
    enrollment: str | None = None
    passphrase_file: Path | None = None
    api_key_file: Path | None = None
    bundles: Path | None = None
    http: bool = False
    host: str = "127.0.0.1"
    port: int = PORT
    token_file: Path | None = None
    hosts: tuple[str, ...] = ()
    pay_hosts: tuple[str, ...] = ()
    pay_private: bool = False
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
        if self.pay_private and not self.pay_hosts:
            raise InvalidInput(
                "which hosts of its own network may be paid is said by name", field="pay_hosts"
            )
        if self.enrollment is not None and (self.owner or self.session_file is not None):
            raise InvalidInput("one server serves one session, or one owner", field="enrollment")
        self._check_standard_input()

    def api_key(self) -> Secret:
        """The owner's API key. Raises NotConfigured."""
        found = self._secret(self.api_key_file, (API_KEY_FILE, config.API_KEY))
        if found is None:
            raise NotConfigured(
                f"which owner? Set {config.API_KEY}, or {API_KEY_FILE} to a file with its API key"
            )
        return found

    def enrolled(self) -> str | None:
        """The code of the enrolment to serve; None where a bundle is served. Raises NotConfigured where both are named.

        What was asked for counts more than the environment.
        """
        if self.enrollment is not None or self.session_file is not None:
            return self.enrollment
        code = self.environment.get(ENROLLMENT) or None
        others = [one for one in (SESSION_FILE, SESSION, BUNDLE_FILE, BUNDLE) if self.environment.get(one)]
        if code is not None and others:
            raise NotConfigured(f"{ENROLLMENT} and {others[0]} name two sessions: a server serves one")
        return code

    def bundle(self) -> Secret:
        """The bundle of the session, plain or sealed. Raises NotConfigured."""
        found = self._secret(self.session_file, (SESSION_FILE, SESSION, BUNDLE_FILE, BUNDLE))
        if found is None:
            raise NotConfigured(
                f"which session? Set {SESSION}, or {SESSION_FILE} to a file with its bundle, or {ENROLLMENT} to the"
                " code of keys that were enrolled here"
            )
        return found

    def identity(self) -> Secret | None:
        """The age identity that a sealed bundle was sealed to."""
        return self._secret(self.identity_file, (IDENTITY_FILE, IDENTITY))

    def bundle_passphrase(self) -> Secret | None:
        """The passphrase of a sealed bundle."""
        return self._secret(
            self.bundle_passphrase_file, (BUNDLE_PASSPHRASE_FILE, BUNDLE_PASSPHRASE), exact=True
        )

    def passphrase(self) -> Secret | None:
        """What enrolled keys are encrypted with."""
        return self._secret(self.passphrase_file, (PASSPHRASE_FILE, PASSPHRASE), exact=True)

    def token(self, whose: str) -> Secret | None:
        """The bearer token that the environment or its file gives; None when one is to be made."""
        if value := self.environment.get(TOKEN):
            return Secret(value)
        path = self.token_path(whose)
        return Secret(read_secret(path, "the bearer token")) if path.exists() else None

    def token_path(self, whose: str) -> Path:
        """Where the bearer token is kept: each session has one of its own, also where they share a state folder."""
        told = self.token_file or self.environment.get(TOKEN_FILE)
        if told:
            return Path(told).expanduser()
        return self.home() / f"mcp-{hashlib.sha256(whose.encode()).hexdigest()[:TOKEN_NAME_CHARS]}.token"

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

    def _secret(self, path: Path | None, names: tuple[str, ...], *, exact: bool = False) -> Secret | None:
        if path is not None:
            return Secret(read_secret(path, "the secret", exact=exact))
        for name in names:
            if value := self.environment.get(name):
                if name.endswith("_FILE"):
                    return Secret(read_secret(Path(value), name, exact=exact))
                return Secret(value if exact else value.strip())
        return None

    def _check_standard_input(self) -> None:
        files = (self.session_file, self.identity_file, self.bundle_passphrase_file, self.passphrase_file)
        asked = [one for one in (*files, self.api_key_file) if one is not None and str(one) == STANDARD_INPUT]
        if asked and not self.http:
            raise InvalidInput("standard input is the client's: a secret comes from elsewhere", field="file")
        if len(asked) > 1:
            # Only the first reader would get anything.
            raise InvalidInput("one secret alone comes from standard input", field="file")


def read_secret(path: Path, what: str, *, exact: bool = False) -> str:
    """The secret in a file, in the keyring (`keyring:ACCOUNT`), or in standard input (`-`).

    `exact`: blanks may be meant, all but a line's end. Raises NotConfigured, which quotes nothing of it.
    """
    name, problem, found = str(path), "", ""
    try:
        if name == STANDARD_INPUT:
            found = sys.stdin.read(SECRET_BYTES_MAX)
        elif name.startswith(KEYRING):
            found = _of_keyring(name.removeprefix(KEYRING))
        else:
            with path.expanduser().open("rb") as file:
                read = file.read(SECRET_BYTES_MAX)
            if read.startswith(BINARY):
                # A sealed bundle as bytes: a text of as many characters.
                return read.decode("latin-1")
            found = read.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = (error.strerror or "it cannot be read") if isinstance(error, OSError) else "it is no UTF-8"
    if problem:
        raise NotConfigured(f"{what} cannot be read from its file: {problem}")
    # An editor ends a file with a line's end.
    found = found.removesuffix("\n").removesuffix("\r") if exact else found.strip()
    if not found:
        raise NotConfigured(f"there is nothing in the file of {what}")
    return found


def _of_keyring(account: str) -> str:
    from valetkey.crypto.locks.os_keyring import SystemKeyring

    kept = SystemKeyring().get(account)
    if kept is None:
        raise NotConfigured(f"the keyring has no entry {account}")
    return kept.reveal()
