"""How web3.py is opened and closed, in its async and its sync form, and which of its failures mean "no answer".

web3.py takes a second to import, so it is imported when the first connection opens.
"""

import logging
from typing import TYPE_CHECKING, Any

from valetkey.core.errors import ChainUnavailable
from valetkey.recursion import recursion_limit_kept

if TYPE_CHECKING:
    from web3 import AsyncWeb3, Web3

_SILENT = logging.Logger("valetkey.silent", level=logging.CRITICAL + 1)

TIMEOUT_SECONDS = 20.0
CONNECTIONS_MAX = 8


async def async_open_web3(rpc_url: str) -> "AsyncWeb3[Any]":
    """An async connection, used by one event loop. Proxies of the environment are ignored."""
    with recursion_limit_kept():
        from aiohttp import ClientSession, ClientTimeout, TCPConnector
        from web3 import AsyncHTTPProvider, AsyncWeb3

    provider = AsyncHTTPProvider(rpc_url, request_kwargs={"timeout": ClientTimeout(TIMEOUT_SECONDS)})
    _hush(provider)
    session = ClientSession(connector=TCPConnector(limit=CONNECTIONS_MAX), raise_for_status=True)
    await provider.cache_async_session(session)
    return AsyncWeb3(provider)


async def async_close_web3(web3: "AsyncWeb3[Any]") -> None:
    """Close its connections."""
    await web3.provider.disconnect()


def open_web3(rpc_url: str) -> "Web3":
    """A sync connection. Proxies of the environment are ignored."""
    with recursion_limit_kept():
        import requests
        from web3 import HTTPProvider, Web3

    session = requests.Session()
    session.trust_env = False
    provider = HTTPProvider(rpc_url, request_kwargs={"timeout": TIMEOUT_SECONDS}, session=session)
    _hush(provider)
    return Web3(provider)


def close_web3(web3: "Web3") -> None:
    """Close its connections."""
    from web3 import HTTPProvider

    assert isinstance(web3.provider, HTTPProvider)
    manager = web3.provider._request_session_manager
    if manager._explicit_session is not None:
        manager._explicit_session.close()
    manager.session_pool.shutdown(wait=False)


def _hush(provider: Any) -> None:
    """Both log the URL, which may hold a provider's key, with every request."""
    provider.logger = provider._request_session_manager.logger = _SILENT


def no_answer(error: Exception) -> ChainUnavailable | None:
    """A failure that means that no node answered, or not in its language; None for any other.

    The text names the kind of failure alone: the messages of the libraries quote the URL, which may hold a key.
    """
    import aiohttp
    import requests
    from web3.exceptions import BadResponseFormat, RequestTimedOut, TooManyRequests

    failures = (
        aiohttp.ClientError,
        requests.RequestException,
        OSError,
        TimeoutError,
        BadResponseFormat,
        RequestTimedOut,
        TooManyRequests,
        ValueError,
    )
    if isinstance(error, failures):
        return ChainUnavailable(f"no node of the network answered ({type(error).__name__})")
    return None
