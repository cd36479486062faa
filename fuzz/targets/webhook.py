"""Webhooks: the signature header, and the body that it signs."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from hypothesis import strategies as st

from fuzz.target import REFUSED, Target, must, outcome
from valetkey.core.errors import InvalidInput
from valetkey.crypto.secret import Secret
from valetkey.sdk.webhooks import read_webhook
from valetkey.wire import js_json
from valetkey.wire.webhooks import TOLERANCE_SECONDS, WebhookError, sign_header, verify_header

VECTORS = Path(__file__).parents[2] / "spec" / "vectors" / "webhooks.json"
KEY = "whsec_0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab"
NOW = 1_772_323_200


def check(data: bytes) -> None:
    """A header, a line break, a body."""
    header, _, body = data.partition(b"\n")
    _as_it_came(header.decode("latin-1"), body)
    _as_it_came(header.decode("utf-8", "surrogateescape"), body)
    _signed(header, body)
    _body(body)


def _as_it_came(header: str, body: bytes) -> None:
    secret = Secret(KEY)
    stamp = outcome(lambda: verify_header(secret, header, body, NOW), WebhookError, hides=[KEY])
    if stamp is REFUSED:
        return
    assert isinstance(stamp, int)
    must(abs(stamp - NOW) <= TOLERANCE_SECONDS, "what is believed is of the last minutes")
    signature = sign_header(secret, body, stamp).partition("v1=")[2]
    must(f"v1={signature}" in header.split(","), "what is believed was signed with the secret")


def _signed(header: bytes, body: bytes) -> None:
    """Something that was signed, and the same with one byte changed."""
    secret, change = Secret(KEY), hashlib.sha256(header + body).digest()
    stamp = NOW - TOLERANCE_SECONDS + change[0]
    told = sign_header(secret, body, stamp)
    must(verify_header(secret, told, body, NOW) == stamp, "what was signed is believed")
    bit = 1 << change[1] % 8
    at = int.from_bytes(change[2:6], "big")
    if body:
        place = at % len(body)
        other = body[:place] + bytes([body[place] ^ bit]) + body[place + 1 :]
        _must_not_verify(secret, told, other)
    place = at % len(told)
    changed = told[:place] + chr(ord(told[place]) ^ bit) + told[place + 1 :]
    _must_not_verify(secret, changed, body)
    _must_not_verify(Secret(KEY[:-1] + "c"), told, body)


def _must_not_verify(secret: Secret, header: str, body: bytes) -> None:
    found = outcome(lambda: verify_header(secret, header, body, NOW), WebhookError, hides=[KEY])
    must(found is REFUSED, "a changed byte is not believed")


def _body(body: bytes) -> None:
    """What a signed body is to the receiver, and to Python's own reader of JSON."""
    secret = Secret(KEY)
    told = sign_header(secret, body, NOW)
    event = outcome(lambda: read_webhook(secret, told, body, NOW), InvalidInput, hides=[KEY])
    if isinstance(event, dict):
        # By its text: what is too large a number for JavaScript is infinity to it, and written as null.
        written = js_json.stringify(event)
        must(
            js_json.stringify(js_json.parse(written)) == written,
            "an event that was read reads the same again",
        )
        must(json.loads(body).keys() == event.keys(), "an event has the members that any reader finds")


def strategy() -> st.SearchStrategy[bytes]:
    """Headers that are nearly right, and bodies of JSON."""
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    )
    bodies = st.one_of(values.map(lambda one: json.dumps(one).encode()), st.binary(max_size=200))
    stamps = st.one_of(
        st.integers(NOW - 310, NOW + 310).map(str),
        st.from_regex(r"[+-]?0{0,20}[0-9]{0,20}[a-z]?", fullmatch=True),
    )

    @st.composite
    def made(draw: st.DrawFn) -> bytes:
        body = draw(bodies)
        stamp = draw(stamps)
        good = sign_header(Secret(KEY), body, int(stamp) if stamp.isascii() and stamp.isdecimal() else NOW)
        parts = [
            f"t={stamp}",
            good.partition(",")[2],
            draw(st.sampled_from(["v0=00", "v1=", "t=", "", "=", "V1=a"])),
        ]
        return ",".join(draw(st.permutations(parts))[: draw(st.integers(1, 3))]).encode() + b"\n" + body

    return made()


def seeds() -> Iterable[bytes]:
    """The third party's own webhooks."""
    for one in json.loads(VECTORS.read_text())["cases"]:
        yield (one["header"] or "").encode() + b"\n" + one["body"].encode()


TARGET = Target(
    name="webhook",
    parser="wire/webhooks.py verify_header, sdk/webhooks.py read_webhook",
    holds=(
        "WebhookError and InvalidInput alone come out, and tell nothing of the secret",
        "what is believed was signed with the secret, lately",
        "a changed bit of the header or the body is not believed",
        "a body that is read reads the same again, and has the members that Python's own reader finds",
    ),
    check=check,
    strategy=strategy,
    seeds=seeds,
    words=("t=", "v1=", ",", str(NOW), "t=1772323200,v1="),
)
