"""HTTP to the platform: one credential, typed answers, typed errors, and retries of what is safe to repeat."""

import secrets
from collections.abc import AsyncGenerator, Mapping
from typing import Any, TypeVar

import httpx
import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.crypto.secret import Secret
from valetkey.sdk.errors import NetworkError, NotConfigured, PlatformAnswer, TryLater, error_of
from valetkey.sdk.patience import Patience
from valetkey.sdk.proving import Prover
from valetkey.sdk.tracing import trace_headers
from valetkey.seam import async_sleep
from valetkey.wire.http import (
    API_KEY_HEADER,
    API_PREFIX,
    JSON_TYPE,
    REQUEST_ID_HEADER,
    RETRY_AFTER_HEADER,
    USER_AGENT_PREFIX,
    encode,
    read_answer,
)

T = TypeVar("T")

TIMEOUT_SECONDS = 30.0
STREAM_TIMEOUT_SECONDS = 45.0
"""Of silence within an answer that is told piece by piece; a quiet stream of events says something every 15 s."""

CONNECTIONS_MAX = 64
TRIES = 4
RETRY_AFTER_DIGITS_MAX = 6


class AsyncConnection:
    """One connection to a platform. `credential` is an API key or a session token, and may change.

    `prover` signs every request of a session whose token alone is of no use; with another credential comes another one.
    """

    def __init__(self, base_url: str, credential: Secret | None, version: str) -> None:
        self.credential = credential
        self.prover: Prover | None = None
        self.base_url = base_url
        self._patience = Patience()
        try:
            url = httpx.URL(base_url)
        except httpx.InvalidURL:
            raise NotConfigured("the base URL is not a URL") from None
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=TIMEOUT_SECONDS,
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            headers={"Accept": JSON_TYPE, "User-Agent": f"{USER_AGENT_PREFIX}{version}"},
            # A proxy or a .netrc of the environment must not see credentials.
            trust_env=False,
            follow_redirects=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, path: str, kind: type[T], query: Mapping[str, Any] | None = None) -> T:
        """GET; parameters that are None are left out."""
        asked = {name: str(value) for name, value in (query or {}).items() if value is not None}
        answer = await self._send("GET", path, params=asked, repeat=True)
        return _data(answer, kind)

    async def send(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        repeat: bool = False,
    ) -> T:
        """POST, PUT, PATCH or DELETE. `repeat`: the same request again does no harm, so a lost answer is asked anew."""
        answer = await self._send(method, path, body=body, headers=headers, repeat=repeat)
        return _data(answer, kind)

    async def stream(
        self, path: str, query: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[bytes]:
        """GET whose answer is told piece by piece. Raises as `get` does, also when the answer is cut off."""
        asked = {name: str(value) for name, value in (query or {}).items() if value is not None}
        sent = {REQUEST_ID_HEADER: secrets.token_hex(8), **trace_headers(), **(headers or {})}
        if self.credential:
            sent[API_KEY_HEADER] = self.credential.reveal()
        _check_headers(sent)
        failure = ""
        try:
            url = f"{API_PREFIX}{path}"
            if self.prover is not None:
                whole = self._http.build_request("GET", url, params=asked).url
                sent |= self.prover.headers("GET", _address(whole), sent, None)
            async with self._http.stream(
                "GET", url, params=asked, headers=sent, timeout=STREAM_TIMEOUT_SECONDS
            ) as response:
                if not response.is_success:
                    answer = read_answer(await response.aread())
                    pause = _seconds(response.headers.get(RETRY_AFTER_HEADER, ""))
                    raise error_of(response.status_code, answer, pause)
                async for piece in response.aiter_bytes():
                    yield piece
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            failure = f"the platform's answer was cut off ({type(error).__name__})"
        if failure:
            raise NetworkError(failure, code="network")

    async def send_flat(self, path: str, kind: type[T], body: object) -> T:
        """POST whose answer has its members beside `success`: registration."""
        return _read(await self._send("POST", path, body=body, repeat=False), kind)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool,
    ) -> bytes:
        # One id for all tries: the operator finds them together.
        sent = {REQUEST_ID_HEADER: secrets.token_hex(8), **trace_headers(), **(headers or {})}
        if self.credential:
            sent[API_KEY_HEADER] = self.credential.reveal()
        content = None
        if body is not None:
            content = encode(body)
            sent["Content-Type"] = JSON_TYPE
        _check_headers(sent)
        self._patience.earn()
        for attempt in range(1, TRIES + 1):
            problem = await self._try(method, path, params, content, sent)
            if self.prover is not None and self.prover.learns(problem):
                # Nothing was done: the platform looks at the signature first.
                problem = await self._try(method, path, params, content, sent)
            if isinstance(problem, bytes):
                return problem
            # The world's failures may be gone in a moment; a refusal that waits for the chain takes longer.
            if not repeat or attempt == TRIES or not isinstance(problem, TryLater):
                raise problem
            if not self._patience.may_ask_again():
                raise problem
            await async_sleep(self._patience.pause(attempt, problem.retry_after))
        raise AssertionError("the last try returns or raises")

    async def _try(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        content: bytes | None,
        headers: Mapping[str, str],
    ) -> bytes | PlatformAnswer:
        failure = ""
        try:
            request = self._http.build_request(
                method, f"{API_PREFIX}{path}", params=params, content=content, headers=dict(headers)
            )
            if self.prover is not None:
                # Anew for every try: the platform takes each signature once.
                request.headers.update(self.prover.headers(method, _address(request.url), headers, content))
            response = await self._http.send(request)
        except httpx.TimeoutException:
            failure = f"the platform did not answer within {TIMEOUT_SECONDS:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            failure = f"the platform did not answer ({type(error).__name__})"
        if failure:
            return NetworkError(failure, code="network")
        answer = read_answer(response.content)
        if answer is not None and answer.success and response.is_success:
            return response.content
        return error_of(response.status_code, answer, _seconds(response.headers.get(RETRY_AFTER_HEADER, "")))


def _address(url: httpx.URL) -> str:
    """The whole address of a request, as it goes out."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.raw_path.decode('ascii')}"


def _check_headers(headers: Mapping[str, str]) -> None:
    """Raise InvalidInput for a value that no header can carry, such as a key with a line break; it is not quoted."""
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise InvalidInput(f"what goes into the header {name} is printable ASCII without outer blanks")


def _seconds(retry_after: str) -> int | None:
    """The pause that an answer asks for; None when it names none, or a date, or a time that nobody waits."""
    plain = retry_after.isascii() and retry_after.isdecimal() and len(retry_after) <= RETRY_AFTER_DIGITS_MAX
    return int(retry_after) if plain else None


def _data(body: bytes, kind: type[T]) -> T:
    answer = read_answer(body)
    assert answer is not None
    if isinstance(answer.data, msgspec.UnsetType):
        raise NetworkError("the platform's answer has no data", code="network")
    return _read(bytes(answer.data), kind)


def _read(body: bytes, kind: type[T]) -> T:
    problem = ""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        # Names a place and types, never a value.
        problem = str(error)
    except (RecursionError, UnicodeDecodeError):
        problem = "no JSON that can be read"
    raise NetworkError(f"the platform's answer is not of the expected shape: {problem}", code="network")
