"""JSON exactly as JavaScript reads and writes it: payloads are hashed and signed as JSON.stringify prints them.

Source: ECMA-262, JSON.parse, JSON.stringify, Number::toString and OrdinaryOwnPropertyKeys.
"""

import json
import math
import re
from decimal import Decimal
from typing import NoReturn, TypeAlias

import msgspec

from valetkey.core.errors import InvalidInput

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

DEPTH_MAX = 400
"""Nesting that neither direction follows further: deeper input is an attack on the stack, not a payload."""

INTEGER_EXACT_MAX = 2**53
INDEX_MAX = 2**32 - 2
WHITESPACE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002"
    "\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What String.prototype.trim removes; Python's own idea of white space differs."""

_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
# A text that does not end is one match, and is not looked at again from each of its own quotation marks.
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class JsonError(InvalidInput):
    """Text that is not JSON, or a value that JSON cannot say. The message never quotes it."""

    code = "invalid_json"


def parse(text: str | bytes) -> JsonValue:
    """Read JSON as JSON.parse does: key order kept, the last of equal keys wins, numbers are doubles.

    Integers up to 2^53 come as int, all others as the float that JavaScript would hold (1e400 is infinity).
    Raises JsonError.
    """
    decoded = _decode(text) if isinstance(text, bytes) else text
    value: JsonValue = None
    failed = decoded is None
    if decoded is not None:
        _check_nesting(decoded)
        try:
            value = json.loads(decoded, parse_int=_parse_int, parse_float=float, parse_constant=_refuse)
        except ValueError:
            failed = True
    # Raised outside the handler: the library's error holds the whole text, which may be a secret.
    if failed:
        raise JsonError("not valid JSON")
    return value


def stringify(value: object) -> str:
    """Write a value as JSON.stringify does. Integers and Decimals are written as the nearest double.

    Takes what `parse` gives, tuples, Decimals and msgspec.Raw (JSON text, read first). Raises JsonError.
    """
    parts: list[str] = []
    _write(value, parts, 0)
    return "".join(parts)


def number_text(number: int | float | Decimal) -> str:
    """Number::toString in base 10; NaN and infinities are `null`, as JSON.stringify writes them."""
    if isinstance(number, int) and abs(number) <= INTEGER_EXACT_MAX:
        return str(number)
    try:
        double = float(number)
    except OverflowError:
        return "null"
    if not math.isfinite(double):
        return "null"
    # repr() gives the shortest digits that read back as the same double: those of the standard.
    return decimal_text(Decimal(repr(double)))


def decimal_text(number: Decimal) -> str:
    """The digits of a finite decimal, spelled as JavaScript spells numbers: 50, 0.1, 1e-7, 1e+21."""
    if not number:
        return "0"
    sign, digit_tuple, exponent = number.as_tuple()
    assert isinstance(exponent, int), "a finite number"
    digits = "".join(map(str, digit_tuple)).lstrip("0")
    point = len(digits) + exponent
    digits = digits.rstrip("0")
    return ("-" if sign else "") + _place_point(digits, point)


def utf16_units(text: str) -> int:
    """The length that JavaScript gives a string."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def own_keys(value: object) -> list[str]:
    """Object.keys of a value: integer-like keys first, in ascending order. Raises JsonError for null."""
    if value is None:
        raise JsonError("null has no keys")
    if isinstance(value, dict):
        return _ordered(value)
    if isinstance(value, list | tuple):
        return [str(index) for index in range(len(value))]
    if isinstance(value, str):
        return [str(index) for index in range(utf16_units(value))]
    return []


def _decode(text: bytes) -> str | None:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _parse_int(digits: str) -> int | float:
    # float() of long digits is exact rounding and never too long for it; int() of them may be refused.
    if len(digits) <= 17 and abs(number := int(digits)) <= INTEGER_EXACT_MAX:
        return number if not digits.startswith("-") else -abs(number)
    return float(digits)


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("not JSON")


def _check_nesting(text: str) -> None:
    depth = 0
    for match in _NESTING.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise JsonError(f"JSON nested deeper than {DEPTH_MAX} levels")
        elif mark in "]}":
            depth -= 1


def _place_point(digits: str, point: int) -> str:
    """Digits d1..dk with the decimal point after `point` of them, by the cases of Number::toString."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    exponent = point - 1
    mantissa = digits if len(digits) == 1 else digits[0] + "." + digits[1:]
    return f"{mantissa}e{'+' if exponent > 0 else '-'}{abs(exponent)}"


def _ordered(mapping: dict[str, object]) -> list[str]:
    indices: list[str] = []
    names: list[str] = []
    for key in mapping:
        if not isinstance(key, str):
            raise JsonError("keys of JSON objects are strings")
        is_index = _INDEX.fullmatch(key) is not None and int(key) <= INDEX_MAX
        (indices if is_index else names).append(key)
    indices.sort(key=int)
    return indices + names


def _write(value: object, parts: list[str], depth: int) -> None:
    if depth > DEPTH_MAX:
        raise JsonError(f"JSON nested deeper than {DEPTH_MAX} levels")
    if value is None:
        parts.append("null")
    elif value is True or value is False:
        parts.append("true" if value else "false")
    elif isinstance(value, str):
        parts.append(_quoted(value))
    elif isinstance(value, int | float | Decimal):
        parts.append(number_text(value))
    elif isinstance(value, list | tuple):
        _write_array(value, parts, depth)
    elif isinstance(value, dict):
        _write_object(value, parts, depth)
    elif isinstance(value, msgspec.Raw):
        _write(parse(bytes(value)), parts, depth)
    else:
        raise JsonError(f"JSON cannot say {type(value).__name__}")


def _write_array(items: list[object] | tuple[object, ...], parts: list[str], depth: int) -> None:
    parts.append("[")
    for index, item in enumerate(items):
        if index:
            parts.append(",")
        _write(item, parts, depth + 1)
    parts.append("]")


def _write_object(mapping: dict[str, object], parts: list[str], depth: int) -> None:
    parts.append("{")
    for index, key in enumerate(_ordered(mapping)):
        if index:
            parts.append(",")
        parts.append(_quoted(key))
        parts.append(":")
        _write(mapping[key], parts, depth + 1)
    parts.append("}")


def _quoted(text: str) -> str:
    if _SURROGATE.search(text):
        # To JavaScript a high and a low surrogate in a row are one character, however they got there.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    quoted = json.dumps(text, ensure_ascii=False)
    return _SURROGATE.sub(lambda lone: f"\\u{ord(lone[0]):04x}", quoted)
