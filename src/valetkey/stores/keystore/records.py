"""Records by name, each of which opens by itself. Keys are derived outside of transactions: that takes its time.

Whether a secret is the right one is told by the headers of all records: it is when it opens any of them. A record whose
header it does not open is damaged then. So a damaged record tells nothing about the secret, nor about its neighbours.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

import apsw

from valetkey.core.errors import InvalidInput
from valetkey.crypto.locks import Header, Lock, NewerRecord
from valetkey.crypto.locks.records import open_record, seal_record
from valetkey.crypto.wiping import wipe
from valetkey.ports.keystore import DamagedRecord, KeystoreUnusable, WrongSecret
from valetkey.stores.keystore.file import told_apart, transaction
from valetkey.stores.one_file import BUSY_SECONDS_MAX, KEYSTORE_TABLE

NAME_CHARS_MAX = 200
SECRET_BYTES_MAX = 65_536
ROUNDS_MAX = 100
"""How often a call begins again because another process brought a header that is not known here yet."""

CHECKPOINT_SECONDS_MAX = 1

_HEADERS = f"""
WITH RECURSIVE found (header) AS (
  SELECT min(header) FROM {KEYSTORE_TABLE} WHERE left_behind = 0
  UNION ALL
  SELECT (SELECT min(header) FROM {KEYSTORE_TABLE} WHERE left_behind = 0 AND header > found.header)
  FROM found WHERE found.header IS NOT NULL
)
SELECT header FROM found WHERE header IS NOT NULL
"""  # noqa: S608 - our own word
"""Each header once, by jumps through the index: there are many records and few headers."""

_RECORD = f"SELECT header, body, left_behind FROM {KEYSTORE_TABLE} WHERE name = ?"  # noqa: S608
_NAMES = f"SELECT name FROM {KEYSTORE_TABLE} ORDER BY name"  # noqa: S608
_PUT = f"INSERT OR REPLACE INTO {KEYSTORE_TABLE} (name, header, body) VALUES (?, ?, ?)"  # noqa: S608
_REPLACE = f"UPDATE {KEYSTORE_TABLE} SET header = ?, body = ? WHERE name = ? AND header = ? AND body = ?"  # noqa: S608
_REMOVE = f"DELETE FROM {KEYSTORE_TABLE} WHERE name = ?"  # noqa: S608
_LEAVE = f"UPDATE {KEYSTORE_TABLE} SET left_behind = 1 WHERE name = ?"  # noqa: S608


class _Verdict(Enum):
    """What a header says of the secret that this keystore was opened with."""

    OPENS = "opens"
    FOREIGN = "foreign"
    DAMAGED = "damaged"
    NEWER = "newer"


class SqliteKeystore:
    """The keystore's port on one file; its methods may be called from any thread."""

    def __init__(self, db: apsw.Connection, lock: Lock) -> None:
        self._db = db
        self._process = os.getpid()
        self._lock = lock
        self._verdicts: dict[bytes, _Verdict] = {}
        self._made: Header | None = None
        self._mutex = threading.RLock()

    def put(self, name: str, secret: bytes | bytearray) -> None:
        """As the port says. At most 64 KiB; raises InvalidInput for a bad name or no secret."""
        check_name(name)
        if not isinstance(secret, (bytes, bytearray)) or not 1 <= len(secret) <= SECRET_BYTES_MAX:
            raise InvalidInput(f"a secret is 1 to {SECRET_BYTES_MAX} bytes", field="secret")
        with self._used():
            self._judge()
            header = self._own_header()
            encoded = header.encode()
            with self._lock.key(header) as key:
                body = seal_record(key, encoded, name, secret)
            with self._judged_transaction():
                self._db.execute(_PUT, (name, encoded, body))

    def get(self, name: str) -> bytearray | None:
        """As the port says. What was sealed with weaker parameters than today's is sealed again."""
        check_name(name)
        with self._used():
            self._judge()
            found = self._db.execute(_RECORD, (name,)).fetchall()
            if not found:
                return None
            ((encoded, body, left_behind),) = found
            assert isinstance(encoded, bytes)
            assert isinstance(body, bytes)
            if left_behind:
                raise DamagedRecord("the record was damaged when the lock was changed, and opens no more")
            secret = self._opened(name, encoded, body)
            try:
                self._strengthen(name, encoded, body, secret)
            except BaseException:
                wipe(secret)
                raise
            return secret

    def names(self) -> list[str]:
        """As the port says."""
        with self._used():
            self._judge()
            return [str(name) for (name,) in self._db.execute(_NAMES).fetchall()]

    def remove(self, name: str) -> bool:
        """As the port says."""
        check_name(name)
        with self._used():
            with self._judged_transaction():
                self._db.execute(_REMOVE, (name,))
                return self._db.changes() > 0

    def change_lock(self, new: Lock) -> list[str]:
        """Lock every record with another secret, all at once or not at all; names of those that do not open.

        Damaged ones stay as they are. Copies of the file, such as backups, still open with the old secret. Raises
        WrongSecret and KeystoreUnusable, and then nothing is changed.
        """
        with self._used():
            self._judge()
            header = new.new_header()
            with self._judged_transaction():
                if _Verdict.NEWER in map(self._verdict, self._headers()):
                    raise NewerRecord
                left = [
                    name
                    for (name,) in self._db.execute(_NAMES).fetchall()
                    if not self._relock(str(name), new, header)
                ]
            if new is not self._lock:
                self._lock.wipe()
            self._lock, self._made = new, header
            self._verdicts.clear()
            self._empty_log()
            return [str(name) for name in left]

    def close(self) -> None:
        """As the port says. The lock can be used again, and makes its keys anew."""
        with self._used():
            self._lock.wipe()
            self._verdicts.clear()
            self._made = None
            self._db.close()

    def __repr__(self) -> str:
        return f"<SqliteKeystore {self._lock!r}>"

    @contextmanager
    def _used(self) -> Iterator[None]:
        """One thread at a time, in the process that opened the file: SQLite is not to be used across a fork."""
        if os.getpid() != self._process:
            raise KeystoreUnusable("the keystore was opened before this process was forked: open it again")
        with self._mutex, told_apart():
            yield

    # Is it the right secret?

    def _headers(self) -> list[bytes]:
        return [bytes(header) for (header,) in self._db.execute(_HEADERS).fetchall()]  # type: ignore[arg-type]

    def _judge(self) -> None:
        """Raise WrongSecret unless this is the secret of what is in the file."""
        found = self._headers()
        for header in found:
            self._verdict(header)
        self._check(found)

    @contextmanager
    def _judged_transaction(self) -> Iterator[None]:
        """A transaction in a file whose secret is this one, and stays this one until its end."""
        for _ in range(ROUNDS_MAX):
            self._judge()
            with transaction(self._db):
                found = self._headers()
                # A new one came meanwhile: to derive a key in here would keep all others waiting.
                if self._verdicts.keys() >= set(found):
                    self._check(found)
                    yield
                    return
        failure = KeystoreUnusable("other processes change the lock of this file without end")
        failure.retryable = True
        raise failure

    def _check(self, headers: list[bytes]) -> None:
        verdicts = {self._verdicts[header] for header in headers}
        if _Verdict.OPENS in verdicts:
            return
        if _Verdict.FOREIGN in verdicts:
            raise WrongSecret(self._lock.wrong)
        if _Verdict.NEWER in verdicts:
            raise NewerRecord

    def _verdict(self, encoded: bytes) -> _Verdict:
        if encoded not in self._verdicts:
            try:
                header = Header.decode(encoded)
                opens = self._lock.opens(header)
                self._verdicts[encoded] = _Verdict.OPENS if opens else _Verdict.FOREIGN
            except DamagedRecord:
                self._verdicts[encoded] = _Verdict.DAMAGED
            except NewerRecord:
                self._verdicts[encoded] = _Verdict.NEWER
        return self._verdicts[encoded]

    # Sealing and opening

    def _own_header(self) -> Header:
        """What new records are sealed under: what is there, so that all derive one key, unless it is too weak."""
        for encoded in self._headers():
            if self._verdict(encoded) is _Verdict.OPENS and self._is_good(header := Header.decode(encoded)):
                return header
        if self._made is None or not self._is_good(self._made):
            self._made = self._lock.new_header()
        return self._made

    def _is_good(self, header: Header) -> bool:
        return not self._lock.is_weak(header) and self._lock.has_key(header)

    def _opened(self, name: str, encoded: bytes, body: bytes) -> bytearray:
        verdict = self._verdict(encoded)
        if verdict is _Verdict.FOREIGN:
            # Either the lock was changed in this moment, or the others open and this one is damaged.
            self._judge()
        if verdict is _Verdict.NEWER:
            raise NewerRecord
        if verdict is not _Verdict.OPENS:
            raise DamagedRecord("the record is damaged")
        with self._lock.key(Header.decode(encoded)) as key:
            return open_record(key, encoded, name, body)

    def _strengthen(self, name: str, encoded: bytes, body: bytes, secret: bytearray) -> None:
        if not self._lock.is_weak(Header.decode(encoded)):
            return
        # Where that fails, the record is as it was, and is tried again when it is opened next.
        with suppress(KeystoreUnusable), told_apart():
            header = self._own_header()
            with self._lock.key(header) as key:
                again = seal_record(key, header.encode(), name, secret)
            with transaction(self._db):
                self._db.execute(_REPLACE, (header.encode(), again, name, encoded, body))

    def _relock(self, name: str, new: Lock, header: Header) -> bool:
        """Seal one record under the new lock; False when it is damaged, and left as it is."""
        ((encoded, body, left_behind),) = self._db.execute(_RECORD, (name,)).fetchall()
        assert isinstance(encoded, bytes)
        assert isinstance(body, bytes)
        if left_behind:
            return False
        try:
            secret = self._opened(name, encoded, body)
        except DamagedRecord:
            self._db.execute(_LEAVE, (name,))
            return False
        try:
            with new.key(header) as key:
                again = seal_record(key, header.encode(), name, secret)
        finally:
            wipe(secret)
        self._db.execute(_REPLACE, (header.encode(), again, name, encoded, body))
        return True

    def _empty_log(self) -> None:
        """Records under the old lock shall not lie in the log for long. Others who read now may keep them there."""
        self._db.set_busy_timeout(CHECKPOINT_SECONDS_MAX * 1_000)
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except apsw.BusyError:
            return
        finally:
            self._db.set_busy_timeout(BUSY_SECONDS_MAX * 1_000)


def check_name(name: str) -> None:
    """Raise InvalidInput unless it is 1 to 200 printable characters."""
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_CHARS_MAX or not name.isprintable():
        raise InvalidInput(
            f"the name of a secret has 1 to {NAME_CHARS_MAX} printable characters", field="name"
        )
