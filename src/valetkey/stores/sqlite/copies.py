"""Copies of a database file: taken while it is in use, checked whole, and marked, so that none is served unseen.

The mark is a table that only copies have. It is there from the copy's first moment, so that it does not matter how the
copy gets to its place.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import apsw

from valetkey.core.audit import GENESIS, Broken, Entry, Head, Kind, verify
from valetkey.stores.failures import StoreRestored, StoreUnreadable
from valetkey.stores.sqlite.failures import translated
from valetkey.stores.sqlite.files import connect, create_file, peek
from valetkey.stores.sqlite.statements import row, rows

MARK = "copied_from_a_ledger"
"""The table that a copy has, and a ledger that is in use has not."""

_ENTRIES = (
    "SELECT chain_id, number, at, kind, session_id, body, hash FROM audit WHERE chain_id = ? ORDER BY number"
)


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds. `taken_at` is the time that its ledger had reached, unix seconds."""

    path: Path
    version: int
    taken_at: int
    chains: int
    entries: int


def back_up_file(path: Path, to: Path) -> Copied:
    """Write a copy of a file that may be in use, as it is at one moment, with mode 0600; it is there when it is whole.

    Raises StoreUnreadable when `path` is no ledger, `to` exists, or the copy does not hold; StoreFailed.
    """
    peek(path)
    source = connect(path, writing=False)
    with closing(source):
        return _written(to, lambda copy: _take(source, copy))


def restore_file(backup: Path, path: Path) -> Copied:
    """Put a copy where a platform looks for its file; it stays marked. Nothing is written over.

    Raises StoreUnreadable when `backup` is no ledger or does not hold, or something is at `path`; StoreFailed.
    """
    version, known, _ = peek(backup)
    if version > known:
        raise StoreUnreadable(f"the backup has version {version} and this software knows {known}")
    for beside in ("-wal", "-shm", "-journal"):
        if Path(f"{path}{beside}").exists():
            raise StoreUnreadable(f"there is {path}{beside} of an earlier database: move it away first")
    try:
        source = apsw.Connection(str(backup), flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.Error as error:
        raise translated(error) from error
    with closing(source):
        return _written(path, lambda copy: _take(source, copy))


def check_not_copied(db: apsw.Connection) -> None:
    """Raises StoreRestored for a copy that nobody has released, StoreFailed."""
    if _has_mark(db):
        raise StoreRestored


def lift(db: apsw.Connection) -> None:
    """Make a ledger that is in use out of a copy."""
    db.execute(f"DROP TABLE IF EXISTS {MARK}")


def _has_mark(db: apsw.Connection) -> bool:
    try:
        return bool(db.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (MARK,)).fetchall())
    except apsw.Error as error:
        raise translated(error) from error


def _take(source: apsw.Connection, copy: apsw.Connection) -> None:
    # In one step: between two, a writer of another process would begin it anew.
    with copy.backup("main", source, "main") as backup:
        while not backup.done:
            backup.step(-1)


def _written(to: Path, fill: Callable[[apsw.Connection], None]) -> Copied:
    """A new file, filled, marked, checked and durable before it has its name."""
    if to.exists():
        raise StoreUnreadable(f"{to} exists already: nothing is written over")
    part = to.with_name(f"{to.name}.part")
    part.unlink(missing_ok=True)
    create_file(part)
    try:
        try:
            with closing(apsw.Connection(str(part), flags=apsw.SQLITE_OPEN_READWRITE)) as copy:
                fill(copy)
                # One file, without companions.
                copy.execute("PRAGMA journal_mode = DELETE")
                copy.execute("PRAGMA synchronous = FULL")
                copy.execute(f"CREATE TABLE IF NOT EXISTS {MARK} (one INTEGER PRIMARY KEY) STRICT")
                found = _checked(copy, to)
        except apsw.Error as error:
            raise translated(error) from error
        _durable(part)
        try:
            # Unlike a renaming, it fails where something has come meanwhile.
            os.link(part, to)
        except FileExistsError:
            raise StoreUnreadable(f"{to} exists already: nothing is written over") from None
    except OSError as error:
        raise StoreUnreadable(f"{to} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    _durable(to.parent)
    return found


def _durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _checked(db: apsw.Connection, path: Path) -> Copied:
    """What a copy holds. Raises StoreUnreadable when its pages or one of its audit chains do not."""
    said = db.execute("PRAGMA integrity_check(1)").fetchall()
    if said != [("ok",)]:
        raise StoreUnreadable("the copy is damaged: SQLite's integrity check does not pass")
    version = int(str(db.pragma("user_version")))
    entries = 0
    chains = rows(db, "SELECT id, number, head FROM chains")
    for chain, number, head in chains:
        end = verify(_entries(db, chain), Head(chain, 0, GENESIS))
        if isinstance(end, Broken):
            raise StoreUnreadable(f"the audit chain {chain} does not hold at entry {end.seq}: {end.reason}")
        if (end.seq, end.hash) != (number, head):
            raise StoreUnreadable(
                f"the audit chain {chain} ends at entry {end.seq} and should end at {number}"
            )
        entries += number
    state = row(db, "SELECT latest FROM state")
    assert state is not None
    return Copied(path, version, state[0], len(chains), entries)


def _entries(db: apsw.Connection, chain: str) -> Iterator[tuple[Entry, bytes]]:
    for chain_id, number, at, kind, session_id, body, claimed in db.execute(_ENTRIES, (chain,)):
        yield Entry(chain_id, number, at, Kind(kind), session_id, body), claimed
