"""Durable holds in process, against the bare engine that writes the same rows with the same group commit."""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
import asyncpg

from bench.accounts import a_spend, add_child, add_owner, add_session, name
from bench.result import Result
from tests.cluster import databases
from valetkey.stores.postgres import open_postgres
from valetkey.stores.sqlite import open_store

BATCH = 256
ROUNDS = 5
LEAST = 0.6
DEPTH_MOST = 1.6


async def flood(
    store: Any, sessions: list[str], count: int, under_way: int = BATCH
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


async def sqlite(count: int) -> list[Result]:
    """One hot session, and a thousand, on a file; the floor has the tables of the store."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "holds.db"
        store = open_store(path)
        found = await _compare("SQLite", store, lambda: _bare_sqlite(path, count), count)
        await store.close()
    return found


async def postgres(count: int) -> list[Result]:
    """The same on PostgreSQL."""
    url = await asyncio.to_thread(lambda: databases().fresh())
    store = await open_postgres(url)
    bare = await asyncpg.connect(url)
    found = await _compare("PostgreSQL", store, lambda: _bare_postgres(bare, count), count)
    await bare.close()
    await store.close()
    return found


async def _compare(engine: str, store: Any, bare: Callable[[], Awaitable[float]], count: int) -> list[Result]:
    owner = await add_owner(store)
    root = await add_session(store, owner)
    child = root.id
    for _ in range(3):
        child = await add_child(store, child)
    hot = (await add_session(store, owner)).id
    many = [(await add_session(store, owner)).id for _ in range(1_000)]
    rates: dict[str, list[float]] = {"bare": [], "hot": [], "many": [], "deep": []}
    waits: dict[str, list[float]] = {"hot": [], "many": [], "deep": []}
    await flood(store, [hot], count // 4)
    for _ in range(ROUNDS):
        rates["bare"].append(await bare())
        for case, sessions in (("hot", [hot]), ("many", many), ("deep", [child])):
            rate, took = await flood(store, sessions, count)
            rates[case].append(rate)
            waits[case] += took
    middle = {case: statistics.median(found) for case, found in rates.items()}
    return [
        Result(
            f"{engine}: durable holds in process, one session",
            middle["hot"],
            "1/s",
            middle["bare"],
            least=LEAST,
            note=percentiles(waits["hot"]),
        ),
        Result(
            f"{engine}: durable holds in process, 1,000 sessions",
            middle["many"],
            "1/s",
            middle["bare"],
            least=LEAST,
            note=percentiles(waits["many"]),
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


_HOLD = (
    "INSERT INTO holds (id, owner_id, session_id, request, amount, state, placed_at, expires_at, captured, refunded,"
    " settled_at, debits, terms, lapses, look_at, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ENTRY = (
    "INSERT INTO audit (owner_id, chain_id, number, at, kind, session_id, body, hash)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
REQUEST = json.dumps([1_000, "USDC", 84532, "0x" + "1" * 40, 6, None, "0x" + "2" * 40, "payment"])
FIGURES = json.dumps([1_000, [10**9, 0, [[[i, 10**6] for i in range(60)]] * 2]])
BODY = "x" * 420


async def _bare_sqlite(path: Path, count: int) -> float:
    """The engine alone: the four writes of each hold, a commit for each batch, nothing decided."""
    return await asyncio.to_thread(_write_sqlite, path, count)


def _write_sqlite(path: Path, count: int) -> float:
    db = apsw.Connection(str(path))
    db.set_busy_timeout(10_000)
    db.execute("PRAGMA synchronous = FULL")
    ((session, owner, tree),) = db.execute("SELECT id, owner_id, tree_id FROM sessions LIMIT 1").fetchall()
    chain = name("bare")
    db.execute(
        "INSERT INTO chains (id, owner_id, number, head, at, sessions) VALUES (?, ?, 0, x'00', 0, 1)",
        (chain, owner),
    )
    ids = [name("hld") for _ in range(count)]
    began = time.perf_counter()
    for first in range(0, count, BATCH):
        db.execute("BEGIN IMMEDIATE")
        for number in range(first, min(first + BATCH, count)):
            hold = (
                ids[number],
                owner,
                session,
                REQUEST,
                "1000",
                "held",
                1,
                2**40,
                "0",
                "0",
                None,
                None,
                1,
                0,
                None,
                None,
            )
            db.execute(_HOLD, hold)
            db.execute(_ENTRY, (owner, chain, number, 1, "hold_placed", session, BODY, bytes(32)))
            db.execute("UPDATE spent SET figures = ?, exhausted = 0 WHERE session_id = ?", (FIGURES, session))
            db.execute(
                "UPDATE chains SET number = ?, head = ?, at = 1 WHERE id = ?", (number, bytes(32), chain)
            )
        db.execute("COMMIT")
    spent = time.perf_counter() - began
    db.execute("UPDATE spent SET figures = '[0,[0,0,[]]]' WHERE session_id = ?", (session,))
    db.close()
    assert tree
    return count / spent


_PG_HOLDS = (
    "INSERT INTO holds (owner_id, tree_id, session_id, id, request, amount, state, placed_at, expires_at, captured,"
    " refunded, terms, lapses) SELECT $1, $2, $3, w.id, w.request, '1000', 'held', 1, 1099511627776, '0', '0', 1, false"
    " FROM unnest($4::text[], $5::text[]) AS w (id, request)"
)
_PG_ENTRIES = (
    "INSERT INTO audit (owner_id, chain_id, number, at, kind, session_id, body, hash)"
    " SELECT $1, $2, w.number, 1, 'hold_placed', $3, w.body, w.hash"
    " FROM unnest($4::int8[], $5::text[], $6::bytea[]) AS w (number, body, hash)"
)


async def _bare_postgres(bare: Any, count: int) -> float:
    """The engine alone: lock, the rows of a batch by unnest, commit; nothing decided."""
    session, owner = await bare.fetchrow("SELECT id, owner_id FROM sessions LIMIT 1")
    chain = name("bare")
    await bare.execute(
        "INSERT INTO chains (owner_id, id, number, head, at, sessions, ahead) VALUES ($1, $2, 0, '', 0, 1, false)",
        owner,
        chain,
    )
    ids = [name("hld") for _ in range(count)]
    began = time.perf_counter()
    for first in range(0, count, BATCH):
        batch = ids[first : first + BATCH]
        async with bare.transaction():
            await bare.fetch("SELECT 1 FROM chains WHERE owner_id = $1 AND id = $2 FOR UPDATE", owner, chain)
            await bare.execute(_PG_HOLDS, owner, chain, session, batch, [REQUEST] * len(batch))
            numbers = list(range(first, first + len(batch)))
            await bare.execute(
                _PG_ENTRIES, owner, chain, session, numbers, [BODY] * len(batch), [bytes(32)] * len(batch)
            )
            await bare.execute(
                "UPDATE spent SET figures = $3 WHERE owner_id = $1 AND session_id = $2",
                owner,
                session,
                FIGURES,
            )
            await bare.execute(
                "UPDATE chains SET number = $3 WHERE owner_id = $1 AND id = $2", owner, chain, numbers[-1]
            )
    spent = time.perf_counter() - began
    await bare.execute("UPDATE spent SET figures = '[0,[0,0,[]]]' WHERE session_id = $1", session)
    return count / spent
