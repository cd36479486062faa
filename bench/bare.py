"""The floors in process: the engine alone writes what the store writes, in commits of the same size, deciding nothing.

The rows are copies of rows that the store wrote, with ids and numbers of their own, and are ready before the clock
runs: of each commit, every hold and every audit entry, and once what each session has spent, in all and lately, and
where its chain ends.
"""

import asyncio
import itertools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.accounts import name
from valetkey.stores.postgres import session_writes, writes
from valetkey.stores.sqlite import alert_book
from valetkey.stores.sqlite.files import connect

BATCH = 256
"""As many as the stores put into one commit."""

_numbers = itertools.count(10**6)
"""Numbers of entries that no chain has reached."""

Columns = dict[str, Any]


@dataclass(frozen=True)
class Wrote:
    """What the store wrote for one hold of a session."""

    hold: Columns
    entry: Columns
    spent: Columns
    tally: Columns
    chain: Columns


@dataclass(frozen=True)
class Commit:
    """The rows of one commit."""

    holds: list[Columns]
    entries: list[Columns]
    spent: list[Columns]
    tallies: list[Columns]
    chains: list[Columns]

    @property
    def tables(self) -> tuple[list[Columns], ...]:
        """The rows in the order of the store's statements."""
        return self.holds, self.entries, self.spent, self.tallies, self.chains


def _commits(wrote: list[Wrote], count: int) -> list[Commit]:
    """So many holds, of each session in turn as `flood` asks for them."""
    return [
        _commit([wrote[number % len(wrote)] for number in range(first, min(first + BATCH, count))])
        for first in range(0, count, BATCH)
    ]


def _commit(parts: list[Wrote]) -> Commit:
    holds, entries = [], []
    for one in parts:
        hold_id = name("hld")
        body = one.entry["body"].replace(one.hold["id"], hold_id)
        holds.append({**one.hold, "id": hold_id})
        entries.append({**one.entry, "number": next(_numbers), "body": body})
    spent = {one.spent["session_id"]: one.spent for one in parts}
    chains = {one.chain["id"]: {**one.chain, "number": next(_numbers)} for one in parts}
    # A tally adds to its row: what was read is the sum so far, and adding that would double it with every commit.
    tallies = {one.tally["session_id"]: {**one.tally, "spends": 1, **_amount(one.tally)} for one in parts}
    return Commit(holds, entries, list(spent.values()), list(tallies.values()), list(chains.values()))


def _amount(tally: Columns) -> Columns:
    return {"units": 1} if "units" in tally else {"high": 0, "low": 1}


_HOLD = (
    "id, owner_id, session_id, request, amount, state, placed_at, expires_at, captured, refunded, settled_at, debits,"
    " terms, lapses, look_at, note"
)
_ENTRY = "owner_id, chain_id, number, at, kind, session_id, body, hash"


def _named(names: str, row: tuple[Any, ...]) -> Columns:
    return dict(zip(names.split(", "), row, strict=True))


def _insert(table: str, names: str) -> str:
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' for _ in names.split(', '))})"


async def sqlite(path: Path, sessions: list[str], count: int) -> float:
    """Holds a second of SQLite alone, through one thread, on a connection with the store's settings."""
    return await asyncio.to_thread(_write_sqlite, path, sessions, count)


