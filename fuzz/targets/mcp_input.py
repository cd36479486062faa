"""MCP input: frames of JSON-RPC as standard input brings them, and the arguments of every tool, both desks'."""

import asyncio
import atexit
import json
import logging
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import mcp_types as types
from hypothesis import strategies as st
from pydantic import ValidationError

from fuzz.making import TEXTS, VALUES, changed_object
from fuzz.target import Target, must
from fuzz.targets.bundle import _text as bundle_text
from fuzz.targets.bundle import _valid as valid_bundle
from valetkey.mcp.calls import Calls
from valetkey.mcp.checking import check as check_schema
from valetkey.mcp.plan import Plan
from valetkey.mcp.server import McpServer
from valetkey.mcp.tool import Tool

API_KEY = "aba_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
ARGUMENTS, FRAME = range(2)


_performed: list[tuple[dict[str, Any], str]] = []
"""The last call that reached a tool: its arguments, and its idempotency key."""


def check(data: bytes) -> None:
    """The first byte: arguments of a tool, which the second names, or a frame; and whose server."""
    if len(data) < 2:
        return
    server = _server(owner=bool(data[0] & 2))
    if data[0] & 1 == FRAME:
        _frame(server, data[2:])
        return
    try:
        told = json.loads(data[2:])
    except (ValueError, RecursionError):
        return
    if not isinstance(told, dict):
        return
    names = list(server._tools)
    _call(server, names[data[1] % len(names)], told)


def _frame(server: McpServer, line: bytes) -> None:
    """As the official transport reads a line, and as its server reads the parameters of a call."""
    try:
        message = types.jsonrpc_message_adapter.validate_json(line.decode("utf-8", "replace"), by_name=False)
        if not isinstance(message, types.JSONRPCRequest) or message.method != "tools/call":
            return
        asked = types.CallToolRequestParams.model_validate(message.params)
    except ValidationError:
        return
    answer = _loop().run_until_complete(server._call(None, asked))  # type: ignore[arg-type]
    _answered(server, asked.name, dict(asked.arguments or {}), answer)


def _call(server: McpServer, name: str, arguments: dict[str, Any]) -> None:
    answer = _loop().run_until_complete(server.call(name, arguments))
    _answered(server, name, arguments, answer)


def _answered(server: McpServer, name: str, arguments: dict[str, Any], answer: Any) -> None:
    told = answer.structured_content
    text = answer.content[0].text
    json.dumps(told, allow_nan=False).encode("utf-8")
    must(json.loads(text) == told, "an answer is the same as text and structured")
    given = json.dumps(arguments)
    must(not any(one in text for one in _secrets() if one not in given), "nothing secret is answered")
    if answer.is_error:
        must("internal" not in json.dumps(told.get("code", "")), "no argument is a fault of the server")
        quoted = [one for one in _texts(arguments) if len(one) >= 61]
        must(not any(one in text for one in quoted), "what is wrong is told, not quoted")
        return
    tool = server._tools[name]
    # As the tool got them: in an answer, what looks like a key is blotted out.
    asked, key = _performed[-1]
    check_schema(asked, tool.takes)
    _loop().run_until_complete(server.call(name, asked))
    must(_performed[-1] == (asked, key), "arguments that were read are read the same again")


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


@cache
def _secrets() -> tuple[str, ...]:
    told = valid_bundle()
    return (API_KEY, *(str(told[name]) for name in ("token", "walletPrivateKey", "e2ePrivateKey")))


@cache
def _server(*, owner: bool) -> McpServer:
    """A server with its own checks and answers, whose tools answer what they were asked and ask nobody."""
    logging.getLogger("valetkey.mcp").setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="valetkey-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    bundle = bundle_text(1, json.dumps(valid_bundle()).encode())
    environment = {"VALETKEY_API_KEY": API_KEY} if owner else {"VALETKEY_SESSION": bundle}
    where: dict[str, Any] = {
        "base_url": "http://127.0.0.1:9",
        "state_dir": folder,
        "bundles": folder / "bundles",
    }
    server = McpServer(Plan(owner=owner, environment=environment, **where))
    server._tools = {name: replace(tool, perform=_telling(tool)) for name, tool in server._tools.items()}
    return server


def _telling(tool: Tool[Any]) -> Any:
    async def perform(desk: Any, asked: dict[str, Any]) -> dict[str, Any]:
        calls: Calls = desk.calls
        key = calls.key(tool.name, asked)
        must(key == calls.key(tool.name, dict(reversed(asked.items()))), "one call has one key, in any order")
        must(len(key) == 68, "a key is a hash")
        _performed[:] = [(asked, key)]
        return {"asked": asked, "key": key}

    return perform


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _good(schema: dict[str, Any]) -> Any:
    """A value that a schema takes, as nearly as its words say."""
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object":
        return {name: _good(one) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [_good(schema.get("items", {}))]
    if kind == "integer":
        return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    pattern = schema.get("pattern", "")
    for text in (
        "2.50",
        "https://api.example.com/a",
        "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "abc",
        "Accept",
    ):
        try:
            check_schema(text, schema)
        except ValueError:
            continue
        return text
    return pattern


def _arguments() -> list[tuple[int, int, Any]]:
    found = []
    for owner in (False, True):
        for index, tool in enumerate(_server(owner=owner)._tools.values()):
            found.append((2 if owner else 0, index, _good(tool.takes)))
    return found


def strategy() -> st.SearchStrategy[bytes]:
    """Arguments of each tool in which something is wrong, and frames around them."""
    every = _arguments()

    @st.composite
    def made(draw: st.DrawFn) -> bytes:
        whose, index, good = draw(st.sampled_from(every))
        asked = draw(changed_object(lambda: good))
        if draw(st.integers(0, 2)):
            return bytes([whose | ARGUMENTS, index]) + _json(asked)
        name = draw(st.one_of(st.sampled_from(list(_server(owner=bool(whose))._tools)), TEXTS))
        frame = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": name, "arguments": asked},
        }
        return bytes([whose | FRAME, 0]) + _json(
            draw(st.one_of(st.just(frame), changed_object(lambda: frame), VALUES))
        )

    return made()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def seeds() -> Iterable[bytes]:
    """A call of each tool, and one frame."""
    for whose, index, good in _arguments():
        yield bytes([whose | ARGUMENTS, index]) + _json(good)
    frame = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "quote", "arguments": {"service_id": "a"}},
    }
    yield bytes([FRAME, 0]) + _json(frame)


TARGET = Target(
    name="mcp-input",
    parser="mcp/server.py call, mcp/checking.py, mcp/calls.py; the official package's frames in front of them",
    holds=(
        "every call is answered: with structured JSON that is the same as text, and never as a fault of the server",
        "nothing secret is answered; what is wrong with an argument is told and not quoted",
        "arguments that are read fit their schema, are read the same again, and have one idempotency key in any order",
    ),
    check=check,
    strategy=strategy,
    seeds=seeds,
    words=(
        '"jsonrpc":"2.0"',
        '"method":"tools/call"',
        '"params":{',
        '"arguments":{',
        '"name":"',
        '"amount":"',
        '"again":',
        '"budget":"',
        '"session_id":"',
        '"to":"0x',
        '"url":"https://',
        "1e400",
        "\\ud800",
    ),
    bytes_max=4_096,
)
