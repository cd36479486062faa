"""One JSON-RPC node: requests out, results in, and every way to fail as one error that never names the URL.

aiohttp, not web3.py's provider: that writes the URL, which may hold a key, into its log, makes a connection for
each request, and costs the event loop six times as much for the same answer.
"""

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from valetkey.chains.depth import is_shallow
from valetkey.core.errors import ChainUnavailable
from valetkey.ports.watching import Step, host_of, watched

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

TIMEOUT_SECONDS = 10.0
CONNECTIONS_MAX = 16
ANSWER_BYTES_MAX = 8 * 2**20
ATTEMPTS = 2
"""A node may close an idle connection just as it is used again; asking once more is harmless."""


class NodeRefused(ChainUnavailable):
    """The node answered a JSON-RPC error. `said` is its own text, which may quote the URL: not part of ours."""

    def __init__(self, message: str, rpc_code: int, said: str) -> None:
        super().__init__(message)
        self.rpc_code = rpc_code
        self.said = said


EXECUTION_REVERTED = 3
"""The code of JSON-RPC for a call that the contract refused."""


def is_revert(refused: NodeRefused) -> bool:
    """Whether a node refused a call because the contract did."""
    return refused.rpc_code == EXECUTION_REVERTED or "revert" in refused.said.lower()


class AsyncNode:
    """A node and a bounded number of connections to it, opened at the first call and used by one event loop."""

    def __init__(self, rpc_url: str, *, chain_id: int = 0, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """`chain_id`: whose node it should be, as operators are told; nothing is checked."""
        # Imported when a node is meant, but before its first call, which would hold up an event loop that serves.
        import aiohttp  # noqa: F401

        self._rpc_url = rpc_url
        self._host = host_of(rpc_url)
        self._chain_id = chain_id
        self._timeout_seconds = timeout_seconds
        self._session: ClientSession | None = None
        self._closed = False
        self._count = 0

    def __repr__(self) -> str:
        return "<AsyncNode>"

    async def call(self, method: str, *params: Any) -> Any:
        """The result of one call; None is a result too.

        Raises ChainUnavailable when no answer comes within the timeout or it is no JSON-RPC 2.0 answer to this
        call, and its subclass NodeRefused when the answer is an error.
        """
        self._count += 1
        number = self._count
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        with watched(Step.CHAIN, chain_id=self._chain_id, method=method, host=self._host):
            body = await self._exchange(method, msgspec.json.encode(request))
            return _result(body, number, method)

    async def close(self) -> None:
        """Close the connections; nothing can be asked afterwards. Safe to call twice."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _exchange(self, method: str, request: bytes) -> bytes:
        import aiohttp

        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._post(request)
        except TimeoutError:
            problem = f"within {self._timeout_seconds:g} s"
        except _NoAnswer as known:
            problem = f"properly: {known}"
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            problem = f"({type(failure).__name__})"
        # Raised outside the handler: the libraries' exceptions quote the URL.
        raise ChainUnavailable(f"the node did not answer {method} {problem}")

    async def _post(self, request: bytes) -> bytes:
        from aiohttp import ClientOSError, ServerDisconnectedError

        headers = {"Content-Type": "application/json"}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                # A redirect would send what we ask, and the key in the URL, to somebody else.
                async with self._open().post(
                    self._rpc_url, data=request, headers=headers, allow_redirects=False
                ) as response:
                    if response.status != 200:
                        raise _NoAnswer(f"HTTP {response.status}")
                    return await _bounded(response)
            except (ServerDisconnectedError, ClientOSError):
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("the last attempt answers or raises")

    def _open(self) -> "ClientSession":
        # Also for a call that was under way when we were closed.
        if self._closed:
            raise _NoAnswer("the connection is closed")
        if self._session is None:
            from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

            self._session = ClientSession(
                connector=TCPConnector(limit=CONNECTIONS_MAX),
                timeout=ClientTimeout(total=None),  # ours is around the whole call
                cookie_jar=DummyCookieJar(),
            )
        return self._session


class _NoAnswer(Exception):
    """Why there is no answer, in words that are ours."""


async def _bounded(response: "ClientResponse") -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise _NoAnswer(f"more than {ANSWER_BYTES_MAX} bytes")
    return bytes(body)


def _result(body: bytes, number: int, method: str) -> Any:
    answer: Any = None
    if is_shallow(body):
        try:
            answer = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            answer = None
    if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
        raise ChainUnavailable(f"the node's answer to {method} is no JSON-RPC")
    error = answer.get("error")
    if error is not None:
        code = error.get("code") if isinstance(error, dict) else None
        said = error.get("message") if isinstance(error, dict) else None
        code = code if isinstance(code, int) else 0
        raise NodeRefused(f"the node refused {method} (code {code})", code, str(said or "no reason given"))
    if answer.get("id") != number or "result" not in answer:
        raise ChainUnavailable(f"the node answered something else than {method}")
    return answer["result"]
