"""Whether a decision, and the memory of a platform, grow with the past and with the number of sessions."""

import asyncio
import statistics
import tempfile
from pathlib import Path
from typing import Any

import apsw

from bench.accounts import add_owner, add_session, digest
from bench.holds import FIGURES, REQUEST, flood
from bench.result import Result
from bench.servers import load, platform
from valetkey.stores.sqlite import SqliteStore, open_store

ROUNDS = 9
MOST = 1.3
MEGABYTES_MOST = 150
FEW = 10

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


def growth(many: int, count: int) -> list[Result]:
    """A file with little in it, and one with so many sessions, one of which has as many spends behind it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = asyncio.run(_decisions(folder, many, count))
        found.append(_memory(folder, many))
    return found


async def _decisions(folder: Path, many: int, count: int) -> list[Result]:
    small, large = open_store(folder / "small.db"), open_store(folder / "large.db")
    few, fresh = await _session(small), await _session(large)
    old = await _session(large)
    _fill(folder / "large.db", many, old)
    await flood(small, [few], FEW)
    await flood(large, [fresh], FEW)
    times: dict[str, list[float]] = {"few": [], "sessions": [], "holds": []}
    cases: dict[str, tuple[SqliteStore, str]] = {
        "few": (small, few),
        "sessions": (large, fresh),
        "holds": (large, old),
    }
    for number in range(ROUNDS + 1):
        for case, (store, session) in cases.items():
            rate, _ = await flood(store, [session], count)
            if number:
                times[case].append(1e6 / rate)
    read = {case: await _rows_read(store, session) for case, (store, session) in cases.items()}
    await small.close()
    await large.close()
    middle = {case: statistics.median(found) for case, found in times.items()}
    said = {case: f"{found} rows read for one decision" for case, found in read.items()}
    return [
        Result(
            f"time of a hold, {many:,} past holds against {FEW}",
            middle["holds"],
            "us",
            middle["few"],
            most=MOST,
            note=f"{said['holds']}, {read['few']} with {FEW}",
        ),
        Result(
            f"time of a hold, {many:,} sessions against {FEW}",
            middle["sessions"],
            "us",
            middle["few"],
            most=MOST,
            note=f"{said['sessions']}, {read['few']} with {FEW}",
        ),
    ]


async def _session(store: Any, token: str | None = None) -> str:
    owner = await add_owner(store)
    for _ in range(FEW - 1):
        await add_session(store, owner)
    return (await add_session(store, owner, token)).id


def _fill(path: Path, many: int, old: str) -> None:
    db = apsw.Connection(str(path))
    db.set_busy_timeout(10_000)
    ((owner, policy),) = db.execute("SELECT owner_id, policy FROM sessions WHERE id = ?", (old,)).fetchall()
    db.execute("BEGIN IMMEDIATE")
    db.execute(_CHAINS, (many, owner))
    db.execute(_SESSIONS, (many, owner, policy))
    db.execute(_SPENT, (many, FIGURES))
    db.execute(_TOKENS, (many,))
    db.execute(_HOLDS, (many, owner, old, REQUEST))
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


async def _rows_read(store: SqliteStore, session: str) -> int:
    """Rows that the writer's statements stepped to, in one decision."""
    db = store._database.writer._db
    read = 0

    def traced(_: dict[str, Any]) -> None:
        nonlocal read
        read += 1

    db.trace_v2(apsw.SQLITE_TRACE_ROW, traced)
    await flood(store, [session], 1, 1)
    db.trace_v2(0, None)
    return read


def _memory(folder: Path, many: int) -> Result:
    database = folder / "large.db"
    token = f"abba_session_{7:064x}"
    db = apsw.Connection(str(database))
    ((session,),) = db.execute("SELECT id FROM sessions LIMIT 1").fetchall()
    db.execute("INSERT INTO credentials (hash, session_id) VALUES (?, ?)", (digest(token), session))
    db.close()
    body = {"amount": 0.001, "payee": "0x" + "22" * 20}
    with platform(str(database), folder) as (port, pid), load() as flood_http:
        told = flood_http(
            host="127.0.0.1",
            port=port,
            path="/api/v1/spends",
            body=body,
            tokens=[token],
            count=2_000,
            connections=64,
        )
        assert told["statuses"] == {"201": 2_000}, told["statuses"]
        kilobytes = int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0])
    return Result(
        f"memory of one platform, {many:,} sessions in the store",
        kilobytes / 1024,
        "MB",
        most=MEGABYTES_MOST,
        note="the most that it ever had, after 2,000 holds by 64 connections",
    )
