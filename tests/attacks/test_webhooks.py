"""Webhooks against strangers' servers: private networks, redirects, slow and broken receivers, signatures."""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.attacks.conftest import Rows
from tests.attacks.receivers import Receiver
from tests.integration.platform.conftest import Start
from tests.integration.platform.onchain import eventually
from tests.integration.platform.serving import Agent, Server
from tests.unit.engine.sending import OneDelivery, StoppedClock, its_secret
from tests.unit.engine.sending import Receiver as Answering
from valetkey.crypto.secret import Secret
from valetkey.engine.webhooks import ATTEMPTS_MAX, WebhookSender
from valetkey.platform.outward import GuardedPoster, UrlRefused
from valetkey.wire.webhooks import WebhookError, verify_header

Open = Callable[..., Receiver]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Receivers that close when the test ends."""
    made: list[Receiver] = []

    def new(*given: Any, **named: Any) -> Receiver:
        made.append(Receiver(*given, **named))
        return made[-1]

    yield new
    for receiver in made:
        receiver.close()


@pytest.fixture(scope="module")
def telling(start: Start) -> Server:
    """A platform of its own: what others queue does not disturb it."""
    return start(VALETKEY_WEBHOOK_SECONDS="1", VALETKEY_RECONCILE_SECONDS="3600")


def deliver(server: Server, rows: Rows, url: str, seller: Agent, owner: Agent, payload: Any = 1) -> str:
    """A delivery that is told to a URL. The payment is not played: only what comes after it is looked at."""
    answer = owner.buy(seller.offer(), callbackUrl=url)
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["data"]["transactionId"]
    rows(server, "UPDATE transactions SET status = 'escrowed', payment_status = 'paid' WHERE id = ?", made)
    seller.data("POST", f"/transactions/{made}/deliver", {"responsePayload": payload})
    return made


def outcome(server: Server, rows: Rows, transaction_id: str) -> tuple[str, int, str | None]:
    """Where the event about a transaction stands."""
    ((state, attempts, reason),) = rows(
        server, "SELECT state, attempts, reason FROM events WHERE transaction_id = ?", transaction_id
    )
    return state, attempts, reason


PRIVATE = [
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/",
    "https://0x7f.0.0.0x1/", "https://0/", "https://00000000000/", "https://017700000001/", "https://127.0.0.1./",
    "https://10.0.0.1/", "https://172.31.255.255/", "https://192.168.0.1/", "https://169.254.169.254/latest",
    "https://0xa9fea9fe/", "https://100.64.0.1/", "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/", "https://[0:0:0:0:0:ffff:10.0.0.1]/", "https://[::ffff:0:127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/", "https://[2002:7f00:1::]/", "https://[fe80::1]/", "https://[fd00::1]/",
    "https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://printer.local./", "https://168.63.129.16/",
    "https://[fec0::1]/", "https://192.0.0.192/", "https://a.localhost/", "https://metadata.google.internal/",
    "https://printer.local/", "https://user@example.com/", "https://user:pw@example.com/", "https://@example.com/",
    "https://example.com:0/", "https://example.com:65536/", "https://example.com:-1/", "http://example.com/",
    "gopher://example.com/", "file:///etc/passwd", "https:example.com", "https:///example.com", "//example.com/",
    "https://example.com\r\nX-Injected: 1/", "https://example.com/\r\n\r\nGET / HTTP/1.1", "https://exam\tple.com/",
    "https://example.com\\@127.0.0.1/", "https://example.com/\x00", " https://example.com/", "https://[::1/", "",
    "https://\u2460\u2461\u2466.0.0.1/", "https://\uff11\uff12\uff17.0.0.1/", "https://127\u30020\u30020\u30021/",
    "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
]  # fmt: skip


@pytest.mark.parametrize("url", PRIVATE)
def test_an_address_that_is_plainly_private_is_refused_at_the_door(strict: Server, url: str) -> None:
    seller, owner = strict.register(), strict.register()
    service = seller.offer()
    answers = [
        owner.buy(service, callbackUrl=url),
        seller.ask("PATCH", f"/services/{service['id']}", {"endpointUrl": url}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (400, "callback_url_refused"), url
    assert seller.data("GET", f"/services/{service['id']}").get("endpointUrl") is None


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]]
)
@pytest.mark.parametrize("test_mode", [False, True])
def test_a_name_that_leads_inside_is_not_called(
    opened: Open, monkeypatch: pytest.MonkeyPatch, addresses: list[str], test_mode: bool
) -> None:
    """The attacker's name server answers; one private address among public ones is enough."""
    inside = opened()
    port = int(inside.url.rpartition(":")[2].partition("/")[0])
    asked: list[str] = []

    def resolve(host: Any, *_: Any, **__: Any) -> Any:
        asked.append(host)
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(UrlRefused, match="private network"):
        asyncio.run(GuardedPoster(test_mode, 5.0).post(f"https://rebinding.example:{port}/", b"{}", {}))
    # Asked once: a second look could be answered differently.
    assert asked == ["rebinding.example"]
    assert inside.requests == []


