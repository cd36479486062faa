"""What one paying client may do beside the session's policy: hosts, the most of one payment, payees. No I/O."""

import hashlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import httpx

from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, format_units, rescale
from valetkey.core.refusal import Code, Refusal, Refused, refuse
from valetkey.sdk.amounts import Amount, named_units

CURRENCY = "USDC"
OPERATION = "x402"
"""What policies call a payment for a request."""

HOLD_SECONDS = 300
_HOST = re.compile(
    r"(\*\.)?[A-Za-z0-9_.\-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?", re.ASCII
)
_PORTS = {"http": 80, "https": 443}
NOTE_CHARS = 300


@dataclass(frozen=True, slots=True)
class Terms:
    """`hosts`: those that may be paid, None for any; `units_max` is the most of one payment, base units of USDC.

    `pin_payees`: whether a host may be paid to the address alone that it was paid to first; None where the session's
    policy names payees. `wait_approval`: seconds to wait for the owner's approval, None to be told of it.
    """

    hosts: tuple[str, ...] | None = None
    units_max: int | None = None
    pin_payees: bool | None = None
    wait_approval: float | None = None

    def host_problem(self, url: httpx.URL) -> Refused | None:
        """Why the host of a URL may not be paid; None when it may."""
        host, port = host_of(url), _port(url)
        if self.hosts is not None and not any(_fits(one, host, port) for one in self.hosts):
            return refuse(
                Code.HOST_NOT_ALLOWED,
                "hosts",
                f"this client may not pay {host}",
                hint="name it among the hosts of http()",
            )
        if url.scheme != "https" and not _is_loopback(host):
            return refuse(
                Code.HOST_INSECURE, "scheme", f"{host} is paid over HTTPS alone", hint="ask it over https://"
            )
        return None

    def too_much(self, units: int, decimals: int) -> Refused | None:
        """Why so many base units of a token are more than one payment may be; None when they are not."""
        asked = rescale(units, decimals, CURRENCY_DECIMALS[CURRENCY], up=True)
        if self.units_max is None or asked <= self.units_max:
            return None
        most = format_units(self.units_max, CURRENCY_DECIMALS[CURRENCY])
        return Refused(
            (
                Refusal(
                    Code.OFFER_ABOVE_MAX,
                    "max_amount",
                    f"the offer is more than the {most} {CURRENCY} that one payment of this client may be",
                    asked=asked,
                    limit=self.units_max,
                    hint="raise max_amount of http()",
                    currency=CURRENCY,
                ),
            )
        )


def terms_of(
    hosts: Iterable[str] | None,
    max_amount: Amount | None,
    pin_payees: bool | None,
    wait_approval: float | None,
) -> Terms:
    """What a caller asked for. Raises InvalidInput, InvalidAmount."""
    names = None
    if hosts is not None:
        if isinstance(hosts, str):
            raise InvalidInput("hosts are a list of names", field="hosts")
        names = tuple(str(one).lower() for one in hosts)
        if any(not _HOST.fullmatch(one) for one in names):
            raise InvalidInput(
                "a host is a name such as api.example.com, *.example.com, or one with a port", field="hosts"
            )
    units = None if max_amount is None else named_units(max_amount, CURRENCY_DECIMALS[CURRENCY], "max_amount")
    return Terms(names, units, pin_payees, wait_approval)


def host_of(url: httpx.URL) -> str:
    """The host of a URL as it is asked, lower case; an IPv6 address without brackets."""
    return url.raw_host.decode("ascii").lower().rstrip(".").strip("[]")


def origin_of(url: httpx.URL) -> str:
    """Whom a URL asks: a host and a port. The standard ports of HTTP and HTTPS are one server's."""
    port = _port(url)
    return host_of(url) if port in _PORTS.values() else f"{host_of(url)}:{port}"


def is_of(url: httpx.URL, resource: object) -> bool:
    """Whether a resource, as a seller names it, is one of the server that a URL asks."""
    if not isinstance(resource, str) or "://" not in resource:
        return True
    try:
        named = httpx.URL(resource)
        return origin_of(named) == origin_of(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return False


def note_of(method: str, url: httpx.URL) -> str:
    """What a spend is for, to be read by its owner; a query may hold secrets, and is left out."""
    path = url.raw_path.split(b"?", 1)[0].decode("ascii", "replace")
    plain = f"{method} {origin_of(url)}{path}"
    return "".join(one if one.isprintable() and one.isascii() else "?" for one in plain)[:NOTE_CHARS]


def fingerprint(wallet: str, method: str, url: httpx.URL, body: bytes, kind: str, key: str) -> str:
    """What makes two requests one: who pays, what is asked, and the caller's own key. 64 hex digits."""
    text = "\n".join(
        (
            wallet.lower(),
            method,
            str(url.copy_with(fragment=None)),
            kind,
            hashlib.sha256(body).hexdigest(),
            key,
        )
    )
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def decimal_text(units: int, decimals: int) -> Decimal:
    """Base units as the exact decimal that a spend is asked with."""
    return Decimal(format_units(units, decimals))


def _port(url: httpx.URL) -> int:
    return url.port or _PORTS.get(url.scheme, 0)


def _fits(allowed: str, host: str, port: int) -> bool:
    if allowed.startswith("["):
        name, _, wanted = allowed[1:].partition("]")
        wanted = wanted.lstrip(":")
    else:
        name, _, wanted = allowed.partition(":")
    if wanted and int(wanted) != port:
        return False
    if name.startswith("*."):
        return host.endswith(name[1:])
    return host == name


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
