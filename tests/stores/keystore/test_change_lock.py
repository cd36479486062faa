"""Another secret for all records: at once or not at all, wherever it is interrupted, and without the damaged ones."""

import time
from pathlib import Path

import pyrage
import pytest

from tests.stores.keystore.making import WORDS, a_lock, opened, record, rows, set_record
from tests.stores.sqlite.processes import Spender
from valetkey.crypto.locks import AgeLock, KeyringLock, Lock
from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import DamagedRecord, KeystoreUnusable, WrongSecret
from valetkey.stores.keystore import SqliteKeystore, change_lock, open_keystore

IDENTITY = Secret(str(pyrage.x25519.Identity.generate()))
NEW = "another passphrase"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.db"
    keystore = opened(path)
    for number in range(60):
        keystore.put(f"session {number}", f"secret {number}".encode())
    keystore.close()
    return path


def check_all(keystore: SqliteKeystore, without: str = "") -> None:
    for number in range(60):
        if (name := f"session {number}") != without:
            assert keystore.get(name) == f"secret {number}".encode()
    assert len(keystore.names()) == 60


def test_from_one_passphrase_to_another(path: Path) -> None:
    bodies = rows(path, "SELECT header, body FROM keystore_records")
    assert change_lock(path, a_lock(), a_lock(NEW)) == []
    check_all(opened(path, NEW))
    with pytest.raises(WrongSecret):
        opened(path).names()
    kept = b"".join(one.read_bytes() for one in path.parent.iterdir())
    assert not [body for header, body in bodies if body in kept or header in kept]


def test_through_every_kind_of_lock_and_back(path: Path) -> None:
    from tests.stores.keystore.test_keystore import Ring

    ring = Ring()
    through: list[Lock] = [a_lock(), AgeLock(IDENTITY), KeyringLock(backend=ring), a_lock(NEW), a_lock()]
    keystore = open_keystore(path, through[0])
    for lock in through[1:]:
        assert keystore.change_lock(lock) == []
        check_all(keystore)
        assert repr(lock) in repr(keystore)
    keystore.close()
    check_all(opened(path))


def test_the_same_lock_again_is_a_new_key(path: Path) -> None:
    before = record(path, "session 1")
    lock = a_lock()
    keystore = open_keystore(path, lock)
    keystore.change_lock(lock)
    assert record(path, "session 1")[0] != before[0]
    check_all(keystore)


def test_the_wrong_secret_changes_nothing(path: Path) -> None:
    before = rows(path, "SELECT * FROM keystore_records")
    with pytest.raises(WrongSecret):
        change_lock(path, a_lock("a guess"), a_lock(NEW))
    assert rows(path, "SELECT * FROM keystore_records") == before
    check_all(opened(path))


def test_a_new_lock_that_does_not_work_changes_nothing(path: Path) -> None:
    class Broken:
        def set_password(self, *_: str) -> None:
            raise OSError

        def get_password(self, *_: str) -> None:
            raise OSError

    keystore = opened(path)
    with pytest.raises(KeystoreUnusable):
        keystore.change_lock(KeyringLock(backend=Broken()))
    check_all(keystore)
    check_all(opened(path))


@pytest.mark.parametrize("part", ["header", "body", "name"])
def test_a_damaged_record_stays_as_it_is_and_is_told(path: Path, part: str) -> None:
    header, body = record(path, "session 7")
    if part == "name":
        # Of a record that has another name, all is sound but that.
        header, body = record(path, "session 8")
    damaged = (
        header[:-1] + bytes([header[-1] ^ (part == "header")]),
        body[:-1] + bytes([body[-1] ^ (part == "body")]),
    )
    set_record(path, "session 7", *damaged)
    assert change_lock(path, a_lock(), a_lock(NEW)) == ["session 7"]
    assert record(path, "session 7") == damaged
    keystore = opened(path, NEW)
    check_all(keystore, without="session 7")
    with pytest.raises(DamagedRecord):
        keystore.get("session 7")
    # What it was locked with says nothing of the secret any more.
    old = opened(path)
    for call in (lambda: old.put("session 7", b"x"), old.names, lambda: old.get("session 7")):
        with pytest.raises(WrongSecret):
            call()
    assert keystore.change_lock(a_lock("a third one")) == ["session 7"]
    keystore.put("session 7", b"secret 7")
    check_all(keystore)
    assert keystore.change_lock(a_lock()) == []
    check_all(opened(path))


def test_who_had_it_open_is_told_and_writes_nothing_under_the_old_secret(path: Path) -> None:
    reading, writing, unused = opened(path), opened(path), opened(path)
    check_all(reading)
    writing.put("session 0", b"secret 0")
    change_lock(path, a_lock(), a_lock(NEW))
    for keystore in (reading, writing, unused):
        for call in (
            lambda one=keystore: one.put("session 1", b"x"),
            lambda one=keystore: one.get("session 1"),
            lambda one=keystore: one.remove("session 1"),
            lambda one=keystore: one.change_lock(a_lock("a third one")),
            keystore.names,
        ):
            with pytest.raises(WrongSecret):
                call()
    check_all(opened(path, NEW))


def test_a_change_between_two_looks_of_a_put(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old key is at hand, the record is sealed, and then the secret changes before it is written."""
    keystore = opened(path)
    check_all(keystore)
    own_header = keystore._own_header

    def late() -> object:
        header = own_header()
        change_lock(path, a_lock(), a_lock(NEW))
        return header

    monkeypatch.setattr(keystore, "_own_header", late)
    with pytest.raises(WrongSecret):
        keystore.put("session 3", b"lost")
    check_all(opened(path, NEW))


def killed_in_the_middle(path: Path, stop_after: int) -> None:
    process = Spender(
        "tests.stores.keystore.keeper",
        path=str(path),
        words=WORDS,
        do="change",
        new=NEW,
        stop_after=stop_after,
    )
    assert process.line() == "ready"
    process.tell("go")
    assert process.line() == "in the middle"
    process.process.kill()
    assert process.rest() == []


@pytest.mark.parametrize("stop_after", [1, 30, 60])
def test_killed_in_the_middle_nothing_is_changed(path: Path, stop_after: int) -> None:
    killed_in_the_middle(path, stop_after)
    check_all(opened(path))
    with pytest.raises(WrongSecret):
        opened(path, NEW).names()
    assert change_lock(path, a_lock(), a_lock(NEW)) == []
    check_all(opened(path, NEW))


def test_killed_at_any_moment_all_are_under_one_secret(path: Path) -> None:
    words = WORDS
    for number in range(12):
        new = f"passphrase {number}"
        process = Spender(
            "tests.stores.keystore.keeper", path=str(path), words=words, do="change", new=new, stop_after=None
        )
        assert process.line() == "ready"
        process.tell("go")
        if number == 11:
            # The last one is killed after it told of its work.
            assert process.line() == "changed"
        time.sleep(0.001 * number)
        process.process.kill()
        told = process.rest()
        try:
            check_all(opened(path, words))
            changed = False
        except WrongSecret:
            check_all(opened(path, new))
            words, changed = new, True
        assert changed or (not told and number != 11)
