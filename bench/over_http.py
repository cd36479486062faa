"""Holds over HTTP against a bare route, and how soon a revocation counts on another platform."""

import asyncio
import http.client
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.accounts import add_owner, add_session
from bench.holds import latencies, percentiles
from bench.result import Result
from bench.servers import bare, load, platform
from tests.cluster import databases
from valetkey.stores.postgres import open_postgres
from valetkey.stores.sqlite import open_store

CONNECTIONS = 64
ROUNDS = 5
LEAST = 0.6
REVOKES = 20
SPEND = {"amount": 0.001, "payee": "0x" + "22" * 20}


async def _open(database: str) -> Any:
    return await open_postgres(database) if "://" in database else open_store(Path(database))


async def _tokens(database: str, count: int) -> list[str]:
    store = await _open(database)
    owner = await add_owner(store)
    tokens = [f"abba_session_{number:064x}" for number in range(1, count + 1)]
    for token in tokens:
        await add_session(store, owner, token)
    await store.close()
    return tokens


def holds(count: int) -> list[Result]:
    """POST /api/v1/spends of one hot session, beside the load that asks for them."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        database = str(folder / "platform.db")
        (token,) = asyncio.run(_tokens(database, 1))
        ours, _ = stack.enter_context(platform(database, folder))
        floor, _ = stack.enter_context(bare(folder))
        flood = stack.enter_context(load())
        rates: dict[int, list[float]] = {ours: [], floor: []}
        waits: dict[int, list[float]] = {ours: [], floor: []}
        order = {"host": "127.0.0.1", "path": "/api/v1/spends", "body": SPEND, "tokens": [token]}
        for number in range(ROUNDS + 1):
            for port in (ours, floor):
                told = flood(**order, port=port, count=count, connections=CONNECTIONS)
                assert told["statuses"] == {"201": count}, told["statuses"]
                # The first round warms up.
                if number:
                    rates[port].append(count / told["seconds"])
                    waits[port] += told["waits"]
        middle = {port: statistics.median(found) for port, found in rates.items()}
    return [
        Result(
            "SQLite: holds over HTTP",
            middle[ours],
            "1/s",
            middle[floor],
            least=LEAST,
            note=percentiles(waits[ours]),
        ),
        *latencies("SQLite: a hold over HTTP", waits[ours]),
    ]


def revokes() -> list[Result]:
    """How soon a revocation at one platform counts at another one that keeps asking."""
    with tempfile.TemporaryDirectory() as name:
        kinds = (("SQLite", f"{name}/revoke.db"), ("PostgreSQL", databases().fresh()))
        return [_revokes(engine, database, Path(name)) for engine, database in kinds]


def _revokes(engine: str, database: str, folder: Path) -> Result:
    tokens = asyncio.run(_tokens(database, REVOKES))
    effects: list[float] = []
    late = 0
    with ExitStack() as stack:
        one, _ = stack.enter_context(platform(database, folder))
        other, _ = stack.enter_context(platform(database, folder))
        for token in tokens:
            effect, after = _effect(one, other, token)
            effects.append(effect)
            late += after
    return Result(
        f"{engine}: revoke to effect on another platform",
        statistics.median(effects) * 1e3,
        "ms",
        note=f"from asking to the first refusal, at most {max(effects) * 1e3:.1f} ms; {late} passed after the answer",
    )


def _effect(one: int, other: int, token: str) -> tuple[float, int]:
    """Seconds from asking for the revocation to the first refusal elsewhere; how many asked after its answer passed."""
    passed = [0.0]
    refused: list[float] = []
    ended = threading.Event()

    def ask() -> None:
        ask_again = _asking(other, token)
        while not ended.is_set():
            began = time.monotonic()
            status = ask_again("POST", "/api/v1/spends", SPEND)
            if status == 201:
                passed.append(began)
                continue
            assert status == 401, status
            refused.append(time.monotonic())
            return

    asking = threading.Thread(target=ask)
    asking.start()
    revoke = _asking(one, token)
    session_id = _self(one, token)
    time.sleep(0.05)
    began = time.monotonic()
    assert revoke("DELETE", f"/api/v1/agents/session/{session_id}") == 200
    answered = time.monotonic()
    asking.join(20)
    ended.set()
    assert refused, "the other platform never refused"
    return refused[0] - began, sum(asked > answered for asked in passed)


def _self(port: int, token: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/api/v1/agents/session/self", headers={"X-API-Key": token})
    found: str = json.load(connection.getresponse())["data"]["sessionId"]
    connection.close()
    return found


def _asking(port: int, token: str) -> Callable[..., int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def ask(method: str, path: str, body: Any = None) -> int:
        headers = {"X-API-Key": token, "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    return ask
