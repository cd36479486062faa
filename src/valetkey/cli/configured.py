"""Where each value comes from, in one order: flag, environment, configuration file, default. Secrets come out of files.

The file is TOML: $VALETKEY_CONFIG, otherwise ~/.config/valetkey/config.toml. It names files of secrets and holds none.
"""

import difflib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valetkey.cli.complaint import Complaint
from valetkey.wire.errors import Exit

CONFIG = "VALETKEY_CONFIG"
DEFAULT_CONFIG = Path("~/.config/valetkey/config.toml")
CONFIG_BYTES_MAX = 65_536
FLAG, ENVIRONMENT, FILE, DEFAULT = range(4)
"""Where a value is from: what is further left counts more."""

OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Setting:
    """One value. `flag` is the option's name, `variable` the environment's; both with _FILE for what is a secret."""

    name: str
    flag: str
    variable: str
    meaning: str
    default: str | None = None
    is_secret: bool = False

    @property
    def member(self) -> str:
        """What the configuration file calls it."""
        return f"{self.name}_file" if self.is_secret else self.name

    @property
    def file_variable(self) -> str:
        """The variable that names a file which holds it."""
        return f"{self.variable}_FILE"


SETTINGS = {
    one.name: one
    for one in (
        Setting("base_url", "--base-url", "VALETKEY_BASE_URL", "the platform"),
        Setting("rpc_url", "--rpc-url", "VALETKEY_RPC_URL", "a node of the chain; otherwise the platform's"),
        Setting("home", "--home", "VALETKEY_HOME", "the state folder", "~/.valetkey"),
        Setting(
            "keystore",
            "--keystore",
            "VALETKEY_KEYSTORE",
            "the file of kept keys; otherwise in the state folder",
        ),
        Setting("api_key", "--api-key-file", "VALETKEY_API_KEY", "the owner's API key", is_secret=True),
        Setting("owner_key", "--key-file", "VALETKEY_OWNER_KEY", "the wallet's private key", is_secret=True),
        Setting("bundle", "--bundle-file", "VALETKEY_BUNDLE", "the session's bundle", is_secret=True),
        Setting(
            "identity",
            "--identity-file",
            "VALETKEY_IDENTITY",
            "the age identity that opens a sealed bundle",
            is_secret=True,
        ),
        Setting(
            "bundle_passphrase",
            "--bundle-passphrase-file",
            "VALETKEY_BUNDLE_PASSPHRASE",
            "the passphrase of a sealed bundle",
            is_secret=True,
        ),
        Setting("claim_link", "--link-file", "VALETKEY_CLAIM_LINK", "the one-time link", is_secret=True),
        Setting(
            "enrollment",
            "--enrollment",
            "VALETKEY_ENROLLMENT",
            "the code of an enrolment; otherwise the only one in the state folder",
        ),
        Setting(
            "passphrase",
            "--passphrase-file",
            "VALETKEY_PASSPHRASE",
            "the passphrase of kept keys",
            is_secret=True,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Found:
    """A value and where it came from. Of a secret, `value` is the secret itself or the file that holds it."""

    setting: Setting
    value: str | None
    source: str
    is_file: bool = False
    rank: int = DEFAULT


class Configured:
    """What flags, environment, file and defaults say together."""

    def __init__(self, flags: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> None:
        self._flags = flags
        self._environ = os.environ if environ is None else environ
        self._file: dict[str, str] | None = None

    def find(self, name: str) -> Found:
        """A value by its name. Raises Complaint for a configuration file that cannot be used."""
        setting = SETTINGS[name]
        given = self._flags.get(name)
        if given is not None:
            return Found(setting, str(given), setting.flag, setting.is_secret, FLAG)
        if text := self._environ.get(setting.variable):
            return Found(setting, text, setting.variable, rank=ENVIRONMENT)
        if setting.is_secret and (text := self._environ.get(setting.file_variable)):
            return Found(setting, text, setting.file_variable, is_file=True, rank=ENVIRONMENT)
        if text := self.members().get(setting.member):
            return Found(setting, text, str(self.path), setting.is_secret, FILE)
        return Found(setting, setting.default, "default" if setting.default else "")

    def text(self, name: str) -> str | None:
        """The value alone."""
        return self.find(name).value

    def folder(self) -> Path:
        """The state folder."""
        return Path(self.text("home") or "~/.valetkey").expanduser()

    @property
    def path(self) -> Path:
        """The configuration file, whether it is there or not."""
        return Path(self._environ.get(CONFIG) or DEFAULT_CONFIG).expanduser()

    def members(self) -> dict[str, str]:
        """What the file says; nothing where there is none, unless $VALETKEY_CONFIG names it. Raises Complaint."""
        if self._file is None:
            self._file = _read(self.path, is_named=bool(self._environ.get(CONFIG)))
        return self._file


def _read(path: Path, *, is_named: bool) -> dict[str, str]:
    import tomllib

    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            text = file.read(CONFIG_BYTES_MAX + 1)
    except FileNotFoundError:
        if is_named:
            raise Complaint(f"{CONFIG} names {path}, which is not there", Exit.INPUT) from None
        return {}
    except OSError as error:
        raise Complaint(f"{path} cannot be read: {error.strerror}", Exit.INPUT) from None
    if len(text) > CONFIG_BYTES_MAX:
        raise Complaint(f"{path} is longer than a configuration", Exit.INPUT)
    if stat.S_ISREG(found.st_mode) and found.st_mode & OTHERS:
        # Who may write it says which platform gets our key; a node's URL in it is often a secret.
        raise Complaint(f"others may read or write {path}", Exit.INPUT, hint=f"chmod 600 {path}")
    problem = ""
    try:
        return _checked(tomllib.loads(text.decode("utf-8")), path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "it is no UTF-8"
    raise Complaint(f"{path} is no TOML: {problem}", Exit.INPUT)


def _checked(members: dict[str, Any], path: Path) -> dict[str, str]:
    known = {one.member: one for one in SETTINGS.values()}
    for name, value in members.items():
        if name not in known:
            setting = SETTINGS.get(name)
            if setting is not None:
                raise Complaint(
                    f"{path}: no secret is written here: {name} is put into a file that {setting.member} names",
                    Exit.INPUT,
                )
            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise Complaint(f"{path}: nothing is called {name}", Exit.INPUT, hint=hint)
        if not isinstance(value, str) or not value:
            raise Complaint(f"{path}: {name} is a text", Exit.INPUT)
    return dict(members)
