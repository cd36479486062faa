"""How HTTP is spelled here: paths, header names, the envelope of answers, and reading requests strictly."""

import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Protocol, TypeVar

import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.crypto.secret import Secret
from valetkey.wire import js_json
from valetkey.wire.shape import View

API_PREFIX = "/api/v1"
JSON_TYPE = "application/json"
USER_AGENT_PREFIX = "valetkey/"

API_KEY_HEADER = "X-API-Key"
AUTHORIZATION_HEADER = "Authorization"
BEARER_PREFIX = "Bearer "
IDEMPOTENCY_HEADER = "Idempotency-Key"
REQUEST_ID_HEADER = "X-Request-Id"
SIGNATURE_HEADER = "X-Abbababa-Signature"
RETRY_AFTER_HEADER = "Retry-After"

CREDENTIAL_CHARS_MAX = 512
IDEMPOTENCY_KEY_CHARS_MAX = 255

DEPTH_MAX = js_json.DEPTH_MAX + 1
"""Nesting of a request: that of a payload, and the object around it. Whoever reads payloads follows no further."""

T = TypeVar("T")

_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_NAMED = re.compile(r"([A-Za-z_]+): (an amount .*)")
"""What our own look at a field says of it, see shape.check_amount."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Problem(msgspec.Struct):
    """One thing that is wrong in a request; `path` leads to it, such as `["price"]`."""

    path: list[str | int]
    message: str


class InvalidRequest(InvalidInput):
    """A request body or query that does not have its shape. `problems` say what and where, quoting nothing."""

    code = "validation_failed"

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class Answer(View):
    """The envelope as a client reads it: `data` of a success, otherwise `error` and its facts, as raw JSON."""

    success: bool = False
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: str | None = None
    code: str | None = None
    details: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    message: str | None = None
    request_id: str | None = None


def encode(value: object) -> bytes:
    """JSON of Structs and plain values; a Decimal is written as an exact JSON number."""
    return _ENCODER.encode(value)


def success_body(data: object, message: str | None = None) -> bytes:
    """The JSON of a success: `{"success": true, "data": ...}`."""
    body = {"success": True, "data": data}
    if message is not None:
        body["message"] = message
    return encode(body)


def read_answer(body: bytes) -> Answer | None:
    """The envelope in a response body; None when it is not a JSON object of that shape (a proxy's page)."""
    try:
        return msgspec.json.decode(body, type=Answer)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def decode_body(body: bytes, kind: type[T]) -> T:
    """A request body as a Struct. Raises InvalidRequest; payloads stay the bytes that were sent."""
    problem: Problem | None = None
    try:
        # The decoder does not look inside members that it skips or keeps raw.
        body.decode("utf-8")
        found = msgspec.json.decode(body, type=kind)
        if _depth(body) <= DEPTH_MAX:
            return found
        problem = Problem([], "nested too deeply")
    except msgspec.ValidationError as error:
        problem = _problem(str(error))
    except msgspec.DecodeError:
        problem = Problem([], "not valid JSON")
    except UnicodeDecodeError:
        problem = Problem([], "not UTF-8")
    except RecursionError:
        problem = Problem([], "nested too deeply")
    raise InvalidRequest("Invalid request body", (problem,))


def decode_query(query: Mapping[str, str], kind: type[T]) -> T:
    """Query parameters as a Struct: numbers are read from their text. Raises InvalidRequest."""
    problem: Problem | None = None
    try:
        return msgspec.convert(dict(query), kind, strict=False)
    except msgspec.ValidationError as error:
        problem = _problem(str(error))
    except UnicodeEncodeError:
        problem = Problem([], "not UTF-8")
    raise InvalidRequest("Invalid query", (problem,))


class Headers(Protocol):
    """Headers by name. Names are answered in any case, as HTTP does."""

    def get(self, name: str, /) -> str | None: ...


def credential(headers: Headers) -> Secret | None:
    """The API key or session token of a request; None when it carries none, or two that differ."""
    key = (headers.get(API_KEY_HEADER) or "").strip()
    authorization = headers.get(AUTHORIZATION_HEADER) or ""
    bearer = ""
    if authorization[: len(BEARER_PREFIX)].lower() == BEARER_PREFIX.lower():
        bearer = authorization[len(BEARER_PREFIX) :].strip()
    if key and bearer and key != bearer:
        return None
    text = key or bearer
    if not text:
        return None
    return Secret(text) if len(text) <= CREDENTIAL_CHARS_MAX else None


def _depth(body: bytes) -> int:
    """How deep the brackets of JSON nest; an upper bound when there are too few of them to matter."""
    brackets = body.count(b"[") + body.count(b"{")
    if brackets <= DEPTH_MAX:
        return brackets
    # Without what is escaped, every other part between quotation marks is outside of texts.
    outside = b"".join(body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    return max(accumulate(memoryview(outside.translate(_STEPS, _NO_BRACKETS)).cast("b")))


def _problem(message: str) -> Problem:
    text, _, place = message.partition(" - at `")
    path = _path(place.rstrip("`"))
    if text.startswith("Invalid enum value"):
        # The library quotes what was sent, and a secret may have been pasted into the wrong field.
        text = "not one of the allowed values"
    if missing := _MISSING.fullmatch(text):
        return Problem([*path, missing[1]], "required")
    if named := _NAMED.fullmatch(text):
        return Problem([*path, named[1]], named[2])
    return Problem(path, text)


def _path(place: str) -> list[str | int]:
    path: list[str | int] = []
    for part in place.removeprefix("$").replace("[", ".[").split("."):
        if part.startswith("["):
            index = part.strip("[]")
            path.append(int(index) if index.isdecimal() else index)
        elif part:
            path.append(part)
    return path