def test_no_proxy_of_the_environment_is_asked(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would resolve the name itself, and be told the body."""
    proxy, receiver = opened(), opened()
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        for spelled in (name, name.upper()):
            monkeypatch.setenv(spelled, proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert asyncio.run(GuardedPoster(test_mode=True).post(receiver.url, b"{}", {})) == 200
    assert (len(receiver.requests), proxy.requests) == (1, [])


def test_a_redirect_inside_is_not_followed(telling: Server, rows: Rows, opened: Open) -> None:
    inside = opened()
    seller, owner = telling.register(), telling.register()
    for status in (
        b"301 Moved Permanently",
        b"302 Found",
        b"307 Temporary Redirect",
        b"308 Permanent Redirect",
    ):
        head = (
            b"HTTP/1.1 " + status + b"\r\nLocation: " + inside.url.encode() + b"\r\nContent-Length: 0\r\n\r\n"
        )
        outside = opened(head)
        made = deliver(telling, rows, outside.url, seller, owner)
        eventually(lambda made=made: outcome(telling, rows, made)[2], f"answered {status[:3].decode()}")
        assert len(outside.requests) == 1
    assert inside.requests == []


GARBAGE = {
    "nothing": b"",
    "no HTTP": b"\x00\xff" * 500,
    "an endless header": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 3_000_000,
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 100_000,
    "a status of letters": b"HTTP/1.1 OK OK\r\n\r\n",
    "a length of letters": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "a body that ends early": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx",
    "an error": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
    "a switch of protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
}


def test_garbage_is_tried_again_and_ends_nothing(telling: Server, rows: Rows, opened: Open) -> None:
    seller, owner = telling.register(), telling.register()
    made = {
        what: deliver(telling, rows, opened(answer).url, seller, owner) for what, answer in GARBAGE.items()
    }
    huge = opened(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 10_000_000)
    taken = deliver(telling, rows, huge.url, seller, owner)
    eventually(lambda: outcome(telling, rows, taken)[0], "sent")
    for what, one in made.items():
        eventually(lambda one=one: outcome(telling, rows, one)[2] is not None, True)
        state, attempts, reason = outcome(telling, rows, one)
        assert (state, attempts) == ("waiting", 1), what
        assert reason
        assert len(reason) < 200
        assert "127.0.0.1" not in reason
    honest = opened()
    deliver(telling, rows, honest.url, seller, owner)
    eventually(lambda: len(honest.requests), 1)


def test_slow_receivers_do_not_hold_up_the_others(telling: Server, rows: Rows, opened: Open) -> None:
    """Forty receivers take a request and never answer. The forty-first is told at once."""
    tar, honest = opened(None), opened()
    seller, owner = telling.register(), telling.register()
    for _ in range(40):
        deliver(telling, rows, tar.url, seller, owner)
    began = time.monotonic()
    deliver(telling, rows, honest.url, seller, owner)
    eventually(lambda: len(honest.requests), 1)
    assert time.monotonic() - began < 6


def test_requests_are_served_while_webhooks_leave(telling: Server, rows: Rows, opened: Open) -> None:
    """Making a connection ready costs the event loop next to nothing."""
    honest = opened()
    seller, owner = telling.register(), telling.register()
    for _ in range(30):
        deliver(telling, rows, honest.url, seller, owner)
    longest = 0.0
    deadline = time.monotonic() + 30
    while len(honest.requests) < 30:
        assert time.monotonic() < deadline
        began = time.monotonic()
        assert telling.http.get("/healthz").status_code == 200
        longest = max(longest, time.monotonic() - began)
    assert longest < 1


def test_each_agent_is_told_under_its_own_secret(telling: Server, rows: Rows, opened: Open) -> None:
    receiver = opened()
    seller = telling.register()
    owners = [telling.register() for _ in range(3)]
    secrets = [Secret(one.data("POST", "/agents/webhook-secret")["webhookSecret"]) for one in owners[:2]]
    secrets.append(telling.settings.webhook_secret)
    # The secret before signs nothing more.
    old = secrets[0]
    secrets[0] = Secret(owners[0].data("POST", "/agents/webhook-secret")["webhookSecret"])
    for number, owner in enumerate(owners):
        deliver(telling, rows, receiver.url, seller, owner, {"number": number})
    eventually(lambda: len(receiver.requests), 3)
    for at, body in enumerate(receiver.bodies):
        mine = json.loads(body)["responsePayload"]["number"]
        header = receiver.header(at, "X-Abbababa-Signature")
        verify_header(secrets[mine], header, body, int(time.time()))
        for secret in [*(one for number, one in enumerate(secrets) if number != mine), old]:
            with pytest.raises(WebhookError):
                verify_header(secret, header, body, int(time.time()))


def test_a_payload_cannot_forge_the_members_of_its_event(telling: Server, rows: Rows, opened: Open) -> None:
    receiver = opened()
    seller, owner = telling.register(), telling.register()
    forged = {"event": "escrow.released", "transactionId": "txn_other", "deliveryProof": "0"}
    made = deliver(telling, rows, receiver.url, seller, owner, forged)
    eventually(lambda: len(receiver.requests), 1)
    told = json.loads(receiver.bodies[0])
    assert (told["event"], told["transactionId"]) == ("service.delivered", made)
    assert told["responsePayload"] == forged


def test_what_kills_its_sender_is_given_up_in_the_end() -> None:
    """A claim is a try, also when nobody lived to tell its end."""
    outbox, receiver, told = OneDelivery(ATTEMPTS_MAX), Answering(200), []
    sender = WebhookSender(
        outbox, receiver, its_secret, StoppedClock(), observer=lambda outcome, _: told.append(outcome)
    )
    assert asyncio.run(sender.step()) == 1
    assert told == ["gave_up"]
    assert outbox.outcome[0] == "gave up"
    assert receiver.believed == []
