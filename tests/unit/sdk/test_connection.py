"""The HTTP client against a platform that misbehaves: nothing but an answer of the right shape is one."""

from collections.abc import Callable, Iterator

import msgspec
import pytest

from tests.unit.sdk.canned import Canned, Reply
from tests.vectors.leaks import parts_told
from valetkey.core.errors import InvalidInput
from valetkey.crypto.secret import Secret
from valetkey.sdk._sync.connection import Connection
from valetkey.sdk.errors import Conflict, NetworkError, NotConfigured, NotFound, PlatformAnswer, RateLimited
from valetkey.sdk.patience import EARNED, RETRIES_SAVED_MAX, SPREAD
from valetkey.wire.http import encode

KEY = "vk_0123456789abcdefghijklmnopqrstuv"


class Figure(msgspec.Struct):
    number: int


GOOD = Reply(b'{"success":true,"data":{"number":5}}')
Opened = Callable[..., tuple[Canned, Connection]]


def longer(pauses: list[float], least: list[float]) -> bool:
    """Whether each pause is what is wanted at least, and by chance up to half of that more."""
    return len(pauses) == len(least) and all(
        few <= one <= few * (1 + SPREAD) for one, few in zip(pauses, least, strict=True)
    )


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have waited; it does not."""
    found: list[float] = []
    monkeypatch.setattr("valetkey.sdk._sync.connection.sleep", found.append)
    return found


@pytest.fixture
def opened(pauses: list[float]) -> Iterator[Opened]:
    """A client and the platform that it talks to."""
    things: list[tuple[Canned, Connection]] = []

    def begin(*replies: Reply) -> tuple[Canned, Connection]:
        platform = Canned(*replies)
        things.append((platform, Connection(platform.url, Secret(KEY), "1")))
        return things[-1]

    yield begin
    for platform, client in things:
        client.close()
        with platform:
            """Closed on the way out."""


NO_ANSWERS = {
    "html": Reply(b"<html>Bad gateway</html>", 502),
    "html that is well": Reply(b"<html>Sign in</html>", 200),
    "empty": Reply(b""),
    "204": Reply(b"", 204),
    "null": Reply(b"null"),
    "an empty object": Reply(b"{}"),
    "list": Reply(b"[]"),
    "text": Reply(b'"ok"'),
    "cut": Reply(b'{"success":true,"data":{"numb'),
    "no utf-8": Reply(b'{"success":true,"data":{"number":"\xff"}}'),
    "deep": Reply(b'{"success":true,"data":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "no data": Reply(b'{"success":true}'),
    "data null": Reply(b'{"success":true,"data":null}'),
    "another shape": Reply(b'{"success":true,"data":{"number":"five"}}'),
    "moved": Reply(b"", 302, (("Location", "https://example.org/"),)),
    "hang up": Reply(hang_up=True),
}


@pytest.mark.parametrize("reply", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_anything_else_is_a_network_error(opened: Opened, reply: Reply) -> None:
    platform, client = opened(reply)
    with pytest.raises(NetworkError) as caught:
        client.get("/figure", Figure)
    assert caught.value.retryable
    assert caught.value.code == "network"
    assert not parts_told(caught.value, KEY)
    assert all(one.path == "/api/v1/figure" for one in platform.asked), "no redirect was followed"


def test_an_answer_is_read_and_asked_for_as_agreed(opened: Opened) -> None:
    platform, client = opened(GOOD)
    assert client.get("/figure", Figure, {"a": 1, "b": None, "c": "x y"}).number == 5
    assert client.send("POST", "/figure", Figure, {"n": 1}).number == 5
    assert client.send("DELETE", "/figure", Figure).number == 5
    read, posted, deleted = platform.asked
    assert read.path == "/api/v1/figure?a=1&c=x+y" or read.path == "/api/v1/figure?a=1&c=x%20y"
    assert read.headers["x-api-key"] == KEY
    assert read.headers["accept"] == "application/json"
    assert read.headers["user-agent"] == "valetkey/1"
    assert (posted.body, posted.headers["content-type"]) == (encode({"n": 1}), "application/json")
    assert "content-type" not in deleted.headers
    assert deleted.body == b""


def test_no_credential_is_none(opened: Opened) -> None:
    platform, client = opened(GOOD)
    client.credential = None
    client.get("/figure", Figure)
    assert "x-api-key" not in platform.asked[0].headers


@pytest.mark.parametrize("lost", [Reply(hang_up=True), Reply(b"<html>", 502), Reply(b"", 204)])
def test_a_lost_answer_is_asked_anew_with_the_same_request(
    opened: Opened, pauses: list[float], lost: Reply
) -> None:
    platform, client = opened(lost, lost, GOOD)
    headers = {"Idempotency-Key": "one"}
    assert client.send("POST", "/figure", Figure, {"n": 1}, headers=headers, repeat=True).number == 5
    assert len(platform.asked) == 3
    assert len({(one.body, tuple(sorted(one.headers.items()))) for one in platform.asked}) == 1
    assert longer(pauses, [0.25, 0.5])


def test_what_may_not_be_repeated_is_not(opened: Opened) -> None:
    platform, client = opened(Reply(hang_up=True), GOOD)
    with pytest.raises(NetworkError):
        client.send("POST", "/figure", Figure, {"n": 1})
    assert len(platform.asked) == 1


def test_patience_ends(opened: Opened, pauses: list[float]) -> None:
    platform, client = opened(Reply(b'{"success":false,"error":"busy","code":"over_capacity"}', 503))
    with pytest.raises(PlatformAnswer):
        client.get("/figure", Figure)
    assert len(platform.asked) == 4
    assert longer(pauses, [0.25, 0.5, 1.0])


def test_those_who_were_sent_away_together_do_not_come_back_together(
    opened: Opened, pauses: list[float]
) -> None:
    busy = Reply(b'{"success":false,"error":"busy","code":"over_capacity"}', 503, (("Retry-After", "2"),))
    _, client = opened(busy)
    for _ in range(5):
        with pytest.raises(PlatformAnswer):
            client.get("/figure", Figure)
    assert all(2 <= one <= 3 for one in pauses)
    assert len(set(pauses)) > 10


def test_a_platform_that_is_full_is_not_asked_four_times_as_much(opened: Opened) -> None:
    platform, client = opened(Reply(b'{"success":false,"error":"busy","code":"over_capacity"}', 503))
    for _ in range(300):
        with pytest.raises(PlatformAnswer):
            client.get("/figure", Figure)
    # What was saved is used up; after that every tenth request brings one more.
    assert 300 * 1.05 + RETRIES_SAVED_MAX < len(platform.asked) <= 300 * (1 + EARNED) + RETRIES_SAVED_MAX


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(404, "not_found", NotFound), (409, "funding_not_found", PlatformAnswer),
                                 (409, "conflict", Conflict), (500, "internal", PlatformAnswer)]
)  # fmt: skip
def test_a_no_is_not_asked_anew(opened: Opened, status: int, code: str, kind: type[PlatformAnswer]) -> None:
    platform, client = opened(Reply(b'{"success":false,"error":"no","code":"%s"}' % code.encode(), status))
    with pytest.raises(kind):
        client.get("/figure", Figure)
    assert len(platform.asked) == 1


@pytest.mark.parametrize(
    ("header", "seconds", "waited"),
    [("0", 0, 0.25), ("3", 3, 3), ("86400", 86_400, 30), ("Wed, 21 Oct 2026 07:28:00 GMT", None, 0.25),
     ("-5", None, 0.25), ("1.5", None, 0.25), ("", None, 0.25), ("9" * 5_000, None, 0.25), ("\u00b2", None, 0.25)],
)  # fmt: skip
def test_retry_after(
    opened: Opened, pauses: list[float], header: str, seconds: int | None, waited: float
) -> None:
    limited = Reply(
        b'{"success":false,"error":"slow down","code":"rate_limited"}', 429, (("Retry-After", header),)
    )
    platform, client = opened(limited)
    with pytest.raises(RateLimited) as caught:
        client.get("/figure", Figure)
    assert caught.value.retry_after == seconds
    assert longer(pauses[:1], [waited])
    assert len(platform.asked) == 4


@pytest.mark.parametrize(
    "key", [f"{KEY}\n", f" {KEY}", f"{KEY}\r\nX-Evil: 1", "schl\u00fcssel" + KEY, "\x00" + KEY]
)
def test_a_credential_that_no_header_carries_is_refused_and_not_quoted(opened: Opened, key: str) -> None:
    platform, client = opened(GOOD)
    client.credential = Secret(key)
    with pytest.raises(InvalidInput) as caught:
        client.get("/figure", Figure)
    assert not parts_told(caught.value, KEY)
    assert not platform.asked


@pytest.mark.parametrize("host", ["a" * 70 + ".org", "a..b", "xn--a"])
def test_a_host_that_cannot_be(pauses: list[float], host: str) -> None:
    client = Connection(f"https://{host}", Secret(KEY), "1")
    with pytest.raises(NetworkError):
        client.get("/figure", Figure)
    client.close()
    with pytest.raises(NotConfigured):
        Connection("https://\u2024.org", None, "1")


def test_nobody_listens() -> None:
    client = Connection("http://127.0.0.1:1", Secret(KEY), "1")
    with pytest.raises(NetworkError) as caught:
        client.send("POST", "/figure", Figure, {})
    assert not parts_told(caught.value, KEY)
    client.close()
