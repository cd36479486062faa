"""JSON as JavaScript reads and writes it."""

import json
import math
import time
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors.leaks import parts_told
from valetkey.wire import js_json

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@given(values)
def test_what_is_written_reads_back_and_is_written_the_same(value: object) -> None:
    text = js_json.stringify(value)
    assert js_json.stringify(js_json.parse(text)) == text
    assert js_json.parse(text.encode()) == js_json.parse(text)
    json.loads(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_are_written_so_that_they_read_back(number: float) -> None:
    text = js_json.number_text(number)
    assert float(text) == number
    assert js_json.number_text(Decimal(number)) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-5, "-5"),
        (0.1, "0.1"),
        (123.456, "123.456"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e21, "1.5e+21"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.25e-9, "1.25e-9"),
        (123456789012345680000, "123456789012345680000"),
        (2**53, "9007199254740992"),
        (2**53 + 1, "9007199254740992"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (10**400, "null"),
        (-(10**400), "null"),
        (math.nan, "null"),
        (math.inf, "null"),
        (Decimal("0.10"), "0.1"),
        (Decimal("NaN"), "null"),
        (100, "100"),
    ],
)
def test_numbers_are_spelled_as_the_standard_spells_them(number: float | Decimal, text: str) -> None:
    assert js_json.number_text(number) == text
    assert js_json.stringify(number) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740993", 9007199254740992.0),
        ("-9007199254740992", -9007199254740992),
        ("1e400", math.inf),
        ("-0", 0),
        ('{"a":1,"a":2}', {"a": 2}),
        ("1" * 5_000, math.inf),
        ("[1.0]", [1.0]),
        ('"\\ud83d\\ude00"', "\U0001f600"),
    ],
)
def test_reads_as_json_parse_does(text: str, value: object) -> None:
    assert js_json.parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "Infinity",
        "-Infinity",
        "{",
        "[1,]",
        "{'a':1}",
        "01",
        "+1",
        ".5",
        "1.",
        "nul",
        '"\n"',
        "\ufeff1",
        b"\xff",
    ],
)
def test_what_is_not_json_is_a_typed_error(text: str | bytes) -> None:
    with pytest.raises(js_json.JsonError):
        js_json.parse(text)


def test_errors_quote_nothing() -> None:
    secret = "4c0883a69102937d6231471b5dbb6204"
    for text in (f'{{"key":"{secret}"', f"[{secret}]x", secret):
        with pytest.raises(js_json.JsonError) as caught:
            js_json.parse(text)
        assert not parts_told(caught.value, secret)


def test_depth_is_bounded_both_ways() -> None:
    deep = "[" * js_json.DEPTH_MAX + "]" * js_json.DEPTH_MAX
    assert js_json.stringify(js_json.parse(deep)) == deep
    with pytest.raises(js_json.JsonError):
        js_json.parse("[" + deep + "]")
    with pytest.raises(js_json.JsonError):
        js_json.parse('{"a":' * 100_000)
    nested: list[object] = []
    for _ in range(js_json.DEPTH_MAX + 1):
        nested = [nested]
    with pytest.raises(js_json.JsonError):
        js_json.stringify(nested)
    assert js_json.parse('"' + "[" * 1_000 + '\\"["') == "[" * 1_000 + '"['


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": b"x"}, {1j}, 1j])
def test_what_json_cannot_say(value: object) -> None:
    with pytest.raises(js_json.JsonError):
        js_json.stringify(value)


def test_raw_json_is_read_first() -> None:
    assert js_json.stringify({"a": msgspec.Raw(b'{"2":1.0, "1":2}')}) == '{"a":{"1":2,"2":1}}'
    assert js_json.stringify((1, [], {}, True, False, None)) == "[1,[],{},true,false,null]"


def test_texts_are_escaped_as_javascript_escapes_them() -> None:
    assert js_json.stringify('"\\/\b\f\n\r\t\x00\x1f\x7f') == '"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f"'
    assert js_json.stringify("\u2028\u2029é") == '"\u2028\u2029é"'
    assert js_json.stringify("\ud800") == '"\\ud800"'
    assert js_json.stringify("\udc00\ud800x") == '"\\udc00\\ud800x"'
    assert js_json.stringify("\ud83d\ude00") == '"\U0001f600"'


def test_lengths_are_those_of_utf_16() -> None:
    assert js_json.utf16_units("aé\U0001f600\ud800") == 5


def test_own_keys_are_ordered_as_javascript_orders_them() -> None:
    assert js_json.own_keys({"b": 1, "10": 1, "9": 1, "01": 1, "4294967295": 1, "4294967294": 1}) == [
        "9", "10", "4294967294", "b", "01", "4294967295",
    ]  # fmt: skip
    assert js_json.own_keys(["x", "y"]) == ["0", "1"]
    assert js_json.own_keys("\U0001f600") == ["0", "1"]
    assert js_json.own_keys(5) == []
    assert js_json.own_keys(True) == []
    with pytest.raises(js_json.JsonError):
        js_json.own_keys(None)


@pytest.mark.parametrize("text", ['"' + '\\"' * 50_000, '["' + '\\"' * 50_000 + "\\", '"[' * 50_000])
def test_a_text_that_does_not_end_takes_time_that_grows_with_it_alone(text):
    begun = time.process_time()
    with pytest.raises(js_json.JsonError):
        js_json.parse(text)
    # From each quotation mark anew it would be minutes.
    assert time.process_time() - begun < 1
