"""Opening the database file: private to its owner, write-ahead logged, durable, at the newest version."""

import os
from pathlib import Path

import apsw

from valetkey.stores.failures import StoreUnreadable
from valetkey.stores.one_file import APPLICATION_ID, BUSY_SECONDS_MAX, KEYSTORE_TABLE, write_ahead
from valetkey.stores.sqlite.failures import translated
from valetkey.stores.sqlite.schema import MIGRATIONS

MEMORY = Path(":memory:")
"""No file: what is written there ends with the process."""

CACHE_KIB = 16_384
STATEMENTS_CACHED = 200


def create_file(path: Path) -> None:
    """Make the file, readable by its owner alone, unless it exists. Raises StoreUnreadable."""
    try:
        # SQLite gives its companions (-wal, -shm) the mode that this file has.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnreadable(f"the database file cannot be opened: {error.strerror}") from error


def connect(path: Path, *, writing: bool) -> apsw.Connection:
    """One connection to a file that exists. Raises StoreFailed or StoreUnreadable."""
    try:
        db = apsw.Connection(
            str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=STATEMENTS_CACHED
        )
    except apsw.Error as error:
        raise translated(error) from error
    try:
        db.set_busy_timeout(BUSY_SECONDS_MAX * 1_000)
        write_ahead(db)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        if not writing:
            # A reader is opened for writing all the same: it shares the log's index with the writer.
            db.execute("PRAGMA query_only = ON")
    except apsw.NotADBError as error:
        db.close()
        raise StoreUnreadable("the file is not a database") from error
    except apsw.Error as error:
        db.close()
        raise translated(error) from error
    return db


def migrate(db: apsw.Connection) -> tuple[int, int]:
    """Bring a file to the newest version: from which, to which.

    Raises StoreUnreadable for one that is newer, or another program's.
    """
    try:
        db.execute("BEGIN IMMEDIATE")
        try:
            before = _migrate(db)
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
    except apsw.Error as error:
        raise translated(error) from error
    return before, len(MIGRATIONS)


def peek(path: Path) -> tuple[int, int, str]:
    """A file's version, the newest one, and its journal mode, without a change. Raises StoreUnreadable, StoreFailed."""
    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            owner = _number(db, "PRAGMA application_id")
            if owner != APPLICATION_ID:
                raise StoreUnreadable("the file is no database of this software")
            return _number(db, "PRAGMA user_version"), len(MIGRATIONS), str(db.pragma("journal_mode"))
        finally:
            db.close()
    except apsw.NotADBError as error:
        raise StoreUnreadable("the file is not a database") from error
    except apsw.Error as error:
        raise translated(error) from error


def _migrate(db: apsw.Connection) -> int:
    version, owner = _number(db, "PRAGMA user_version"), _number(db, "PRAGMA application_id")
    if version > len(MIGRATIONS) and owner == APPLICATION_ID:
        raise StoreUnreadable(
            f"the database has version {version} and this software knows {len(MIGRATIONS)}: a newer one used it;"
            " start that one, or restore a copy from before"
        )
    # A keystore may have made the file, and left it without a mark.
    others = f"SELECT count(*) FROM sqlite_schema WHERE tbl_name <> '{KEYSTORE_TABLE}'"  # noqa: S608 - our own word
    if owner != APPLICATION_ID and (owner or version or _number(db, others)):
        raise StoreUnreadable("the file is the database of another program")
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        db.execute(script)
        db.execute(f"PRAGMA user_version = {number}")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    return version


def _number(db: apsw.Connection, sql: str) -> int:
    value = db.execute(sql).fetchall()[0][0]
    assert isinstance(value, int)
    return value
