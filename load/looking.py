"""What is seen of a run from outside: processes, the database, its queues, and what the platform says of itself."""

import asyncio
import os
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import asyncpg

QUEUES = {
    "outbox": "SELECT count(*) FROM events WHERE state = 'waiting'",
    "relayer": "SELECT count(*) FROM relays WHERE state IN ('queued', 'signed')",
    "unknown": "SELECT count(*) FROM holds WHERE state = 'unknown'",
    "lapsing": "SELECT count(*) FROM holds WHERE {lapses} AND state = 'held'",
    "looked up on chain": "SELECT count(*) FROM waiting",
}
EVENTS = "SELECT name, transaction_id, state FROM events"
AUDITED = "SELECT kind, count(*) FROM audit GROUP BY kind"
UNDER_WAY, SENT_AWAY = "valetkey_requests_under_way{", "valetkey_over_capacity_total{"
KEPT = "valetkey_database_memory_bytes "


@dataclass
class Database:
    """The database of a run, looked at beside the platforms."""

    name: str

    @property
    def is_file(self) -> bool:
        """Whether it is one of SQLite."""
        return "://" not in self.name

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Every row."""
        if self.is_file:
            return await asyncio.to_thread(self._of_the_file, sql)
        connection = await asyncpg.connect(self.name)
        try:
            return [tuple(one) for one in await connection.fetch(sql)]
        finally:
            await connection.close()

    async def queues(self) -> dict[str, int]:
        """How much waits, in each queue that the database keeps."""
        lapses = "lapses = 1" if self.is_file else "lapses"
        return {name: int((await self.rows(sql.format(lapses=lapses)))[0][0]) for name, sql in QUEUES.items()}

    async def megabytes(self) -> dict[str, float]:
        """Of the database, and of the log of what is written."""
        if self.is_file:
            paths = {"database": self.name, "log": f"{self.name}-wal"}
            return {
                what: os.path.getsize(path) / 2**20 if os.path.exists(path) else 0.0
                for what, path in paths.items()
            }
        ((size,),) = await self.rows("SELECT pg_database_size(current_database())")
        ((log,),) = await self.rows("SELECT coalesce(sum(size), 0) FROM pg_ls_waldir()")
        return {"database": int(size) / 2**20, "log": int(log) / 2**20}

    def _of_the_file(self, sql: str) -> list[tuple[Any, ...]]:
        connection = apsw.Connection(self.name, flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(10_000)
            return [tuple(one) for one in connection.execute(sql)]
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Seen:
    """One process in one moment."""

    megabytes: float
    files: int
    cpu_seconds: float


def process(pid: int) -> Seen:
    """Resident memory, open files and time on the processors. Raises OSError when it is gone."""
    folder = Path(f"/proc/{pid}")
    kilobytes = int((folder / "status").read_text().partition("VmRSS:")[2].split()[0])
    words = (folder / "stat").read_text().rpartition(")")[2].split()
    ticks = int(words[11]) + int(words[12])
    return Seen(kilobytes / 1024, len(list((folder / "fd").iterdir())), ticks / os.sysconf("SC_CLK_TCK"))


def lanes(port: int) -> dict[str, float]:
    """How many requests a platform works on, how many it has sent away, and what its SQLite keeps, bytes."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    found = {"under way": 0.0, "sent away": 0.0, "kept": 0.0}
    for line in lines:
        for name, what in (("under way", UNDER_WAY), ("sent away", SENT_AWAY), ("kept", KEPT)):
            if line.startswith(what):
                found[name] += float(line.rpartition(" ")[2])
    return found


def percentiles(waits: list[float]) -> dict[str, float]:
    """Of one window: how many, p50, p95, p99, in ms."""
    ordered = sorted(waits)

    def at(part: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(part * len(ordered)))], 2)

    return {"n": len(ordered), "p50": at(0.5), "p95": at(0.95), "p99": at(0.99)}


async def sample(
    phase: str,
    began: float,
    pids: Mapping[str, int],
    ports: list[int],
    database: Database,
    taken: tuple[dict[str, list[float]], dict[str, int]],
) -> dict[str, Any]:
    """Everything of one moment, and what was answered since the last one."""
    waits, codes = taken
    told = [await asyncio.to_thread(lanes, port) for port in ports]
    return {
        "at": round(time.monotonic() - began, 1),
        "phase": phase,
        "answers": {kind: percentiles(found) for kind, found in sorted(waits.items())},
        "codes": codes,
        "processes": {name: vars_of(process(pid)) for name, pid in pids.items()},
        "queues": await database.queues(),
        "megabytes": await database.megabytes()
        | {"pages in memory": round(sum(one["kept"] for one in told) / 2**20, 2)},
        "under way": sum(one["under way"] for one in told),
        "sent away": sum(one["sent away"] for one in told),
        "load average": os.getloadavg()[0],
    }


def vars_of(seen: Seen) -> dict[str, float]:
    """As data."""
    return {"mb": round(seen.megabytes, 2), "files": seen.files, "cpu": round(seen.cpu_seconds, 2)}
