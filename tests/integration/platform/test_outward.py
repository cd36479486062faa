"""Callbacks into private networks are refused, at the door and when a name turns out to lead there."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from valetkey.core.errors import EnvironmentFailure
from valetkey.outward import PinnedTransport, is_public
from valetkey.platform.outward import GuardedPoster, UrlRefused, check_url

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1",
    "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:db8::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x", "ftp://example.com/x", "https://user:pw@example.com/", "https://user@example.com/",
        "https:///x", "https://", "javascript:alert(1)", "//example.com/x", "/x", "", "https://localhost/x",
        "https://x.localhost/", "https://metadata.google.internal/", "https://127.0.0.1/x", "https://[::1]/x",
        "https://169.254.169.254/latest", "https://[::ffff:169.254.169.254]/", "https://2130706433/", "https://0x7f.1/",
        "https://0177.0.0.1/", "https://127.1/", "https://10.0.0.1:8443/x", "https://example.com:99999/",
        "https://example.com:0/", "https://exa mple.com/", "https://example.com/\r\nX: y", "https://example.com\\@a.b/",
        "https://[fe80::1%25eth0]/", "https://example.com/" + "x" * 3_000,
    ],
)  # fmt: skip
def test_the_door_refuses_what_is_plainly_private_or_not_https(url: str) -> None:
    with pytest.raises(UrlRefused):
        check_url(url, test_mode=False)


def test_the_door_lets_https_pass() -> None:
    check_url("https://example.com/hook?x=1", test_mode=False)
    check_url("https://example.com:8443/hook", test_mode=False)


def test_test_mode_opens_loopback_and_nothing_else() -> None:
    check_url("http://127.0.0.1:8080/hook", test_mode=True)
    check_url("http://localhost:8080/hook", test_mode=True)
    for url in ("http://example.com/", "http://10.0.0.1/", "https://10.0.0.1/", "https://169.254.169.254/"):
        with pytest.raises(UrlRefused):
            check_url(url, test_mode=True)


@asynccontextmanager
async def receiver(answer: bytes, seen: list[bytes]) -> AsyncIterator[int]:
    """A real HTTP receiver on loopback that answers the same bytes to everything."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        seen.append(head + await reader.readexactly(length))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def post(answer: bytes, url: Callable[[int], str], *, test_mode: bool = True) -> tuple[int, list[bytes]]:
    seen: list[bytes] = []

    async def run() -> int:
        async with receiver(answer, seen) as port:
            return await GuardedPoster(test_mode, 5.0).post(url(port), b'{"a":1}', {"X-One": "1"})

    return asyncio.run(run()), seen


def test_a_post_arrives_whole() -> None:
    status, seen = post(b"HTTP/1.1 204 No Content\r\n\r\n", lambda port: f"http://127.0.0.1:{port}/cb?q=1")
    assert status == 204
    assert seen[0].startswith(b"POST /cb?q=1 HTTP/1.1\r\n")
    assert seen[0].endswith(b'\r\n\r\n{"a":1}')
    assert b"x-one: 1" in seen[0].lower()


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    away = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    status, seen = post(away, lambda port: f"http://127.0.0.1:{port}/")
    assert status == 307
    assert len(seen) == 1


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 200_000
    status, _ = post(endless, lambda port: f"http://127.0.0.1:{port}/")
    assert status == 200


def test_nobody_there_is_worth_another_try() -> None:
    with pytest.raises(EnvironmentFailure):
        asyncio.run(GuardedPoster(True, 5.0).post("http://127.0.0.1:1/", b"{}", {}))


def test_a_name_that_leads_into_a_private_network_is_refused_when_it_is_called() -> None:
    # The machine's resolver answers loopback for it, as an attacker's name server would.
    async def resolve() -> None:
        await PinnedTransport(GuardedPoster(False, 5.0)._judge).pin(httpx.URL("https://localhost"))

    with pytest.raises(UrlRefused):
        asyncio.run(resolve())
