"""Bodies and queries of every endpoint: policies, spends, transactions, enrolments, all of them."""

import importlib
import json
import pkgutil
from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from hypothesis import strategies as st

import valetkey.wire
from fuzz.making import TEXTS, VALUES, changed_object
from fuzz.target import REFUSED, Target, must, outcome
from valetkey.wire.http import InvalidRequest, decode_body, decode_query
from valetkey.wire.shape import Request

BODY, QUERY = range(2)


def check(data: bytes) -> None:
    """The first two bytes: body or query, and of which shape."""
    if len(data) < 2:
        return
    kinds = _kinds()
    kind, rest = kinds[data[1] % len(kinds)], data[2:]
    if data[0] & 1 == QUERY:
        told = dict(
            parse_qsl(rest.decode("utf-8", "surrogateescape"), keep_blank_values=True, max_num_fields=None)
        )
        outcome(
            lambda: decode_query(told, kind),
            InvalidRequest,
            hides=[one for one in told.values() if len(one) > 40],
        )
        return
    secrets = [one for one in _texts(rest) if len(one) > 40]
    found = outcome(lambda: decode_body(rest, kind), InvalidRequest, hides=secrets)
    if found is REFUSED:
        return
    written = msgspec.json.Encoder(decimal_format="number").encode(found)
    again = decode_body(written, kind)
    must(
        msgspec.json.Encoder(decimal_format="number").encode(again) == written, "a body is written in one way"
    )


def _texts(body: bytes) -> Iterable[str]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return
    rest = [told]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            rest += one.values()
        elif isinstance(one, list):
            rest += one


@cache
def _kinds() -> list[type[Any]]:
    """Every shape that a client sends, by its name."""
    for one in pkgutil.iter_modules(valetkey.wire.__path__):
        importlib.import_module(f"valetkey.wire.{one.name}")
    found: dict[str, type[Any]] = {}
    rest = list(Request.__subclasses__())
    while rest:
        one = rest.pop()
        rest += one.__subclasses__()
        if one.__module__.startswith("valetkey.wire"):
            found[f"{one.__module__}.{one.__qualname__}"] = one
    return [found[name] for name in sorted(found)]


def _good(kind: Any, depth: int = 0) -> Any:
    """A value of roughly a type, by its schema."""
    schema = msgspec.json.schema(kind)
    return _of(schema, schema.get("$defs", {}), 0)


def _of(schema: dict[str, Any], known: dict[str, Any], depth: int) -> Any:
    if "$ref" in schema:
        return _of(known[schema["$ref"].rpartition("/")[2]], known, depth + 1)
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return _of(several[0], known, depth + 1)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: _of(one, known, depth + 1) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [_of(schema.get("items", {}), known, depth + 1)]
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 1), 1)
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    pattern = schema.get("pattern", "")
    for text in (
        "0x" + "ab" * 20,
        "0x" + "ab" * 32,
        "02" + "ab" * 32,
        "0x" + "ab" * 65,
        "ab" * 32,
        "USDC",
        "12",
    ):
        if _matches(pattern, text):
            return text
    return "a"


def _matches(pattern: str, text: str) -> bool:
    import re

    return bool(pattern) and re.search(pattern, text) is not None


def strategy() -> st.SearchStrategy[bytes]:
    """Bodies of each shape in which something is wrong, and queries."""
    goods = [(index, _good(kind)) for index, kind in enumerate(_kinds())]

    @st.composite
    def made(draw: st.DrawFn) -> bytes:
        index, good = draw(st.sampled_from(goods))
        if draw(st.integers(0, 5)) == 0:
            pairs = draw(st.lists(st.tuples(st.sampled_from([*good, "more"]), TEXTS), max_size=4))
            query = "&".join(f"{name}={value}" for name, value in pairs)
            return bytes([QUERY, index]) + query.encode("utf-8", "surrogatepass")
        told = draw(changed_object(lambda: good)) if good else draw(VALUES)
        return bytes([BODY, index]) + json.dumps(told).encode("utf-8", "surrogatepass")

    return made()


def seeds() -> Iterable[bytes]:
    """One of each shape."""
    for index, kind in enumerate(_kinds()):
        yield bytes([BODY, index]) + json.dumps(_good(kind)).encode()


TARGET = Target(
    name="request-bodies",
    parser="wire/http.py decode_body, decode_query, for every shape of wire that a client sends",
    holds=(
        "InvalidRequest alone comes out, and quotes nothing longer than a word",
        "a body that is read is written in one way, and reads the same again",
    ),
    check=check,
    strategy=strategy,
    seeds=seeds,
    words=(
        '"budgetUsdc":',
        '"amount":',
        '"policy":{',
        '"windows":[{',
        '"narrowings":[{',
        '"signature":"0x',
        "1e400",
        "\\ud800",
        "null",
    ),
    bytes_max=4_096,
)
