"""Servers as real processes, and the official client that talks to them; with what they must never say."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from valetkey.wire.child_bundle import parse_child

START_SECONDS = 30


def secrets_in(bundle: str) -> list[str]:
    """Every text that gives a session away."""
    held = parse_child(bundle, None)[0]
    keys = (held.wallet_private_key, held.e2e_private_key)
    return [
        bundle,
        bundle.partition("_bundle_")[2][:60],
        held.token.reveal(),
        *(one.to_hex(prefix=False) for one in keys),
    ]


@dataclass
class Answer:
    """What a tool answered."""

    told: dict[str, Any]
    failed: bool
    raw: str = field(repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.told[name]


@dataclass
class Caller:
    """The official client, connected; it remembers every word that it was told."""

    client: Client
    secrets: list[str] = field(repr=False)
    heard: list[str] = field(default_factory=list, repr=False)

    async def call(self, tool: str, /, **arguments: Any) -> Answer:
        """Call a tool; the answer is structured, whatever it is, and holds no secret."""
        return await self.send(tool, arguments)

    async def send(self, tool: str, arguments: Any) -> Answer:
        result = await self.client.call_tool(tool, arguments)
        raw = result.model_dump_json()
        self.heard.append(raw)
        check_silent(raw, self.secrets)
        told = result.structured_content
        assert isinstance(told, dict), raw
        assert json.loads(result.content[0].text) == told
        if result.is_error:
            names = {"code", "kind", "rule", "message", "hint", "remaining", "resets_at", "retryable"}
            assert names <= told.keys(), told
        return Answer(told, result.is_error, raw)


def check_silent(text: str, secrets: list[str]) -> None:
    """No secret is in a text."""
    for secret in secrets:
        assert secret.lower() not in text.lower(), "a secret is told"


def environment(base_url: str, home: Path, **more: str) -> dict[str, str]:
    """What a server's process finds."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    return kept | {"VALETKEY_BASE_URL": base_url, "VALETKEY_HOME": str(home)} | more


@asynccontextmanager
async def over_stdio(
    env: dict[str, str],
    *options: str,
    secrets: list[str] | None = None,
    log: Path,
    mode: str = "auto",
    program: tuple[str, ...] = ("-m", "valetkey.mcp"),
    command: str = sys.executable,
) -> AsyncIterator[Caller]:
    """A server over stdio and a client of it."""
    parameters = StdioServerParameters(command=command, args=[*program, *options], env=env)
    with log.open("a") as errors:
        async with Client(stdio_client(parameters, errlog=errors), mode=mode) as client:
            yield Caller(client, secrets or [])
    check_silent(log.read_text(), secrets or [])


@dataclass
class HttpServer:
    """A server over HTTP, in a process of its own."""

    process: subprocess.Popen[bytes]
    url: str
    token: str = field(repr=False)
    token_file: Path
    log: Path

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(START_SECONDS)


@contextmanager
def http_server(
    env: dict[str, str],
    *options: str,
    log: Path,
    command: tuple[str, ...] = (sys.executable, "-m", "valetkey.mcp"),
) -> Iterator[HttpServer]:
    """`python -m valetkey.mcp --http` on a free port."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [*command, "--http", "--port", "0", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=env,
        )
    try:
        for _ in range(START_SECONDS * 20):
            told = re.search(r"serving MCP at (\S+)\nits bearer token is in (\S+)\n", log.read_text())
            if told or process.poll() is not None:
                break
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        assert told, log.read_text()
        token_file = Path(told[2])
        yield HttpServer(process, told[1], token_file.read_text().strip(), token_file, log)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(START_SECONDS)


@asynccontextmanager
async def over_http(
    server: HttpServer, *, secrets: list[str] | None = None, mode: str = "auto"
) -> AsyncIterator[Caller]:
    """A client of a server over HTTP."""
    headers = {"Authorization": f"Bearer {server.token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        async with Client(streamable_http_client(server.url, http_client=http), mode=mode) as client:
            yield Caller(client, [*(secrets or []), server.token])
    check_silent(server.log.read_text(), [*(secrets or []), server.token])
