"""What the chain remembers: blocks, transactions, logs and state nodes, in SQLite (a file, or memory).

A block is written in one durable transaction, so a killed process finds the chain as of its last block.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

_SCHEMA = """
CREATE TABLE IF NOT EXISTS nodes (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, header BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS transactions (
    hash BLOB PRIMARY KEY, number INTEGER NOT NULL, position INTEGER NOT NULL, raw BLOB NOT NULL,
    succeeded INTEGER NOT NULL, gas_used INTEGER NOT NULL, gas_used_total INTEGER NOT NULL,
    gas_price TEXT NOT NULL, bloom BLOB NOT NULL, UNIQUE (number, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS logs (
    number INTEGER NOT NULL, log_index INTEGER NOT NULL, position INTEGER NOT NULL,
    address BLOB NOT NULL, topics BLOB NOT NULL, data BLOB NOT NULL, PRIMARY KEY (number, log_index)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
_KEEP_NODE = "INSERT OR REPLACE INTO nodes VALUES (?, ?)"
_KEEP_BLOCK = "INSERT INTO blocks VALUES (?, ?, ?)"
_KEEP_TRANSACTION = "INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_KEEP_LOG = "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?)"
_KEEP_SETTING = "INSERT OR REPLACE INTO settings VALUES (?, ?)"

TIME_OFFSET = "time_offset"
CHAIN_ID = "chain_id"


@dataclass(frozen=True, slots=True)
class LogRow:
    number: int
    log_index: int
    position: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """A mined transaction and its receipt; gas prices are wei per gas."""

    hash: bytes
    number: int
    position: int
    raw: bytes
    succeeded: bool
    gas_used: int
    gas_used_total: int
    gas_price: int
    bloom: bytes


class Archive:
    """The rows of one chain. Used from one thread at a time."""

    def __init__(self, path: str | None) -> None:
        """Open or make the file (None: memory). Raises sqlite3.OperationalError when another process has it."""
        self._nodes: dict[bytes, bytes] = {}
        self._db = sqlite3.connect(
            path or ":memory:", check_same_thread=False, isolation_level="IMMEDIATE", timeout=1
        )
        try:
            # One process per chain: two would answer two different heads.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    # State nodes: written with the next block, readable at once.

    def node(self, key: bytes) -> bytes | None:
        fresh = self._nodes.get(key)
        if fresh is not None:
            return fresh
        row = self._db.execute("SELECT value FROM nodes WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def put_node(self, key: bytes, value: bytes) -> None:
        self._nodes[key] = value

    def drop_fresh_nodes(self) -> None:
        self._nodes.clear()

    # Blocks

    def append(
        self,
        number: int,
        block_hash: bytes,
        header: bytes,
        transactions: list[TransactionRow],
        logs: list[LogRow],
        settings: dict[str, int],
    ) -> None:
        """Write a block, everything it made and these settings, durably or not at all."""
        with self._db as db:
            db.executemany(_KEEP_NODE, self._nodes.items())
            db.execute(_KEEP_BLOCK, (number, block_hash, header))
            db.executemany(_KEEP_TRANSACTION, [_columns(row) for row in transactions])
            db.executemany(
                _KEEP_LOG,
                [(g.number, g.log_index, g.position, g.address, b"".join(g.topics), g.data) for g in logs],
            )
            db.executemany(_KEEP_SETTING, settings.items())
        self._nodes.clear()

    def truncate(self, number: int, settings: dict[str, int]) -> None:
        """Forget every block after this number (a snapshot was restored)."""
        with self._db as db:
            for table in ("blocks", "transactions", "logs"):
                db.execute(f"DELETE FROM {table} WHERE number > ?", (number,))  # noqa: S608
            db.executemany(_KEEP_SETTING, settings.items())

    def head_number(self) -> int | None:
        (number,) = self._db.execute("SELECT max(number) FROM blocks").fetchone()
        return None if number is None else int(number)

    def header(self, number: int) -> bytes | None:
        row = self._db.execute("SELECT header FROM blocks WHERE number = ?", (number,)).fetchone()
        return None if row is None else bytes(row[0])

    def number_of(self, block_hash: bytes) -> int | None:
        row = self._db.execute("SELECT number FROM blocks WHERE hash = ?", (block_hash,)).fetchone()
        return None if row is None else int(row[0])

    # Transactions and logs

    def transaction(self, transaction_hash: bytes) -> TransactionRow | None:
        row = self._db.execute("SELECT * FROM transactions WHERE hash = ?", (transaction_hash,)).fetchone()
        return None if row is None else _transaction_row(row)

    def transactions_of(self, number: int) -> list[TransactionRow]:
        rows = self._db.execute("SELECT * FROM transactions WHERE number = ? ORDER BY position", (number,))
        return [_transaction_row(row) for row in rows]

    def transaction_hashes_of(self, number: int) -> list[bytes]:
        rows = self._db.execute("SELECT hash FROM transactions WHERE number = ? ORDER BY position", (number,))
        return [bytes(row[0]) for row in rows]

    def logs(self, first: int, last: int) -> Iterator[LogRow]:
        rows = self._db.execute(
            "SELECT * FROM logs WHERE number BETWEEN ? AND ? ORDER BY number, log_index", (first, last)
        )
        for number, log_index, position, address, topics, data in rows:
            cut = tuple(bytes(topics[i : i + 32]) for i in range(0, len(topics), 32))
            yield LogRow(number, log_index, position, bytes(address), cut, bytes(data))

    # Settings

    def setting(self, name: str, default: int) -> int:
        row = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return default if row is None else int(row[0])

    def set_setting(self, name: str, value: int) -> None:
        with self._db as db:
            db.execute(_KEEP_SETTING, (name, value))


def _columns(row: TransactionRow) -> tuple[bytes, int, int, bytes, bool, int, int, str, bytes]:
    # A gas price may be above SQLite's 64 bits.
    return (
        row.hash,
        row.number,
        row.position,
        row.raw,
        row.succeeded,
        row.gas_used,
        row.gas_used_total,
        str(row.gas_price),
        row.bloom,
    )


def _transaction_row(row: tuple[bytes, int, int, bytes, int, int, int, str, bytes]) -> TransactionRow:
    transaction_hash, number, position, raw, succeeded, gas_used, gas_used_total, gas_price, bloom = row
    return TransactionRow(
        bytes(transaction_hash),
        number,
        position,
        bytes(raw),
        bool(succeeded),
        gas_used,
        gas_used_total,
        int(gas_price),
        bytes(bloom),
    )
