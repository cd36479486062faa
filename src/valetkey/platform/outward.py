"""Calls to addresses that strangers chose: callbacks and endpoints. Guarded against requests into private networks.

A name is resolved once, every address it has is checked, and the connection goes to a checked address. Redirects
are not followed, answers are not read beyond a bound, proxies of the environment are ignored.
"""

import asyncio
from urllib.parse import SplitResult, urlsplit

import httpx

from valetkey.core.errors import EnvironmentFailure, InvalidInput
from valetkey.outward import Address, PinnedTransport, is_public, literal
from valetkey.wire.http import USER_AGENT_PREFIX

TIMEOUT_SECONDS = 10.0
ANSWER_BYTES_MAX = 65_536
URL_CHARS_MAX = 2_000
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


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
    # A name may end with the dot of the root, and is the same then.
    host = (parts.hostname or "").removesuffix(".")
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
    address = literal(host)
    if address is not None and not is_public(address):
        raise UrlRefused("a callback URL does not lead into a private network")
    return parts


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
        check_url(url, self._test_mode)
        sent = {**headers, "User-Agent": USER_AGENT_PREFIX + "webhooks", "Accept-Encoding": "identity"}
        async with httpx.AsyncClient(
            transport=PinnedTransport(self._judge),
            follow_redirects=False,
            trust_env=False,
            timeout=self._timeout_seconds,
        ) as client:
            request = client.build_request("POST", url, content=body, headers=sent)
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

    def _judge(self, host: str, address: Address) -> None:
        loopback_allowed = self._test_mode and host in LOOPBACK_NAMES
        if not is_public(address) and not (loopback_allowed and address.is_loopback):
            raise UrlRefused("the receiver's name leads into a private network")
