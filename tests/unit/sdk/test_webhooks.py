"""The webhook receiver: it believes signatures alone, and answers what senders wait for."""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.vectors.leaks import parts_told
from valetkey.core.errors import InvalidInput
from valetkey.crypto.secret import Secret
from valetkey.sdk.webhooks import BODY_BYTES_MAX, WebhookReceiver, read_webhook
from valetkey.wire.webhooks import WebhookError, sign_header

SECRET = "whsec_0123456789abcdefghijklmnop"
EVENT = {"event": "service.delivered", "transactionId": "txn_1"}
HEADER = "X-Abbababa-Signature"


class Inbox:
    """Remembers events; raises when it is told to."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.broken = False

    def __call__(self, event: dict[str, Any]) -> None:
        if self.broken:
            raise RuntimeError(SECRET)
        self.events.append(event)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def receiver(inbox: Inbox) -> Iterator[WebhookReceiver]:
    with WebhookReceiver(SECRET, inbox) as running:
        yield running


def post(url: str, body: bytes, header: str | None = None) -> httpx.Response:
    signed = sign_header(Secret(SECRET), body, int(time.time())) if header is None else header
    return httpx.post(url, content=body, headers={HEADER: signed} if signed else {}, trust_env=False)


def raw(receiver: WebhookReceiver, request: bytes) -> bytes:
    """What the receiver says to these bytes, until it hangs up or falls silent."""
    with socket.create_connection(("127.0.0.1", receiver.port), 5) as wire:
        wire.sendall(request)
        wire.settimeout(2)
        try:
            return wire.recv(65_536)
        except OSError:
            return b""


def test_a_signed_event_arrives(receiver: WebhookReceiver, inbox: Inbox) -> None:
    answer = post(receiver.url, json.dumps(EVENT).encode())
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert answer.headers["content-type"] == "application/json"
    assert inbox.events == [EVENT]


@pytest.mark.parametrize(
    "header",
    ["", "t=1,v1=00", "v1=00", "t=now,v1=00", "nonsense", "t=NOW", f"t=NOW,v1={'0' * 64}"],
)
def test_another_signature_is_401(receiver: WebhookReceiver, inbox: Inbox, header: str) -> None:
    header = header.replace("NOW", str(int(time.time())))
    answer = post(receiver.url, json.dumps(EVENT).encode(), header)
    assert answer.status_code == 401
    assert not inbox.events


def test_another_body_or_secret_is_401(receiver: WebhookReceiver, inbox: Inbox) -> None:
    now = int(time.time())
    assert post(receiver.url, b'{"a":2}', sign_header(Secret(SECRET), b'{"a":1}', now)).status_code == 401
    assert post(receiver.url, b'{"a":1}', sign_header(Secret("x"), b'{"a":1}', now)).status_code == 401
    assert not inbox.events


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'"text"', b"null", b"5", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_400_although_signed(
    receiver: WebhookReceiver, inbox: Inbox, body: bytes
) -> None:
    assert post(receiver.url, body).status_code == 400
    assert not inbox.events


@pytest.mark.parametrize("path", ["/", "/webhook?x=1", "/webhook/", "/Webhook", "/other"])
def test_another_path_is_404(receiver: WebhookReceiver, inbox: Inbox, path: str) -> None:
    url = receiver.url.removesuffix("/webhook") + path
    assert post(url, json.dumps(EVENT).encode()).status_code == 404
    assert not inbox.events


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_another_method_is_404(receiver: WebhookReceiver, method: str) -> None:
    assert httpx.request(method, receiver.url, trust_env=False).status_code == 404


def test_a_handler_that_fails_is_500_and_tells_nothing(
    receiver: WebhookReceiver, inbox: Inbox, capfd: pytest.CaptureFixture[str]
) -> None:
    inbox.broken = True
    answer = post(receiver.url, json.dumps(EVENT).encode())
    assert answer.status_code == 500
    inbox.broken = False
    assert post(receiver.url, json.dumps(EVENT).encode()).status_code == 200
    seen = capfd.readouterr()
    assert SECRET not in answer.text + seen.out + seen.err


@pytest.mark.parametrize(
    "length", [b"", b"-1", b"x", b"9" * 5_000, str(BODY_BYTES_MAX + 1).encode(), "\u00b2".encode("latin-1")]
)
def test_a_body_without_a_bound_is_not_read(
    receiver: WebhookReceiver, length: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    header = b"Content-Length: " + length + b"\r\n" if length else b"Transfer-Encoding: chunked\r\n"
    said = raw(receiver, b"POST /webhook HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n")
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"Connection: close" in said
    assert "Traceback" not in capfd.readouterr().err


def test_a_huge_body_is_turned_away(receiver: WebhookReceiver, inbox: Inbox) -> None:
    body = b'{"a":"' + b"x" * BODY_BYTES_MAX + b'"}'
    header = f"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    assert raw(receiver, header).startswith(b"HTTP/1.1 400 ")
    assert post(receiver.url, json.dumps(EVENT).encode()).status_code == 200
    assert inbox.events == [EVENT]


def test_a_caller_that_hangs_up_is_no_news(
    receiver: WebhookReceiver, inbox: Inbox, capfd: pytest.CaptureFixture[str]
) -> None:
    for sent in (b"", b"POST /webh", b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"):
        wire = socket.create_connection(("127.0.0.1", receiver.port), 5)
        # Closing so resets the connection.
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        wire.sendall(sent)
        wire.close()
    assert post(receiver.url, json.dumps(EVENT).encode()).status_code == 200
    time.sleep(0.2)
    assert "Traceback" not in capfd.readouterr().err
    assert inbox.events == [EVENT]


def test_it_listens_on_ipv6_too(inbox: Inbox) -> None:
    with WebhookReceiver(SECRET, inbox, host="::1", path="/hook") as receiver:
        assert receiver.url == f"http://[::1]:{receiver.port}/hook"
        assert post(receiver.url, json.dumps(EVENT).encode()).status_code == 200
    assert inbox.events == [EVENT]


def test_it_can_be_closed_twice_and_then_nobody_listens(inbox: Inbox) -> None:
    receiver = WebhookReceiver(Secret(SECRET), inbox)
    receiver.close()
    receiver.close()
    with pytest.raises(httpx.ConnectError):
        post(receiver.url, b"{}")


@pytest.mark.parametrize("secret", ["", Secret("")])
def test_no_secret_is_no_receiver(inbox: Inbox, secret: str | Secret) -> None:
    with pytest.raises(InvalidInput):
        WebhookReceiver(secret, inbox)


@pytest.mark.parametrize(
    ("late", "believed"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)]
)
def test_the_tolerance_has_two_sides(late: int, believed: bool) -> None:
    now = 1_772_928_000
    body = json.dumps(EVENT).encode()
    header = sign_header(Secret(SECRET), body, now + late)
    if believed:
        assert read_webhook(SECRET, header, body, now) == EVENT
        return
    with pytest.raises(WebhookError) as caught:
        read_webhook(SECRET, header, body, now)
    assert not parts_told(caught.value, SECRET)