def _write_sqlite(path: Path, sessions: list[str], count: int) -> float:
    db = connect(path, writing=True)

    def found(names: str, sql: str, key: str) -> Columns:
        return _named(names, db.execute(f"SELECT {names} {sql}", (key,)).fetchall()[0])

    # A session without a parent has the tree, and so the chain, of its own id.
    wrote = [
        Wrote(
            hold=found(_HOLD, "FROM holds WHERE session_id = ? ORDER BY seq DESC LIMIT 1", one),
            entry=found(_ENTRY, "FROM audit WHERE chain_id = ? ORDER BY number DESC LIMIT 1", one),
            tally=found(
                "session_id, bucket, currency, chain_id, high, low, spends, fresh",
                "FROM tallies WHERE session_id = ? ORDER BY bucket DESC LIMIT 1",
                one,
            ),
            spent=found("figures, exhausted, rest, session_id", "FROM spent WHERE session_id = ?", one),
            chain=found("number, head, at, id", "FROM chains WHERE id = ?", one),
        )
        for one in sessions
    ]
    ready = [
        [
            (_insert("holds", _HOLD), [tuple(row.values()) for row in one.holds]),
            (_insert("audit", _ENTRY), [tuple(row.values()) for row in one.entries]),
            (
                "UPDATE spent SET figures = ?, exhausted = ?, rest = ? WHERE session_id = ?",
                [tuple(row.values()) for row in one.spent],
            ),
            (
                f"INSERT INTO {alert_book._TALLY} VALUES (?, ?, ?, ?, ?, ?, ?, ?) {alert_book._COUNTED}",
                [tuple(row.values()) for row in one.tallies],
            ),
            (
                "UPDATE chains SET number = ?, head = ?, at = ? WHERE id = ?",
                [tuple(row.values()) for row in one.chains],
            ),
        ]
        for one in _commits(wrote, count)
    ]
    began = time.perf_counter()
    for statements in ready:
        db.execute("BEGIN IMMEDIATE")
        for sql, rows in statements:
            db.executemany(sql, rows)
        db.execute("COMMIT")
    taken = time.perf_counter() - began
    db.close()
    return count / taken


_TABLES = (writes._NEW_HOLDS, writes._AUDIT, session_writes._SPENDING, writes._TALLIED, writes._CHAINS)
"""The store's own statements: the same work by construction."""


def _statement() -> str:
    """All of them in one round trip, as the store sends them."""
    parts, first = [], 2
    for number, table in enumerate(_TABLES):
        parts.append(f"w{number} AS ({table.statement(first)})")
        first += len(table.columns)
    return f"WITH {', '.join(parts)} SELECT pg_current_xact_id()::text WHERE $1::text IS NOT NULL"


async def postgres(bare: Any, sessions: list[str], count: int) -> float:
    """Holds a second of PostgreSQL alone, over one connection: lock, write, commit."""
    owner = await bare.fetchval("SELECT owner_id FROM sessions WHERE id = $1", sessions[0])

    async def found(rest: str, key: str) -> Columns:
        return dict(await bare.fetchrow(f"SELECT * FROM {rest}", owner, key))

    wrote = [
        Wrote(
            hold=await found("holds WHERE owner_id = $1 AND session_id = $2 ORDER BY seq DESC LIMIT 1", one),
            entry=await found(
                "audit WHERE owner_id = $1 AND chain_id = $2 ORDER BY number DESC LIMIT 1", one
            ),
            tally=await found(
                "tallies WHERE owner_id = $1 AND session_id = $2 ORDER BY bucket DESC LIMIT 1", one
            ),
            spent=await found("spent WHERE owner_id = $1 AND session_id = $2", one),
            chain=await found("chains WHERE owner_id = $1 AND id = $2", one),
        )
        for one in sessions
    ]
    ready = [
        (
            sorted(row["id"] for row in one.chains),
            [
                array
                for table, rows in zip(
                    _TABLES, (one.holds, one.entries, one.spent, one.tallies, one.chains), strict=True
                )
                for array in table.arrays([[row[column] for column in table.columns] for row in rows])
            ],
        )
        for one in _commits(wrote, count)
    ]
    sql = _statement()
    lock = "SELECT number FROM chains WHERE owner_id = $1 AND id = ANY($2::text[]) ORDER BY id FOR UPDATE"
    began = time.perf_counter()
    for trees, arrays in ready:
        async with bare.transaction():
            await bare.fetch(lock, owner, trees)
            await bare.fetchval(sql, owner, *arrays)
    return count / (time.perf_counter() - began)
