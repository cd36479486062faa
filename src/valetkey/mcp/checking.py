"""Arguments against the schema of their tool. What is wrong is told with its place, never quoted: it may be secret."""

import re
from collections.abc import Callable
from typing import Any

from valetkey.core.errors import InvalidInput
from valetkey.mcp.schemas import Schema

DEPTH_MAX = 64
INTEGER_MAX = 2**53
"""Beyond it readers of JSON disagree: what is larger is sent as a text."""

FIELD_CHARS_MAX = 60
_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda one: isinstance(one, dict),
    "array": lambda one: isinstance(one, list),
    "string": lambda one: isinstance(one, str),
    "boolean": lambda one: isinstance(one, bool),
    "null": lambda one: one is None,
    # JSON has one kind of number: 1.0 is a whole one.
    "integer": lambda one: not isinstance(one, bool) and (isinstance(one, int) or _is_whole(one)),
    "number": lambda one: not isinstance(one, bool) and isinstance(one, int | float),
}
_NAME = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def checked(arguments: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """The arguments of a call as its tool reads them: 2.0 is 2. Raises InvalidInput."""
    check(arguments, schema)
    known = schema["properties"]
    return {
        name: int(value) if known[name].get("type") == "integer" else value
        for name, value in arguments.items()
    }


def check(value: Any, schema: Schema, field: str = "") -> None:
    """Raise InvalidInput unless a value is as the schema says; `field` is where it is."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_TYPES[kind](value) for kind in kinds):
        raise _wrong(field, f"is not {' or '.join(_A[kind] for kind in kinds)}")
    if "enum" in schema and value not in schema["enum"]:
        raise _wrong(field, f"is none of {', '.join(map(str, schema['enum']))}")
    if isinstance(value, str):
        _check_text(value, schema, field)
    elif isinstance(value, dict):
        _check_object(value, schema, field)
    elif isinstance(value, list):
        if len(value) > schema.get("maxItems", len(value)):
            raise _wrong(field, f"has more than {schema['maxItems']} items")
        for index, one in enumerate(value):
            if "items" in schema:
                check(one, schema["items"], f"{field}[{index}]")
    elif not isinstance(value, bool) and isinstance(value, int | float):
        if value < schema.get("minimum", value):
            raise _wrong(field, f"is less than {schema['minimum']}")
        if value > schema.get("maximum", value):
            raise _wrong(field, f"is more than {schema['maximum']}")
    if not schema.get("type"):
        _check_json(value, field)


def _check_text(value: str, schema: Schema, field: str) -> None:
    if len(value) > schema.get("maxLength", len(value)):
        raise _wrong(field, f"has more than {schema['maxLength']} characters")
    if len(value) < schema.get("minLength", 0):
        raise _wrong(field, f"has less than {schema['minLength']} characters")
    # Python's `$` also matches before a last line break, and its classes know digits of every script.
    if "pattern" in schema and not re.fullmatch(schema["pattern"].removesuffix("$"), value, re.ASCII):
        raise _wrong(field, f"is not written as {schema['pattern']}")
    _check_unicode(value, field)


def _check_object(value: dict[str, Any], schema: Schema, field: str) -> None:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            raise _wrong(_below(field, name), "is missing")
    if len(value) > schema.get("maxProperties", len(value)):
        raise _wrong(field, f"has more than {schema['maxProperties']} members")
    rest = schema.get("additionalProperties", True)
    for name, one in value.items():
        if name in known:
            check(one, known[name], _below(field, name))
        elif rest is False:
            # The name itself may be anything: it is quoted only where it looks like one.
            raise _wrong(_below(field, name), f"is unknown; known are {', '.join(known) or 'none'}")
        elif isinstance(rest, dict):
            if "propertyNames" in schema:
                check(name, schema["propertyNames"], _below(field, name))
            check(one, rest, _below(field, name))


def _check_json(value: Any, field: str, depth: int = 0) -> None:
    """Raise InvalidInput for what no JSON text can say, or says too deeply."""
    if depth > DEPTH_MAX:
        raise _wrong(field, f"is nested more than {DEPTH_MAX} deep")
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise _wrong(field, "holds a number that JSON has not")
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        raise _wrong(field, "holds a number that is rounded on its way: send it as a text")
    if isinstance(value, str):
        _check_unicode(value, field)
    elif isinstance(value, dict):
        for name, one in value.items():
            _check_unicode(name, field)
            _check_json(one, field, depth + 1)
    elif isinstance(value, list):
        for one in value:
            _check_json(one, field, depth + 1)


def _check_unicode(value: str, field: str) -> None:
    if any("\ud800" <= one <= "\udfff" for one in value):
        raise _wrong(field, "holds half a character")


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _below(field: str, name: str) -> str:
    shown = name if _NAME.fullmatch(name) and len(name) <= FIELD_CHARS_MAX else "a member"
    return f"{field}.{shown}" if field else shown


def _wrong(field: str, what: str) -> InvalidInput:
    return InvalidInput(f"{field or 'the arguments'}: this {what}", field=field or "arguments")


_A = {
    "object": "an object",
    "array": "a list",
    "string": "a string",
    "boolean": "true or false",
    "null": "null",
    "integer": "a whole number",
    "number": "a number",
}
