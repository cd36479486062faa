"""What a paid route is called, how a request is read, and how long a paid answer is kept."""

from base64 import b64encode

import pytest

from valetkey.core.errors import InvalidInput
from valetkey.sdk.x402.asked import Request
from valetkey.sdk.x402.asking import pattern_of
from valetkey.sdk.x402.offers import is_deep
from valetkey.sdk.x402.seller import Answer, Paid


@pytest.mark.parametrize(
    ("route", "pattern"),
    [
        ("GET /weather", "GET /weather"),
        ("get   /weather", "GET /weather"),
        ("/weather", "* /weather"),
        ("GET /weather/", "GET /weather"),
        ("GET /", "GET /"),
        ("GET /users/{id}/posts/{post:int}", "GET /users/[part]/posts/[part]"),
        ("GET /files/{path:path}", "GET /files/*"),
        ("POST /v1/*", "POST /v1/*"),
    ],
)
def test_routes_in_the_words_of_starlette(route: str, pattern: str) -> None:
    assert pattern_of(route) == pattern


@pytest.mark.parametrize(
    "route", ["", "weather", "HEAD /a", "OPTIONS /a", "GET /{", "GET /{a b}", "GET /a#b", "GET /a\n"]
)
def test_what_is_no_route(route: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        pattern_of(route)
    assert caught.value.field == "routes"


PAYMENT = b"eyJ4NDAyVmVyc2lvbiI6Mn0="
"""Of version 2, and nothing else in it."""


def _scope(**changes: object) -> dict[str, object]:
    return {
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"c=d&c=e&f",
        "root_path": "",
        "headers": [(b"Host", b"shop.example"), (b"Payment-Signature", PAYMENT)],
        **changes,
    }


def test_a_request_is_read_as_it_was_sent() -> None:
    request = Request(_scope())
    context = request.context()
    assert request.get_url() == "https://shop.example/a%20b?c=d&c=e&f"
    assert (context.path, context.decoded_path, context.method) == ("/a%20b", "/a b", "GET")
    assert context.payment_header == PAYMENT.decode()
    assert request.get_query_params() == {"c": ["d", "e"], "f": ""}
    assert request.get_query_param("g") is None


def test_head_is_a_get_that_pays_nothing() -> None:
    context = Request(_scope(method="HEAD")).context()
    assert (context.method, context.payment_header) == ("GET", None)


def test_without_host_and_raw_path() -> None:
    scope = _scope(headers=[], server=("127.0.0.1", 80), query_string=b"")
    del scope["raw_path"]
    request = Request(scope)
    assert request.get_url() == "https://127.0.0.1:80/a%20b"
    assert request.context().path == "/a%20b"


def test_one_payment_buys_one_target_by_one_method() -> None:
    scopes = [
        _scope(),
        _scope(method="PUT"),
        _scope(path="/a"),
        _scope(query_string=b"c"),
        # The border between two parts counts.
        _scope(path="/a bc", query_string=b""),
        _scope(path="/a b", query_string=b"c"),
    ]
    keys = [Request(scope).key("signed") for scope in scopes] + [Request(_scope()).key("other")]
    assert len(set(keys)) == len(keys) - 1
    assert keys[3] == keys[5]


def test_depth_is_counted_before_anything_decodes() -> None:
    assert not is_deep(b"[" * 32 + b"]" * 32)
    assert is_deep(b"[" * 33)
    assert is_deep(b'{"a":' * 33)
    assert not is_deep(b"[]" * 1_000)
    # What is text does not count, whatever it holds.
    assert not is_deep(b'["' + b"[" * 1_000 + b'\\"' + b"{" * 1_000 + b'"]')
    assert is_deep(b'["a", ' + b"[" * 32)
    request = Request(_scope(headers=[(b"payment-signature", b64encode(b"[" * 33))]))
    assert request.context().payment_header is None


def test_paid_answers_are_kept_within_a_bound() -> None:
    paid = Paid(bytes_max=80)
    for number in range(12):
        paid.keep(bytes([number + 1]), Answer(200, (), bytes(10)))
    kept = [number for number in range(12) if paid.get(bytes([number + 1])) is not None]
    assert kept == list(range(4, 12))
    paid.keep(b"large", Answer(200, (), bytes(11)))
    paid.keep(b"", Answer(200, (), b"free"))
    assert paid.get(b"large") is None
    assert paid.get(b"") is None
