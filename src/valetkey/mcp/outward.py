"""Where a model may have this server send requests: the public internet over HTTPS, and what its operator named."""

import httpx

from valetkey.core.errors import InvalidInput
from valetkey.outward import Address, PinnedTransport, is_public, literal
from valetkey.sdk.errors import NetworkError
from valetkey.sdk.x402.terms import Terms, host_of, terms_of

LOOPBACK_NAME = "localhost"


class Outward:
    """The way out of one call: what is judged when it begins is where it goes to the end.

    `hosts` are those that the operator named, as for `http()`; without any, every public one. `private`: the named
    ones may be in this machine's network. An address that is named as such, and localhost, are where they are.
    """

    def __init__(self, hosts: tuple[str, ...] = (), *, private: bool = False) -> None:
        self._named: Terms | None = terms_of(hosts, None, None, None) if hosts else None
        self._private = private
        self._plain = {_without_port(one) for one in hosts}
        self.transport = PinnedTransport(self._judge)

    async def check(self, url: httpx.URL) -> None:
        """Raise InvalidInput for a URL that is not asked: a model must not reach what only this machine can.

        The host is resolved by it, for good. Raises NetworkError for one that is not found.
        """
        self._check_name(url)
        problem = ""
        try:
            await self.transport.pin(url)
        except httpx.ConnectError as error:
            problem = str(error)
        if problem:
            raise NetworkError(problem, code="network")

    def _check_name(self, url: httpx.URL) -> None:
        if url.userinfo:
            raise InvalidInput("url: this holds a credential; give it in the headers", field="url")
        if self._named is not None:
            if self._named.host_problem(url) is not None:
                raise InvalidInput(
                    "url: the operator of this server does not let it ask this host", field="url"
                )
        elif url.scheme != "https":
            raise InvalidInput("url: this is asked over https:// alone", field="url")
        elif host_of(url) == LOOPBACK_NAME:
            raise _not_public()

    def _judge(self, host: str, address: Address) -> None:
        if is_public(address) or (self._named is not None and self._private):
            return
        if host in self._plain and (
            literal(host) == address or (host == LOOPBACK_NAME and address.is_loopback)
        ):
            return
        raise _not_public()


def _not_public() -> InvalidInput:
    return InvalidInput("url: this is no host of the public internet", field="url")


def _without_port(named: str) -> str:
    if named.startswith("["):
        return named[1:].partition("]")[0].lower()
    return named.partition(":")[0].lower()
