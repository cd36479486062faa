"""Variables of the environment, each read by its kind, as a number or a secret. settings.py says what they mean."""

import ipaddress
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, parse_units
from valetkey.crypto.secret import Secret
from valetkey.wire.sign_in import LOOPBACK

PREFIX = "VALETKEY_"
CLIENT_SIDE = (
    "BASE_URL",
    "API_KEY",
    "HOME",
    "ANVIL",
    "DEMO_",
    "RPC_URL",
    "CHAINS_FILE",
    "DEPLOYER_KEY",
    "OWNER_KEY",
    "PASSPHRASE",
    "BUNDLE",
    "IDENTITY",
    "CLAIM_LINK",
    "CONFIG",
    "KEYSTORE",
    "MCP_",
)
"""Names that agents, the command line and the MCP server read; the platform leaves them alone."""

OF_SESSIONS = frozenset({"SESSION", "SESSION_FILE", "ENROLLMENT"})
"""As above, and exactly so: what else begins like them is a setting of the platform, or a typing error."""

URLS_MAX = 4
DOMAINS_MAX = 16

NOBODY = "none"
"""Instead of domains: no site may ask."""

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?", re.ASCII)


class SettingsError(InvalidInput):
    """A setting that is missing, unknown or has no meaning. Never quotes a secret's value."""

    code = "invalid_settings"


class Variables:
    """The variables of an environment that begin with VALETKEY_, each read by its kind. Raises SettingsError."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._values = {
            name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX)
        }
        self._known: set[str] = set()

    def text(self, name: str, default: str | None = None) -> str:
        """A text; without a default it must be given."""
        self._known.add(name)
        value = self._values.get(name, default)
        if not value:
            raise SettingsError(f"{PREFIX}{name} is missing")
        return value

    def number(self, name: str, default: int, *, least: int = 1) -> int:
        """A whole number from `least` on."""
        text = self.text(name, str(default))
        if not text.isdecimal() or len(text) > 12 or int(text) < least:
            raise SettingsError(f"{PREFIX}{name} is a whole number from {least} on")
        return int(text)

    def addresses(self, name: str) -> tuple[str, ...]:
        """Addresses or networks, with commas; none unless given."""
        self._known.add(name)
        found = tuple(one.strip() for one in self._values.get(name, "").split(",") if one.strip())
        try:
            for one in found:
                ipaddress.ip_network(one)
        except ValueError:
            raise SettingsError(f"{PREFIX}{name} is a list of addresses or networks, with commas") from None
        return found

    def urls(self, name: str) -> tuple[str, ...]:
        """Addresses of sites without their last slash, with commas; none unless given."""
        self._known.add(name)
        found = tuple(one.strip() for one in self._values.get(name, "").split(",") if one.strip())
        if len(found) > URLS_MAX or not all(_ORIGIN.fullmatch(one) for one in found):
            raise SettingsError(
                f"{PREFIX}{name} is up to {URLS_MAX} addresses in lower case, such as https://pay.example.com"
            )
        return tuple(one.rstrip("/") for one in found)

    def domains(self, name: str, default: str) -> tuple[str, ...]:
        """Domains of sites, with commas; an empty tuple says that no site may ask."""
        found = tuple(one.strip() for one in self.text(name, default).split(",") if one.strip())
        if found == (NOBODY,):
            return ()
        is_few = 1 <= len(found) <= DOMAINS_MAX and NOBODY not in found
        if not is_few or not all(_DOMAIN.fullmatch(one) for one in found):
            raise SettingsError(
                f"{PREFIX}{name} is up to {DOMAINS_MAX} domains in lower case, such as studio.example.com, with commas;"
                f" {LOOPBACK}; or {NOBODY}"
            )
        return found

    def one_of(self, name: str, known: Collection[str], default: str) -> str:
        """One of the known words."""
        text = self.text(name, default).lower()
        if text not in known:
            raise SettingsError(f"{PREFIX}{name} is one of {', '.join(known)}")
        return text

    def flag(self, name: str, default: bool) -> bool:
        """0 or 1."""
        text = self.text(name, "1" if default else "0").lower()
        if text not in {"0", "1", "true", "false"}:
            raise SettingsError(f"{PREFIX}{name} is 0 or 1")
        return text in {"1", "true"}

    def usdc(self, name: str, default: str) -> int:
        """USDC, as base units. Raises InvalidInput."""
        return parse_units(self.text(name, default), CURRENCY_DECIMALS["USDC"])

    def eth(self, name: str, default: str) -> int:
        """ETH, as wei. Raises InvalidInput."""
        return parse_units(self.text(name, default), CURRENCY_DECIMALS["ETH"])

    def maybe_secret(self, name: str) -> Secret | None:
        """A secret, or None when it is not given."""
        self._known |= {name, f"{name}_FILE"}
        given = self._values.get(name) or self._values.get(f"{name}_FILE")
        return self.secret(name) if given else None

    def secret(self, name: str) -> Secret:
        """A secret, or what the file holds that NAME_FILE names."""
        self._known |= {name, f"{name}_FILE"}
        if value := self._values.get(name):
            return Secret(value)
        path = self._values.get(f"{name}_FILE")
        if not path:
            raise SettingsError(f"{PREFIX}{name} or {PREFIX}{name}_FILE is missing")
        try:
            return Secret(Path(path).read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError):
            raise SettingsError(f"the file of {PREFIX}{name}_FILE cannot be read") from None

    def check_all_known(self) -> None:
        """Raise when a variable was given that nobody read: a typing error is not a default."""
        unknown = sorted(
            name
            for name in self._values
            if name not in self._known and name not in OF_SESSIONS and not name.startswith(CLIENT_SIDE)
        )
        if unknown:
            raise SettingsError("unknown settings: " + ", ".join(PREFIX + name for name in unknown))
