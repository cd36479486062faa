"""A platform on a real SQLite file behind real HTTP: purchases through the one gate, and reads, by 32 connections.

The server runs in a process of its own; no chain is asked.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bench.timing import Figure, figure
from valetkey.cli.serving import listen
from valetkey.crypto.keys import PrivateKey
from valetkey.wire.registration import sign_registration

CONNECTIONS = 32
REQUESTS = 4_000
ROUNDS = 3
NOWHERE = "http://127.0.0.1:1"
ADDRESS = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"


def figures() -> list[Figure]:
    """One figure for each kind of request."""
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as base_url:
        return asyncio.run(_measure(base_url))


async def _measure(base_url: str) -> list[Figure]:
    # aiohttp, because a slower client would measure itself.
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(f"{base_url}/api/v1/", connector=connector) as http:
        seller, owner = await _register(http, "bench seller"), await _register(http, "bench owner")
        offered = {"title": "Work", "description": "", "category": "other", "price": 1, "priceUnit": "flat"}
        service = (await _post(http, "services", seller, offered))["id"]
        session = {"expiry": 3_600, "allowedServiceIds": [service]}
        hot = (await _post(http, "agents/session", owner, session | {"budgetUsdc": None}))["token"]
        many = [
            (await _post(http, "agents/session", owner, session | {"budgetUsdc": 1_000}))["token"]
            for _ in range(100)
        ]
        order = {"serviceId": service, "paymentMethod": "crypto"}
        found = []
        for name, tokens in (("one session", [hot]), ("100 sessions", many)):
            rates = [await _flood(http, order, tokens) for _ in range(ROUNDS)]
            found.append(figure(f"purchases over HTTP, {name}", rates))
        rates = [await _flood(http, None, [hot]) for _ in range(ROUNDS)]
        found.append(figure("a session reads itself over HTTP", rates))
        return found


async def _flood(http: aiohttp.ClientSession, order: Any, tokens: list[str]) -> float:
    numbers = iter(range(REQUESTS))
    waits: list[float] = []

    async def worker() -> None:
        for number in numbers:
            headers = {"X-API-Key": tokens[number % len(tokens)]}
            began = time.perf_counter()
            asked = (
                http.get("agents/session/self", headers=headers)
                if order is None
                else http.post("checkout", headers=headers, json=order)
            )
            async with asked as answer:
                assert answer.ok, await answer.text()
                await answer.read()
            waits.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))
    rate = REQUESTS / (time.perf_counter() - began)
    p99 = statistics.quantiles(waits, n=100)[98]
    print(f"  {rate:,.0f}/s, p50 {statistics.median(waits) * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms", flush=True)
    return rate


async def _register(http: aiohttp.ClientSession, name: str) -> str:
    key = PrivateKey.generate()
    message, signature = sign_registration(key, int(time.time()))
    body = {"walletAddress": key.address, "message": message, "signature": signature, "agentName": name}
    async with http.post("agents/register", json=body) as answer:
        api_key: str = (await answer.json())["apiKey"]
        return api_key


async def _post(http: aiohttp.ClientSession, path: str, credential: str, body: Any) -> Any:
    async with http.post(path, headers={"X-API-Key": credential}, json=body) as answer:
        assert answer.ok, await answer.text()
        return (await answer.json())["data"]


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    network = {"network": "base-sepolia", "rpcUrl": NOWHERE}
    network |= {"escrow": ADDRESS, "score": ADDRESS, "usdc": ADDRESS}
    secret = folder / "secret"
    secret.write_text("0" * 64)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")},
        "VALETKEY_DATABASE": str(folder / "platform.db"),
        "VALETKEY_NETWORKS": json.dumps([network]),
        "VALETKEY_MASTER_SECRET_FILE": str(secret),
        "VALETKEY_WEBHOOK_SECRET_FILE": str(secret),
        "VALETKEY_TEST_MODE": "1",
        "VALETKEY_RECONCILE_SECONDS": "3600",
    }
    with listen("127.0.0.1", 0) as listener, open(folder / "log", "wb") as log:
        command = [
            sys.executable,
            "-m",
            "valetkey",
            "serve",
            "--fd",
            str(listener.fileno()),
            "--stop-with-stdin",
        ]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=log, env=environment, pass_fds=[listener.fileno()]
        )
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            _wait(base_url)
            yield base_url
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(20)


def _wait(base_url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"{base_url}/healthz", timeout=5):
                return
        except OSError:
            assert time.monotonic() < deadline, "the platform did not start"
        time.sleep(0.1)
