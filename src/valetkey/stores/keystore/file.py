"""The keystore's connection to its file: private to its owner, durable, beside a ledger if there is one."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from valetkey.ports.keystore import KeystoreUnusable
from valetkey.stores.one_file import APPLICATION_ID, BUSY_SECONDS_MAX, KEYSTORE_TABLE, write_ahead
from valetkey.stores.sqlite.failures import failed

_OTHERS = stat.S_IRWXG | stat.S_IRWXO

_TABLE = f"""
CREATE TABLE IF NOT EXISTS {KEYSTORE_TABLE} (
  name TEXT NOT NULL PRIMARY KEY,
  header BLOB NOT NULL,
  body BLOB NOT NULL,
  left_behind INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS {KEYSTORE_TABLE}_headers ON {KEYSTORE_TABLE} (left_behind, header);
"""
"""`left_behind`: it was damaged when the lock was changed, so its header says nothing about the secret of today."""


def open_file(path: Path) -> apsw.Connection:
    """A connection to a file that has the keystore's table. Raises KeystoreUnusable."""
    # The full path: SQLite would take some names, such as `:memory:`, for something else.
    path = path.absolute()
    _make_private(path)
    with told_apart():
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            db.set_busy_timeout(BUSY_SECONDS_MAX * 1_000)
            # Before anything is changed in the file.
            if not _has_table(db):
                _check_ours(db)
            write_ahead(db)
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute("PRAGMA temp_store = MEMORY")
            # What was removed or locked anew is overwritten, not only unlinked.
            db.execute("PRAGMA secure_delete = ON")
            if not _has_table(db):
                with transaction(db):
                    _check_ours(db)
                    db.execute(_TABLE)
        except BaseException:
            db.close()
            raise
    return db


@contextmanager
def transaction(db: apsw.Connection) -> Iterator[None]:
    """Writes that become durable together at the end of the block, or none of them when it raises."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


@contextmanager
def told_apart() -> Iterator[None]:
    """What SQLite says, as KeystoreUnusable. Its messages name tables and columns, never values."""
    try:
        yield
    except apsw.NotADBError:
        raise KeystoreUnusable("the file is not a database") from None
    except apsw.CorruptError as error:
        raise KeystoreUnusable("the file is damaged: restore a copy of it") from error
    except (apsw.ConnectionClosedError, apsw.CursorClosedError):
        raise KeystoreUnusable("the keystore is closed") from None
    except apsw.Error as error:
        failure = KeystoreUnusable(f"the file cannot be used: {type(error).__name__}")
        failure.retryable = failed(error).retryable
        raise failure from error


def _make_private(path: Path) -> None:
    """Make the file for its owner alone, unless it exists; refuse it when others may read it or what goes with it."""
    try:
        # SQLite gives its companions (-wal, -shm) the mode that this file has.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise KeystoreUnusable(f"the file cannot be opened: {error.strerror}") from None
    try:
        found = os.fstat(descriptor)
        if not found.st_size:
            # It may be new: its name shall be as durable as what will be in it.
            _sync(path.parent)
    except OSError as error:
        raise KeystoreUnusable(f"the file cannot be opened: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise KeystoreUnusable("the keystore is a file, not a device or a pipe")
    companions = [path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-journal")]
    for name, mode in [
        (path.name, found.st_mode),
        *((one.name, mode) for one in companions if (mode := _mode_of(one)) is not None),
    ]:
        if mode & _OTHERS:
            raise KeystoreUnusable(f"others may read {name}: take that from them (chmod 600) and try again")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mode_of(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeystoreUnusable(f"the file cannot be opened: {error.strerror}") from None


def _has_table(db: apsw.Connection) -> bool:
    asked = "SELECT count(*) FROM sqlite_schema WHERE name IN (?1, ?1 || '_headers')"
    return db.execute(asked, (KEYSTORE_TABLE,)).fetchall() == [(2,)]


def _check_ours(db: apsw.Connection) -> None:
    """Raise KeystoreUnusable for another program's database: a ledger is ours, and so is what has nothing in it."""
    ((owner,),) = db.execute("PRAGMA application_id").fetchall()
    ((version,),) = db.execute("PRAGMA user_version").fetchall()
    ((others,),) = db.execute(
        "SELECT count(*) FROM sqlite_schema WHERE tbl_name <> ?", (KEYSTORE_TABLE,)
    ).fetchall()
    if owner != APPLICATION_ID and (owner or version or others):
        raise KeystoreUnusable("the file is the database of another program")
