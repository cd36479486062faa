"""Locks that cost nothing, keystores of a test, and a look at the rows behind the keystore's back."""

from pathlib import Path
from typing import Any

import apsw

from valetkey.crypto.locks import Argon2, PassphraseLock
from valetkey.crypto.secret import Secret
from valetkey.stores.keystore import SqliteKeystore, open_keystore

CHEAP = Argon2(memory_kib=8, iterations=1, lanes=1)
WORDS = "correct horse battery staple"


def a_lock(words: str = WORDS, argon2: Argon2 = CHEAP) -> PassphraseLock:
    return PassphraseLock(Secret(words), argon2)


def opened(path: Path, words: str = WORDS, argon2: Argon2 = CHEAP) -> SqliteKeystore:
    return open_keystore(path, a_lock(words, argon2))


def rows(path: Path, sql: str, *values: Any) -> list[Any]:
    """What a statement answers on a connection of its own."""
    db = apsw.Connection(str(path))
    try:
        db.set_busy_timeout(10_000)
        return db.execute(sql, values).fetchall()
    finally:
        db.close()


def record(path: Path, name: str) -> tuple[bytes, bytes]:
    ((header, body),) = rows(path, "SELECT header, body FROM keystore_records WHERE name = ?", name)
    return header, body


def set_record(path: Path, name: str, header: bytes, body: bytes) -> None:
    rows(path, "UPDATE keystore_records SET header = ?, body = ? WHERE name = ?", header, body, name)
