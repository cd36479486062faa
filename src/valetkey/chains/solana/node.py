"""One JSON-RPC node of a cluster: requests out, results in, and every way to fail as one error without the URL."""

import asyncio
from typing import Any

import httpx
import msgspec

from valetkey.chains.depth import is_shallow
from valetkey.chains.solana.errors import WrongChain
from valetkey.core.chains import chain_of, is_solana
from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.ports.watching import Step, host_of, watched

TIMEOUT_SECONDS = 10.0
CONNECTIONS_MAX = 16
ANSWER_BYTES_MAX = 16 * 2**20
ATTEMPTS = 2
"""A node may close an idle connection just as it is used again; asking once more is harmless."""


class NodeRefused(ChainUnavailable):
    """The node answered a JSON-RPC error. `said` is its own text, which may quote the URL: not part of ours."""

    def __init__(self, message: str, rpc_code: int, said: str, data: Any) -> None:
        super().__init__(message)
        self.rpc_code = rpc_code
        self.said = said
        self.data = data


class SolanaNode:
    """A node of one cluster and a bounded number of connections to it; used by one event loop. `close` it.

    Proxies of the environment are ignored, and redirects are not followed: the URL may hold a key.
    """

    def __init__(self, chain_id: int, rpc_url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """A call takes at most the timeout. Raises InvalidInput for a chain that is no cluster of Solana."""
        if not is_solana(chain_id):
            raise InvalidInput("this chain is no cluster of Solana", code="unknown_chain", field="chain_id")
        self.chain_id = chain_id
        self._rpc_url = rpc_url
        self._host = host_of(rpc_url)
        self._timeout_seconds = timeout_seconds
        self._http: httpx.AsyncClient | None = None
        self._closed = False
        self._count = 0
        self._known_cluster = False

    def __repr__(self) -> str:
        return f"<SolanaNode {chain_of(self.chain_id).name}>"

    async def ask(self, method: str, *params: Any) -> Any:
        """The result of one call, after a look whether this is the cluster that is meant. None is a result too.

        Raises WrongChain, ChainUnavailable when no proper answer comes, and its subclass NodeRefused.
        """
        await self.check_cluster()
        return await self._call(method, *params)

    async def value(self, method: str, *params: Any) -> tuple[int, Any]:
        """The slot and the value of a call whose answer carries both. Raises as `ask` does."""
        answer = await self.ask(method, *params)
        context = answer.get("context") if isinstance(answer, dict) else None
        slot = context.get("slot") if isinstance(context, dict) else None
        if type(slot) is not int or slot < 0 or "value" not in answer:
            raise ChainUnavailable(f"the node's answer to {method} has no slot and value")
        return slot, answer["value"]

    async def check_cluster(self) -> None:
        """Raise WrongChain unless the genesis hash is that of the chain; asked once."""
        if self._known_cluster:
            return
        genesis = await self._call("getGenesisHash")
        if not isinstance(genesis, str) or genesis[:32] != chain_of(self.chain_id).reference:
            raise WrongChain(f"the node serves another cluster than {chain_of(self.chain_id).name}")
        self._known_cluster = True

    async def close(self) -> None:
        """Close the connections; nothing can be asked afterwards. Safe to call twice."""
        self._closed = True
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def _call(self, method: str, *params: Any) -> Any:
        self._count += 1
        number = self._count
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        with watched(Step.CHAIN, chain_id=self.chain_id, method=method, host=self._host):
            body = await self._exchange(method, msgspec.json.encode(request))
            return _result(body, number, method)

    async def _exchange(self, method: str, request: bytes) -> bytes:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._post(request)
        except TimeoutError:
            problem = f"within {self._timeout_seconds:g} s"
        except _NoAnswer as known:
            problem = f"properly: {known}"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as failure:
            problem = f"({type(failure).__name__})"
        # Raised outside the handler: the library's exceptions quote the URL.
        raise ChainUnavailable(f"the node did not answer {method} {problem}")

    async def _post(self, request: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._open().stream(
                    "POST", self._rpc_url, content=request, headers=headers
                ) as response:
                    # Errors of JSON-RPC come with 200; 429 and 5xx come from what stands before the node.
                    if response.status_code != 200:
                        raise _NoAnswer(f"HTTP {response.status_code}")
                    return await _bounded(response)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("the last attempt answers or raises")

    def _open(self) -> httpx.AsyncClient:
        if self._closed:
            raise _NoAnswer("the connection is closed")
        if self._http is None:
            self._http = httpx.AsyncClient(
                trust_env=False,
                follow_redirects=False,
                timeout=None,  # noqa: S113 - ours is around the whole call
                limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            )
        return self._http


class _NoAnswer(Exception):
    """Why there is no answer, in words that are ours."""


async def _bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
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
        error = error if isinstance(error, dict) else {}
        code = error.get("code")
        code = code if isinstance(code, int) else 0
        said = str(error.get("message") or "no reason given")
        raise NodeRefused(f"the node refused {method} (code {code})", code, said, error.get("data"))
    if answer.get("id") != number or "result" not in answer:
        raise ChainUnavailable(f"the node answered something else than {method}")
    return answer["result"]
