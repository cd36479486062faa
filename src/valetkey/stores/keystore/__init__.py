"""The keystore: a table of encrypted records in a SQLite file of its own, or in the ledger's."""

from pathlib import Path

from valetkey.crypto.locks import Lock
from valetkey.stores.keystore.file import open_file
from valetkey.stores.keystore.records import SqliteKeystore as SqliteKeystore


def open_keystore(path: Path, lock: Lock) -> SqliteKeystore:
    """Open a keystore, making its file (mode 0600) or its table where there is none. Blocks for milliseconds.

    No key is derived yet: the first call does that, and says WrongSecret. Several processes may open one file, each for
    itself (not across a fork); several threads may share what is answered. Raises KeystoreUnusable, also for a file
    that others may read.
    """
    return SqliteKeystore(open_file(path), lock)


def change_lock(path: Path, lock: Lock, new: Lock) -> list[str]:
    """Lock a file's records with another secret, all at once or not at all: as SqliteKeystore.change_lock."""
    keystore = open_keystore(path, lock)
    try:
        return keystore.change_lock(new)
    finally:
        keystore.close()
        new.wipe()
