"""What may live in one SQLite file: a ledger and a keystore, whichever came first; each leaves the other alone."""

APPLICATION_ID = 0x56414C54
"""Marks a file with a ledger as one of ours ("VALT")."""

KEYSTORE_TABLE = "keystore_records"
"""All that a keystore adds to a file. Its format is told by each record; the file's version is the ledger's."""
