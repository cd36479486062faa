"""What may live in one SQLite file: a ledger and a keystore, whichever came first; each leaves the other alone."""

import time

import apsw

APPLICATION_ID = 0x56414C54
"""Marks a file with a ledger as one of ours ("VALT")."""

KEYSTORE_TABLE = "keystore_records"
"""All that a keystore adds to a file. Its format is told by each record; the file's version is the ledger's."""

BUSY_SECONDS_MAX = 15
"""How long one process waits for another one's transaction before it gives up."""

_TURN_SECONDS = 0.01


def write_ahead(db: apsw.Connection) -> None:
    """Have the file write ahead. Raises apsw.BusyError when others keep it for BUSY_SECONDS_MAX.

    SQLite does not wait, whatever its busy timeout, when two connections turn a new file at the same time.
    """
    deadline = time.monotonic() + BUSY_SECONDS_MAX
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_TURN_SECONDS)
        else:
            return
