"""Where a model may have this server send requests: the public internet over HTTPS, and what its operator named."""

import ipaddress
import socket

import anyio
import httpx

from valetkey.core.errors import InvalidInput
from valetkey.sdk.errors import NetworkError
from valetkey.sdk.x402.terms import Terms, host_of, terms_of


class Outward:
    """`hosts` are those that the operator named, as for `http()`; without any, every public one."""

    def __init__(self, hosts: tuple[str, ...] = ()) -> None:
        self._named: Terms | None = terms_of(hosts, None, None, None) if hosts else None

    async def check(self, url: httpx.URL) -> None:
        """Raise InvalidInput for a URL that is not asked: a model must not reach what only this machine can."""
        if url.userinfo:
            raise InvalidInput("url: this holds a credential; give it in the headers", field="url")
        if self._named is not None:
            if self._named.host_problem(url) is not None:
                raise InvalidInput(
                    "url: the operator of this server does not let it ask this host", field="url"
                )
            return
        if url.scheme != "https":
            raise InvalidInput("url: this is asked over https:// alone", field="url")
        for address in await _addresses(host_of(url)):
            if not address.is_global or address.is_multicast:
                raise InvalidInput("url: this is no host of the public internet", field="url")


async def _addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    problem = False
    try:
        found = await anyio.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    except (OSError, UnicodeError, ValueError):
        problem = True
    assert problem, "what was found was returned"
    raise NetworkError("the host of the URL is not found", code="network")
