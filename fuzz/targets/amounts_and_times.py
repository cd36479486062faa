"""Amounts, dates, Server-Sent Events and narrowings: the small readers that much else stands on."""

import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation, localcontext

from hypothesis import strategies as st

from fuzz.making import NUMBERS, changed_object, changed_text
from fuzz.target import REFUSED, Target, must, outcome
from valetkey.core.errors import InvalidAmount, InvalidInput
from valetkey.core.money import format_units, parse_units
from valetkey.wire.attenuation import TITLE, Attenuation, SignedNarrowing, read
from valetkey.wire.event_stream import EventStream, StreamBroken
from valetkey.wire.timestamps import iso_timestamp, unix_seconds

AMOUNT, DATE, EVENTS, NARROWING = range(4)
CUT = 7


def check(data: bytes) -> None:
    """The first byte says what the rest is."""
    if len(data) < 2:
        return
    mode, rest = data[0] % 4, data[1:]
    if mode == AMOUNT:
        _amount(rest.decode("utf-8", "replace"), rest[0] % 19)
    elif mode == DATE:
        found = outcome(lambda: unix_seconds(rest.decode("utf-8", "replace")), InvalidInput)
        if isinstance(found, int) and found >= 0:
            must(unix_seconds(iso_timestamp(found)) == found, "a date that was read reads the same again")
    elif mode == EVENTS:
        _events(rest)
    else:
        _narrowing(rest.decode("utf-8", "replace"))


def _amount(text: str, decimals: int) -> None:
    units = outcome(lambda: parse_units(text, decimals), InvalidAmount)
    if isinstance(units, int):
        must(0 <= units < 10**30, "an amount has at most 30 digits, and no sign")
        with localcontext(prec=len(text) + 60):
            must(Decimal(units).scaleb(-decimals) == Decimal(text), "nothing is rounded")
        must(parse_units(format_units(units, decimals), decimals) == units, "an amount reads the same again")
    try:
        number = Decimal(text[:200])
    except InvalidOperation:
        return
    told = outcome(lambda: parse_units(number, decimals), InvalidAmount)
    if units is not REFUSED and len(text) <= 60:
        must(told == units, "an amount is the same as text and as a number")


def _events(data: bytes) -> None:
    """The same stream, whole and cut into pieces."""

    def whole() -> list[object]:
        return list(EventStream().take(data))

    def cut() -> list[object]:
        stream = EventStream()
        return [one for at in range(0, len(data), CUT) for one in stream.take(data[at : at + CUT])]

    first = outcome(whole, StreamBroken)
    second = outcome(cut, StreamBroken) if len(data) <= 16_384 else first
    must(first == second, "where a stream is cut does not matter")


def _narrowing(text: str) -> None:
    found = outcome(lambda: read(SignedNarrowing(message=text, signature="0x" + "00" * 65)), InvalidInput)
    if isinstance(found, Attenuation):
        must(found.message == text, "a narrowing has one text")
        must(len(found.child_id) > 25, "it has an id")


def _rules() -> dict[str, object]:
    return {
        "parent": "ses_" + "a" * 25,
        "wallet": "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A",
        "e2e": "02" + "ab" * 32,
        "token": "cd" * 32,
        "label": "worker",
        "rules": {
            "budget": "1000000",
            "windows": [[3_600, "5"]],
            "allowed_services": ["svc_1"],
            "without": ["x402"],
            "expires_at": 1_772_323_200,
        },
        "proof": "ef" * 32,
    }


def strategy() -> st.SearchStrategy[bytes]:
    """Numbers, dates, streams and narrowings that are nearly right."""

    def text(mode: int, one: str) -> bytes:
        return bytes([mode]) + one.encode("utf-8", "surrogatepass")

    numbers = st.one_of(
        NUMBERS.map(str),
        st.from_regex(r"[+-]?[0-9_]{0,40}\.?[0-9]{0,30}([eE][+-]?[0-9]{1,4})?", fullmatch=True),
    )
    told = changed_object(_rules).map(
        lambda one: f"{TITLE}\n{json.dumps(one, sort_keys=True, separators=(',', ':'))}"
    )
    lines = st.lists(
        st.sampled_from(["data: a", "id: 1", "event: e", "", ":", "data", "id:\0", "\r", "é"]), max_size=9
    )
    return st.one_of(
        numbers.map(lambda one: text(AMOUNT, one)),
        changed_text("2026-03-01T00:00:00.000Z").map(lambda one: text(DATE, one)),
        lines.map(lambda some: text(EVENTS, "\n".join(some) + "\n")),
        told.map(lambda one: text(NARROWING, one)),
    )


def seeds() -> Iterable[bytes]:
    """One of each."""
    yield bytes([AMOUNT]) + b"12.345678"
    yield bytes([AMOUNT]) + b"1.5e-3"
    yield bytes([DATE]) + b"2026-03-01T00:00:00.000Z"
    yield bytes([EVENTS]) + b'id: 7\nevent: spend\ndata: {"a":1}\n\n'
    yield (
        bytes([NARROWING])
        + f"{TITLE}\n{json.dumps(_rules(), sort_keys=True, separators=(',', ':'))}".encode()
    )


TARGET = Target(
    name="amounts-and-times",
    parser="core/money.py parse_units, wire/timestamps.py, wire/event_stream.py, wire/attenuation.py read",
    holds=(
        "InvalidAmount, InvalidInput and StreamBroken alone come out",
        "nothing is rounded; an amount is the same as text and as a number, and reads the same again",
        "where a stream is cut does not matter; a narrowing has one text",
    ),
    check=check,
    strategy=strategy,
    seeds=seeds,
    words=("1e", ".", "T00:00:00Z", "data: ", "id: ", "event: ", TITLE + "\n", '"rules":{', '"windows":[['),
    bytes_max=4_096,
)
