"""Durable holds in process, against the bare engine that writes the same rows with the same group commit."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg

from bench import bare
from bench.accounts import a_spend, add_child, add_owner, add_session
from bench.result import Result
from tests.cluster import databases
from valetkey.stores.postgres import open_postgres
from valetkey.stores.sqlite import open_store

MANY = 1_000
ROUNDS = 5
LEAST = 0.6
DEPTH_MOST = 1.6


async def flood(
    store: Any, sessions: list[str], count: int, under_way: int = bare.BATCH
) -> tuple[float, list[float]]:
    """Holds a second, so many under way at once, and how long each took (seconds)."""
    spends = iter([a_spend(sessions[number % len(sessions)]) for number in range(count)])
    waits: list[float] = []

    async def worker() -> None:
        for spend in spends:
            began = time.perf_counter()
            await store.hold_spend(spend, None)
            waits.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(under_way)))
    return count / (time.perf_counter() - began), waits


def percentiles(waits: list[float]) -> str:
    cuts = statistics.quantiles(waits, n=100)
    return f"p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms"


def latencies(what: str, waits: list[float]) -> list[Result]:
    """How long callers waited: the middle, and the slowest of a hundred."""
    cuts = statistics.quantiles(waits, n=100)
    return [Result(f"{what}, {share}", cuts[n] * 1e3, "ms") for share, n in (("p50", 49), ("p99", 98))]


async def sqlite(count: int) -> list[Result]:
    """One hot session, and a thousand, on a file; the floor writes into the same one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "holds.db"
        store = open_store(path)
        found = await _compare("SQLite", store, lambda sessions: bare.sqlite(path, sessions, count), count)
        await store.close()
    return found


async def postgres(count: int) -> list[Result]:
    """The same on PostgreSQL."""
    url = await asyncio.to_thread(lambda: databases().fresh())
    store = await open_postgres(url)
    connection = await asyncpg.connect(url)
    found = await _compare(
        "PostgreSQL", store, lambda sessions: bare.postgres(connection, sessions, count), count
    )
    await connection.close()
    await store.close()
    return found


async def _sessions(store: Any, owner: Any, count: int) -> list[str]:
    return [(await add_session(store, owner)).id for _ in range(count)]


async def _compare(
    engine: str, store: Any, floor: Callable[[list[str]], Awaitable[float]], count: int
) -> list[Result]:
    owner = await add_owner(store)
    child = (await add_session(store, owner)).id
    for _ in range(3):
        child = await add_child(store, child)
    cases = {"hot": await _sessions(store, owner, 1), "many": await _sessions(store, owner, MANY)}
    # What the floor writes is a copy of what the store wrote for sessions like these.
    floors = {"hot": await _sessions(store, owner, 1), "many": await _sessions(store, owner, MANY)}
    await flood(store, [*floors["many"], *cases["many"]], 2 * MANY)
    for sessions in (floors["hot"], cases["hot"], [child]):
        await flood(store, sessions, count // 4)
    rates: dict[str, list[float]] = {case: [] for case in ("hot", "many", "deep", "bare hot", "bare many")}
    waits: dict[str, list[float]] = {"hot": [], "many": [], "deep": []}
    for _ in range(ROUNDS):
        for case, sessions in (*cases.items(), ("deep", [child])):
            if case in floors:
                rates[f"bare {case}"].append(await floor(floors[case]))
            rate, took = await flood(store, sessions, count)
            rates[case].append(rate)
            waits[case] += took
    middle = {case: statistics.median(found) for case, found in rates.items()}
    named = {"hot": "one session", "many": f"{MANY:,} sessions"}
    return [
        *(
            Result(
                f"{engine}: durable holds in process, {named[case]}",
                middle[case],
                "1/s",
                middle[f"bare {case}"],
                least=LEAST,
                note=percentiles(waits[case]),
            )
            for case in cases
        ),
        *(
            one
            for case in cases
            for one in latencies(f"{engine}: a hold in process, {named[case]}", waits[case])
        ),
        Result(
            f"{engine}: time of a hold at depth 3",
            1e6 / middle["deep"],
            "us",
            1e6 / middle["hot"],
            most=DEPTH_MOST,
            note=percentiles(waits["deep"]),
        ),
    ]
