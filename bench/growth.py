"""Whether a decision, and the memory of a platform, grow with the past and with the number of sessions."""

import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from bench.accounts import add_owner, add_session, digest
from bench.bare import BATCH
from bench.holds import flood
from bench.result import Result
from bench.servers import load, platform
from valetkey.core.windows import BUCKETS
from valetkey.stores.sqlite import SqliteStore, open_store

REQUEST = '[1000,"USDC",84532,"0x' + "1" * 40 + '",6,null,"0x' + "3" * 40 + '","payment"]'
MOST = 1.3
MEGABYTES_MOST = 150
FEW = 10
ASKING = 2_000
"""Sessions that ask for holds while memory is measured."""

_HOLDS = (
    "INSERT INTO holds (id, owner_id, session_id, request, amount, state, placed_at, expires_at, captured, refunded,"
    " settled_at, terms, lapses) WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?)"
    " SELECT printf('hld_%016x%09d', x * 2654435761 % 4294967296, x), ?, ?, ?, '1000', 'captured', 1, 2, '1000', '0',"
    " 3, 1, 0 FROM n"
)
_NUMBERS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?)"
_ID = "printf('ses_%016x%09d', x * 2654435761 % 4294967296, x)"
_SESSIONS = (
    "INSERT INTO sessions (id, owner_id, tree_id, depth, role, policy, policy_version, not_before, expires_at,"
    f" created_at, carried, alias) {_NUMBERS} SELECT {_ID}, ?, {_ID}, 0, 'buyer', ?, 1, 0, 4000000000, 1, 0,"
    " 'byr' || x FROM n"
)
_CHAINS = (
    "INSERT INTO chains (id, owner_id, number, head, at, sessions)"
    f" {_NUMBERS} SELECT {_ID}, ?, 0, zeroblob(32), 0, 1 FROM n"
)
_SPENT = f"INSERT INTO spent (session_id, figures, exhausted) {_NUMBERS} SELECT {_ID}, ?, 0 FROM n"
_TOKENS = f"INSERT INTO credentials (hash, session_id) {_NUMBERS} SELECT randomblob(32), {_ID} FROM n"


def growth(many: int, rounds: int) -> list[Result]:
    """A file with little in it, and one with so many sessions, one of which has as many spends behind it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = asyncio.run(_decisions(folder, many, rounds))
        found.append(_memory(folder, many))
    return found


async def _decisions(folder: Path, many: int, rounds: int) -> list[Result]:
    small, large = open_store(folder / "small.db"), open_store(folder / "large.db")
    owner, crowd = await _owner(small), await _owner(large)
    old = (await add_session(large, crowd)).id
    _fill(folder / "large.db", many, old)
    times: dict[str, list[float]] = {"few": [], "sessions": [], "holds": []}
    seen: dict[str, Looked] = {}
    for number in range(rounds + 1):
        # A round adds holds: one with few behind it begins with a session that has none.
        fresh = (await add_session(small, owner)).id
        among = (await add_session(large, crowd)).id
        cases = {"few": (small, fresh), "sessions": (large, among), "holds": (large, old)}
        for case, (store, session) in cases.items():
            await flood(store, [session], FEW)
            if not number:
                seen[case] = await _looked(store, session)
            rate, _ = await flood(store, [session], BATCH)
            # The first round warms up.
            if number:
                times[case].append(1e6 / rate)
    await small.close()
    await large.close()
    middle = {case: statistics.median(found) for case, found in times.items()}
    wanted = (
        (f"time of a hold, {many:,} past holds against {FEW}", "holds"),
        (f"time of a hold, {many:,} sessions against {FEW}", "sessions"),
    )
    return [
        one
        for name, case in wanted
        for one in (
            Result(
                name,
                middle[case],
                "us",
                middle["few"],
                most=MOST,
                note=f"{seen[case].scanned} rows scanned, {seen['few'].scanned} with {FEW}",
            ),
            Result(f"{name}: rows read", seen[case].rows, "rows", seen["few"].rows, most=1),
            Result(f"{name}: engine steps", seen[case].steps, "ops", seen["few"].steps, most=MOST),
        )
    ]


async def _owner(store: Any) -> Any:
    owner = await add_owner(store)
    for _ in range(FEW - 1):
        await add_session(store, owner)
    return owner


def _fill(path: Path, many: int, old: str) -> None:
    db = apsw.Connection(str(path))
    db.set_busy_timeout(10_000)
    ((owner, policy, figures),) = db.execute(
        "SELECT owner_id, policy, figures FROM sessions JOIN spent ON session_id = id WHERE id = ?", (old,)
    ).fetchall()
    db.execute("BEGIN IMMEDIATE")
    db.execute(_CHAINS, (many, owner))
    db.execute(_SESSIONS, (many, owner, policy))
    db.execute(_SPENT, (many, figures))
    db.execute(_TOKENS, (many,))
    db.execute(_HOLDS, (many, owner, old, REQUEST))
    # Its windows are as full as they get: something in each of their buckets.
    now = int(time.time())
    rings = [[[now // size - ago, 1_000] for ago in reversed(range(BUCKETS))] for size in (60, 1_440)]
    spent = json.dumps([many, [0, 1_000 * many, rings]], separators=(",", ":"))
    db.execute("UPDATE spent SET figures = ? WHERE session_id = ?", (spent, old))
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


@dataclass(frozen=True)
class Looked:
    """What one decision made the engine do: rows that statements answered, rows that scans went over, operations."""

    rows: int
    scanned: int
    steps: int


async def _looked(store: SqliteStore, session: str) -> Looked:
    """One decision, as the writer's connection counts it."""
    db = store._database.writer._db
    rows = scanned = steps = 0

    def traced(told: dict[str, Any]) -> None:
        nonlocal rows, scanned, steps
        if told["code"] == apsw.SQLITE_TRACE_ROW:
            rows += 1
        else:
            scanned += told["stmt_status"]["SQLITE_STMTSTATUS_FULLSCAN_STEP"]
            steps += told["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

    db.trace_v2(apsw.SQLITE_TRACE_ROW | apsw.SQLITE_TRACE_PROFILE, traced)
    await flood(store, [session], 1, 1)
    db.trace_v2(0, None)
    return Looked(rows, scanned, steps)


def _memory(folder: Path, many: int) -> Result:
    database = folder / "large.db"
    tokens = [f"abba_session_{number:064x}" for number in range(1, ASKING + 1)]
    db = apsw.Connection(str(database))
    # Spread over all of them, so that the caches fill.
    found = db.execute("SELECT id FROM sessions WHERE seq % ? = 0 LIMIT ?", (max(1, many // ASKING), ASKING))
    pairs = [(digest(token), session) for token, (session,) in zip(tokens, found.fetchall(), strict=False)]
    db.executemany("INSERT INTO credentials (hash, session_id) VALUES (?, ?)", pairs)
    db.close()
    body = {"amount": 0.001, "payee": "0x" + "22" * 20}
    count = 4 * len(pairs)
    with platform(str(database), folder) as (port, pid), load() as flood_http:
        told = flood_http(
            host="127.0.0.1",
            port=port,
            path="/api/v1/spends",
            body=body,
            tokens=tokens[: len(pairs)],
            count=count,
            connections=64,
        )
        assert told["statuses"] == {"201": count}, told["statuses"]
        kilobytes = int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0])
    return Result(
        f"memory of one platform, {many:,} sessions in the store",
        kilobytes / 1024,
        "MB",
        most=MEGABYTES_MOST,
        note=f"the most that it ever had, after {count:,} holds of {len(pairs):,} sessions by 64 connections",
    )
