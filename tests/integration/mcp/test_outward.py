"""A name is resolved once, judged, and held to: whoever answers for it differently later reaches nothing."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.mcp.certificates import certificate_for
from tests.integration.mcp.conftest import Sessions
from tests.integration.mcp.test_pays_once import called, server_of
from valetkey.core.errors import InvalidInput
from valetkey.mcp.outward import Outward
from valetkey.mcp.plan import Plan
from valetkey.outward import Address, PinnedTransport

NAME = "seller.example"


class Names:
    """A name server of an attacker: each look-up is answered by the next of its answers, the last one for ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)
        real = socket.getaddrinfo

        def resolve(host: Any, port: Any, *more: Any, **named: Any) -> Any:
            if host != NAME:
                return real(host, port, *more, **named)
            self.asked.append(host)
            found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            return [
                (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
                for one in found
            ]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)


@asynccontextmanager
async def listening(
    heard: list[bytes], host: str, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, host, port, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


def anywhere(_: str, __: Address) -> None:
    """A judge that lets everything pass."""


def test_a_name_stays_where_it_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
    there: list[bytes] = []
    elsewhere: list[bytes] = []

    async def work() -> None:
        async with listening(there, "127.0.0.1") as port, listening(elsewhere, "127.0.0.2", port):
            transport = PinnedTransport(anywhere)
            await transport.pin(httpx.URL(f"http://{NAME}:{port}/"))
            async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
                for _ in range(2):
                    assert (await client.get(f"http://{NAME}:{port}/x")).text == "ok"
            assert all(f"Host: {NAME}:{port}".encode() in one for one in there)

    asyncio.run(work())
    assert (len(there), elsewhere, names.asked) == (2, [], [NAME])


def test_an_address_that_takes_no_connection_is_followed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, ["127.0.0.3", "127.0.0.1"])
    there: list[bytes] = []

    async def work() -> None:
        async with listening(there, "127.0.0.1") as port:
            async with httpx.AsyncClient(transport=PinnedTransport(anywhere), trust_env=False) as client:
                assert (await client.get(f"http://{NAME}:{port}/")).status_code == 200

    asyncio.run(work())
    assert len(there) == 1


def test_the_certificate_is_the_name_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Names(monkeypatch, ["127.0.0.1"])
    told: list[str | None] = []
    tls, trusted = certificate_for(NAME, tmp_path)
    tls.sni_callback = lambda _, name, __: told.append(name)
    monkeypatch.setattr("valetkey.outward._certificates", lambda: trusted)

    async def work() -> None:
        async with listening([], "127.0.0.1", tls=tls) as port:
            async with httpx.AsyncClient(transport=PinnedTransport(anywhere), trust_env=False) as client:
                assert (await client.get(f"https://{NAME}:{port}/")).text == "ok"
                with pytest.raises(httpx.ConnectError):
                    # The same address, and a name that the certificate is not for.
                    await client.get(f"https://127.0.0.1:{port}/")

    asyncio.run(work())
    assert told[0] == NAME


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["169.254.169.254"],
        ["100.64.0.1"],
    ],
    ids=lambda one: one[-1],
)
def test_a_name_that_leads_inside_is_not_asked(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    served = sessions(funded=False)
    names = Names(monkeypatch, addresses)

    async def work() -> None:
        # Also where the operator named the host: whose name it is decides where it leads.
        for hosts in ((), (NAME,), ("*.example",)):
            server = server_of(served, pay_hosts=hosts)
            answer = await called(server, "pay_x402", url=f"https://{NAME}/", max_amount="1")
            assert (answer.failed, answer["code"], answer["field"]) == (True, "invalid_input", "url")
            await server.desk.close()

    asyncio.run(work())
    assert names.asked == [NAME] * 3, "asked once by each call"


def test_the_operator_may_allow_its_own_network(monkeypatch: pytest.MonkeyPatch) -> None:
    Names(monkeypatch, ["10.1.2.3"])

    async def work() -> None:
        allowed = Outward((NAME,), private=True)
        await allowed.check(httpx.URL(f"https://{NAME}/"))
        for url in ("https://10.1.2.3/", "https://127.0.0.1/"):
            with pytest.raises(InvalidInput, match="does not let it ask"):
                await allowed.check(httpx.URL(url))
        # An address that is named is meant; another spelling of it is not the one that was named.
        named = Outward(("127.0.0.1:8080", "[::1]:8080", "localhost"))
        for url in ("http://127.0.0.1:8080/", "http://[::1]:8080/", "http://localhost/"):
            await named.check(httpx.URL(url))
        with pytest.raises(InvalidInput):
            await named.check(httpx.URL("https://2130706433:8080/"))

    asyncio.run(work())
    with pytest.raises(InvalidInput, match="by name"):
        Plan(pay_private=True)
