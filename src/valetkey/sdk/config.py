"""Where the platform is and where state is kept: an argument, otherwise the environment, otherwise a default."""

import ipaddress
import os
from pathlib import Path
from urllib.parse import urlsplit

from valetkey.crypto.secret import Secret
from valetkey.sdk.errors import NotConfigured

API_KEY = "VALETKEY_API_KEY"
BASE_URL = "VALETKEY_BASE_URL"
RPC_URL = "VALETKEY_RPC_URL"
HOME = "VALETKEY_HOME"
DEFAULT_HOME = Path("~/.valetkey")


def api_key_of(given: Secret | str | None) -> Secret:
    """An owner's API key. Raises NotConfigured."""
    found = given or os.environ.get(API_KEY)
    if not found:
        raise NotConfigured(f"which owner's sessions? pass api_key, or set {API_KEY}")
    return found if isinstance(found, Secret) else Secret(found)


def base_url_of(given: str | None) -> str:
    """The platform's base URL, without trailing slashes. Raises NotConfigured."""
    url = given or os.environ.get(BASE_URL)
    if not url:
        raise NotConfigured(f"where is the platform? pass base_url, or set {BASE_URL}")
    checked = checked_url(url.rstrip("/"), "the base URL")
    if "?" in checked or "#" in checked or "@" in checked:
        raise NotConfigured("the base URL is scheme, host and path alone; credentials travel in a header")
    return checked


def rpc_url_of(given: str | None, told: str | None) -> str:
    """The node of the network: given, from the environment, or what the platform tells. Raises NotConfigured."""
    url = given or os.environ.get(RPC_URL) or told
    if not url:
        raise NotConfigured(f"which node serves the network? pass rpc_url, or set {RPC_URL}")
    return checked_url(url, "the RPC URL")


def home_of(given: Path | str | None) -> Path:
    """The folder for recovery copies and signed transactions, ~/.valetkey unless told otherwise."""
    return Path(given or os.environ.get(HOME) or DEFAULT_HOME).expanduser()


def checked_url(url: str, name: str) -> str:
    """Raise NotConfigured unless the URL is https, or http on loopback. It is not quoted: it may hold a key."""
    # Parsers disagree about backslashes and blanks, and then about the host.
    if "\\" in url or " " in url or not url.isprintable():
        raise NotConfigured(f"{name} is not a URL")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise NotConfigured(f"{name} is not a URL") from None
    if not host or port == 0 or parts.scheme not in ("http", "https"):
        raise NotConfigured(f"{name} begins with https:// and has a host")
    if parts.scheme == "http" and not _is_loopback(host):
        raise NotConfigured(f"{name} begins with https://: plain http is for loopback only")
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
