"""Connections to hosts that strangers chose. Who may be reached is the rule of the room that asks.

A name is resolved once, every address that it has is judged, and the connection goes to a judged one; certificate and
Host header are the name's.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from functools import cache
from ssl import SSLContext

import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Judge = Callable[[str, Address], None]
"""Raises for an address of a host that must not be reached."""

ADDRESSES_MAX = 4
"""So many addresses of one host are tried, when they do not take a connection."""

_NEVER = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # RFC 6890; a cloud's instance data is there too
            "192.88.99.0/24",  # RFC 7526: the nearest relay of 6to4, whoever that is
            "168.63.129.16/32",  # what a machine of Azure asks about itself
            "64:ff9b::/96",  # RFC 6052: NAT64, which leads to a v4 address
            "64:ff9b:1::/48",  # RFC 8215: the same, of a network's own
            "fec0::/10",  # RFC 3879: the sites of old
            "3fff::/20",  # RFC 9637: documents
        ),
    )
)
"""What the standard library takes for global, or does in some of its versions."""

_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""RFC 5214: how the host part of a v6 address begins that carries a v4 one."""


def is_public(address: Address) -> bool:
    """Whether an address is out in the open internet, and does not carry a private one inside."""
    if any(address.version == one.version and address in one for one in _NEVER):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or int(address) >> 32 & 0xFFFF_FFFF in _ISATAP:
            return False
        if int(address) < 2**32:
            # The old form of a v4 address inside a v6 one.
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local
    )


def literal(host: str) -> Address | None:
    """The address that a host is written as, in whatever spelling resolvers take; None for a name."""
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


class PinnedTransport(httpx.AsyncBaseTransport):
    """Sends to judged addresses alone. A host that was resolved stays where it was, for as long as this lives."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._pinned: dict[tuple[str, int], list[Address]] = {}
        # A connection is of one address, and another host may have the same: so none is used twice.
        self._inner = httpx.AsyncHTTPTransport(
            verify=_certificates(), trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def pin(self, url: httpx.URL) -> list[Address]:
        """Resolve the host of a URL now, and judge it. Raises what the judge raises, and httpx.ConnectError."""
        host, port = _place(url)
        found = self._pinned.get((host, port))
        if found is None:
            found = await _resolved(host, port)
            for address in found:
                # One private address among public ones is enough: which of them is taken is not ours to say.
                self._judge(host, address)
            self._pinned[host, port] = found
        return found

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send. Raises what httpx raises, and the judge."""
        addresses = (await self.pin(request.url))[:ADDRESSES_MAX]
        # The certificate is the name's, although the connection goes to an address.
        extensions = {**request.extensions, "sni_hostname": _place(request.url)[0]}
        problem: httpx.TransportError | None = None
        for address in addresses:
            sent = httpx.Request(
                request.method,
                request.url.copy_with(host=str(address)),
                headers=request.headers,
                stream=request.stream,
                extensions=extensions,
            )
            try:
                return await self._inner.handle_async_request(sent)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                # Nothing was sent yet.
                problem = error
        assert problem is not None, "a host that is resolved has an address"
        raise problem

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


async def _resolved(host: str, port: int) -> list[Address]:
    problem = "has no address"
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        if addresses:
            return list(dict.fromkeys(addresses))
    except (OSError, UnicodeError, ValueError):
        problem = "is not found"
    raise httpx.ConnectError(f"the host {problem}")


def _place(url: httpx.URL) -> tuple[str, int]:
    host = url.raw_host.decode("ascii").lower().strip("[]").removesuffix(".")
    return host, url.port or (443 if url.scheme == "https" else 80)


@cache
def _certificates() -> SSLContext:
    """The trusted authorities. Reading them takes longer than everything else here, so it is done once."""
    return httpx.create_ssl_context(trust_env=False)
