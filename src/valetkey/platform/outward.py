"""Calls to addresses that strangers chose: callbacks and endpoints. Guarded against requests into private networks.

A name is resolved once, every address it has is checked, and the connection goes to a checked address. Redirects
are not followed, answers are not read beyond a bound, proxies of the environment are ignored.
"""

import asyncio
import ipaddress
import socket
from functools import cache
from ssl import SSLContext
from urllib.parse import SplitResult, urlsplit

import httpx

from valetkey.core.errors import EnvironmentFailure, InvalidInput
from valetkey.wire.http import USER_AGENT_PREFIX

TIMEOUT_SECONDS = 10.0
ANSWER_BYTES_MAX = 65_536
URL_CHARS_MAX = 2_000
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")


class UrlRefused(InvalidInput):
    """A URL that the platform must not call."""

    code = "callback_url_refused"


def check_url(url: str, test_mode: bool, field: str = "callbackUrl") -> SplitResult:
    """Raise UrlRefused unless the URL is https (in test mode also http on loopback) and not plainly private.

    This is the look at the door; a name is resolved, and checked again, when it is called. `field` is the
    member of the request that holds the URL.
    """
    try:
        return _checked(url, test_mode)
    except UrlRefused as refused:
        refused.field = field
        raise


def _checked(url: str, test_mode: bool) -> SplitResult:
    if len(url) > URL_CHARS_MAX or any(c <= " " or c == "\\" or c == "\x7f" for c in url):
        raise UrlRefused("a callback URL is a plain https URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UrlRefused("a callback URL is a plain https URL") from None
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https"):
        raise UrlRefused("a callback URL begins with https://")
    if not parts.netloc.isascii():
        # Resolvers read digits and dots of other scripts as addresses; names have an ASCII form.
        raise UrlRefused("a callback URL names its host in ASCII")
    if parts.username is not None or parts.password is not None or not host or port == 0:
        raise UrlRefused("a callback URL has a host and no user name")
    if test_mode and host in LOOPBACK_NAMES:
        return parts
    if parts.scheme != "https":
        raise UrlRefused("a callback URL begins with https://")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        raise UrlRefused("a callback URL does not lead into a private network")
    literal = _literal(host)
    if literal is not None and not is_public(literal):
        raise UrlRefused("a callback URL does not lead into a private network")
    return parts


def is_public(address: Address) -> bool:
    """Whether an address is out in the open internet, and does not carry a private one inside."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_public(inner)
        if address in _NAT64 or address in _NAT64_LOCAL or address.teredo is not None:
            return False
        if int(address) < 2**32:
            # The old form of a v4 address inside a v6 one.
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local
    )


class GuardedPoster:
    """Posts webhooks. One connection per call: nothing is shared between receivers."""

    def __init__(self, test_mode: bool, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._test_mode = test_mode
        self._timeout_seconds = timeout_seconds

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """The status of the answer. Raises UrlRefused, and EnvironmentFailure when nobody answers in time."""
        failure = "did not answer"
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._post(url, body, headers)
        except TimeoutError:
            failure = "did not answer in time"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            failure = f"could not be reached ({type(error).__name__})"
        raise EnvironmentFailure(f"the receiver {failure}")

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        parts = check_url(url, self._test_mode)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = await self._checked_address(host, port)
        shown = f"[{address}]" if address.version == 6 else str(address)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {
            **headers,
            "Host": parts.netloc,
            "User-Agent": USER_AGENT_PREFIX + "webhooks",
            "Accept-Encoding": "identity",
        }
        async with httpx.AsyncClient(
            verify=_certificates(), follow_redirects=False, trust_env=False, timeout=self._timeout_seconds
        ) as client:
            request = client.build_request(
                "POST",
                f"{parts.scheme}://{shown}:{port}{path}",
                content=body,
                headers=sent,
                # The certificate is the name's, although the connection goes to the checked address.
                extensions={"sni_hostname": host},
            )
            response = await client.send(request, stream=True)
            try:
                read = 0
                async for part in response.aiter_raw():
                    read += len(part)
                    if read > ANSWER_BYTES_MAX:
                        break
            finally:
                await response.aclose()
            return response.status_code

    async def _checked_address(self, host: str, port: int) -> Address:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        loopback_allowed = self._test_mode and host in LOOPBACK_NAMES
        for address in addresses:
            if not is_public(address) and not (loopback_allowed and address.is_loopback):
                raise UrlRefused("the receiver's name leads into a private network")
        if not addresses:
            raise EnvironmentFailure("the receiver's name has no address")
        return addresses[0]


@cache
def _certificates() -> SSLContext:
    """The trusted authorities. Reading them takes longer than everything else here, so it is done once."""
    return httpx.create_ssl_context(trust_env=False)


def _literal(host: str) -> Address | None:
    host = host.removesuffix(".")
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        # Shortened, octal and hexadecimal spellings are addresses to the resolver.
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except OSError:
        return None
