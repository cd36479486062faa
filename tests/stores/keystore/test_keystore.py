"""The keystore as its port says: durable, private, the same for every wrong secret, and silent about what it holds."""

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pyrage
import pytest

from tests.stores.keystore.making import CHEAP, WORDS, a_lock, opened, record, rows
from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.crypto.locks import AgeLock, Argon2, KeyringLock, Lock, PassphraseLock
from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import Keystore, KeystoreUnusable, WrongSecret
from valetkey.stores.keystore import open_keystore

PATIENT = Argon2(memory_kib=16, iterations=1, lanes=1)
IDENTITY = pyrage.x25519.Identity.generate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.db"


class Ring:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, account: str) -> str | None:
        return self.kept.get((service, account))

    def set_password(self, service: str, account: str, secret: str) -> None:
        self.kept[service, account] = secret


RING = Ring()
LOCKS: dict[str, Callable[[], Lock]] = {
    "passphrase": a_lock,
    "age": lambda: AgeLock(Secret(str(IDENTITY))),
    "keyring": lambda: KeyringLock(backend=RING),
}


@pytest.mark.parametrize("kind", LOCKS)
def test_what_is_kept_is_there_again(path: Path, kind: str) -> None:
    keystore: Keystore = open_keystore(path, LOCKS[kind]())
    assert keystore.names() == []
    assert keystore.get("one") is None
    keystore.put("two", b"secret 2")
    keystore.put("one", bytearray(b"secret 1"))
    keystore.put("two", b"secret 3")
    keystore.close()
    again: Keystore = open_keystore(path, LOCKS[kind]())
    assert again.names() == ["one", "two"]
    assert again.get("one") == bytearray(b"secret 1")
    assert again.get("two") == bytearray(b"secret 3")
    assert isinstance(again.get("one"), bytearray)
    assert again.remove("one") is True
    assert again.remove("one") is False
    assert again.get("one") is None
    assert again.names() == ["two"]
    again.close()


def test_the_usual_parameters_hold_fifty_records_by_one_derivation(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, count in enumerate((50, 50)):
        lock = PassphraseLock(Secret(WORDS))
        derived = counted(lock, monkeypatch)
        keystore = open_keystore(path, lock)
        for one in range(count):
            if number == 0:
                keystore.put(f"session {one}", bytes([one + 1]) * 32)
            assert keystore.get(f"session {one}") == bytes([one + 1]) * 32
        assert len(derived) == 1
        keystore.close()
    assert len(rows(path, "SELECT DISTINCT header FROM keystore_records")) == 1


def counted(lock: PassphraseLock, monkeypatch: pytest.MonkeyPatch) -> list[Argon2]:
    """What the lock derives from now on."""
    derived: list[Argon2] = []
    slowly = lock._slowly

    def counting(cost: Argon2, salt: bytes) -> bytearray:
        derived.append(cost)
        return slowly(cost, salt)

    monkeypatch.setattr(lock, "_slowly", counting)
    return derived


BAD_NAMES: list[Any] = ["", "x" * 201, "a\nb", "\0", "a\x7f", "\ud800", b"name", None, 7]


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_a_bad_name_is_refused(path: Path, name: Any) -> None:
    keystore = opened(path)
    for call in (lambda: keystore.put(name, b"x"), lambda: keystore.get(name), lambda: keystore.remove(name)):
        with pytest.raises(InvalidInput, match="1 to 200 printable characters") as caught:
            call()
        assert caught.value.field == "name"
    assert keystore.names() == []


@pytest.mark.parametrize("name", ["x", "x" * 200, "Bücher 📚", " a ", "'; DROP TABLE x; --", "é", "e\u0301"])
def test_any_printable_name_is_a_name(path: Path, name: str) -> None:
    keystore = opened(path)
    keystore.put(name, b"secret")
    assert keystore.names() == [name]
    assert keystore.get(name) == b"secret"


@pytest.mark.parametrize(
    "secret", [b"", bytearray(), b"x" * 65_537, "text", None, 5], ids=lambda s: repr(s)[:20]
)
def test_a_bad_secret_is_refused(path: Path, secret: Any) -> None:
    keystore = opened(path)
    keystore.put("name", b"before")
    with pytest.raises(InvalidInput, match="1 to 65536 bytes") as caught:
        keystore.put("name", secret)
    assert caught.value.field == "secret"
    assert keystore.get("name") == b"before"


@pytest.mark.parametrize("size", [1, 16, 4_096, 65_536])
def test_secrets_of_any_size_come_back(path: Path, size: int) -> None:
    keystore, secret = opened(path), os.urandom(size)
    keystore.put("name", secret)
    assert keystore.get("name") == secret


# The wrong secret


WRONG = ["x", WORDS.upper(), WORDS + " ", "ключ", "y" * 10_000]


def calls(keystore: Keystore) -> list[Callable[[], Any]]:
    return [
        lambda: keystore.put("name", b"other"),
        lambda: keystore.get("name"),
        lambda: keystore.get("nothing"),
        lambda: keystore.names(),
        lambda: keystore.remove("name"),
    ]


@pytest.mark.parametrize("number", range(5))
def test_every_wrong_passphrase_is_answered_alike_by_every_call(
    path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(path).put("name", b"secret")
    told = set()
    for words in WRONG:
        lock = a_lock(words)
        derived = counted(lock, monkeypatch)
        keystore = open_keystore(path, lock)
        with pytest.raises(WrongSecret) as caught:
            calls(keystore)[number]()
        told.add((type(caught.value), str(caught.value), caught.value.code, tuple(derived)))
        keystore.close()
    assert told == {
        (
            WrongSecret,
            "the passphrase is not the one that these keys were locked with",
            "wrong_secret",
            (CHEAP,),
        )
    }
    assert opened(path).get("name") == b"secret"


@pytest.mark.parametrize("kind", LOCKS)
@pytest.mark.parametrize("other", LOCKS)
def test_another_kind_of_lock_is_a_wrong_secret(path: Path, kind: str, other: str) -> None:
    open_keystore(path, LOCKS[kind]()).put("name", b"secret")
    keystore = open_keystore(path, LOCKS[other]())
    if kind == other:
        assert keystore.get("name") == b"secret"
        return
    for call in calls(keystore):
        with pytest.raises(WrongSecret):
            call()


def test_a_recipient_alone_can_put_beside_what_the_identity_reads(path: Path) -> None:
    identity, recipient = Secret(str(IDENTITY)), str(IDENTITY.to_public())
    open_keystore(path, AgeLock(identity)).put("one", b"1")
    for name in ("two", "three"):
        locking = open_keystore(path, AgeLock(recipient=recipient))
        locking.put(name, name.encode())
        with pytest.raises(WrongSecret, match="only its identity opens"):
            locking.get("one")
        locking.close()
    reading = open_keystore(path, AgeLock(identity))
    assert [reading.get(name) for name in ("one", "two", "three")] == [b"1", b"two", b"three"]
    with pytest.raises(WrongSecret):
        open_keystore(path, AgeLock(recipient=recipient)).change_lock(a_lock())
    stranger = str(pyrage.x25519.Identity.generate().to_public())
    with pytest.raises(WrongSecret):
        open_keystore(path, AgeLock(recipient=stranger)).put("four", b"4")


# Parameters


def test_weaker_parameters_open_and_become_today_s_when_a_record_is_read_or_written(path: Path) -> None:
    old = opened(path)
    for name in ("read", "written", "left"):
        old.put(name, name.encode())
    before = record(path, "left")
    today = opened(path, argon2=PATIENT)
    assert today.get("read") == b"read"
    today.put("written", b"again")
    assert record(path, "left") == before
    read, written = record(path, "read")[0], record(path, "written")[0]
    assert read == written
    assert read != before[0]
    assert (PATIENT.memory_kib).to_bytes(4) in read
    assert today.get("left") == b"left"
    assert record(path, "left")[0] == read
    # Who comes with less opens all of it, and weakens nothing.
    assert [old.get(name) for name in ("read", "written", "left")] == [b"read", b"again", b"left"]
    old.put("new", b"new")
    assert {record(path, name)[0] for name in old.names()} == {read}


def test_what_cannot_be_sealed_again_is_read_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(path).put("name", b"secret")
    before = record(path, "name")
    today = opened(path, argon2=PATIENT)

    def full() -> Any:
        raise KeystoreUnusable("there is no memory")

    monkeypatch.setattr(today._lock, "new_header", full)
    assert today.get("name") == b"secret"
    assert record(path, "name") == before
    blocker = apsw.Connection(str(path))
    monkeypatch.undo()
    today._db.set_busy_timeout(10)
    blocker.execute("BEGIN IMMEDIATE")
    assert today.get("name") == b"secret"
    blocker.execute("ROLLBACK")
    assert record(path, "name") == before
    assert today.get("name") == b"secret"
    assert record(path, "name") != before
    blocker.close()


# The file


def test_the_file_and_its_companions_are_the_owner_s_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        keystore = opened(path)
        keystore.put("name", b"secret")
    finally:
        os.umask(before)
    found = sorted(path.parent.iterdir())
    assert [one.name for one in found] == ["keys.db", "keys.db-shm", "keys.db-wal"]
    assert {stat.S_IMODE(one.stat().st_mode) for one in found} == {0o600}
    keystore.close()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601, 0o644])
@pytest.mark.parametrize("ending", ["", "-wal", "-shm"])
def test_a_file_that_others_may_touch_is_refused(path: Path, mode: int, ending: str) -> None:
    keystore = opened(path)
    keystore.put("name", b"secret")
    other = path.with_name(path.name + ending)
    other.chmod(mode)
    with pytest.raises(KeystoreUnusable, match=f"others may read {other.name}.*chmod 600") as caught:
        opened(path)
    assert not caught.value.retryable
    other.chmod(0o600)
    assert opened(path).get("name") == b"secret"


def a_folder(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


def a_text(path: Path) -> None:
    path.write_text("this is no database, and it is long enough to be looked at " * 20)
    path.chmod(0o600)


def a_stranger(path: Path) -> None:
    path.touch(0o600)
    rows(path, "CREATE TABLE notes (text TEXT)")
    assert rows(path, "PRAGMA journal_mode") == [("delete",)]


def a_marked_stranger(path: Path) -> None:
    path.touch(0o600)
    rows(path, "PRAGMA application_id = 77")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (a_folder, "cannot be opened: Is a directory"),
        (a_pipe, "not a device or a pipe"),
        (a_text, "not a database"),
        (a_stranger, "another program"),
        (a_marked_stranger, "another program"),
    ],
)
def test_what_is_no_keystore_is_refused_and_left_as_it_is(
    path: Path, make: Callable[[Path], None], told: str
) -> None:
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(KeystoreUnusable, match=told) as caught:
        opened(path)
    assert not caught.value.retryable
    if path.is_file():
        assert path.read_bytes() == before


def test_a_missing_folder_is_told(path: Path) -> None:
    with pytest.raises(KeystoreUnusable, match="No such file"):
        opened(path.parent / "nowhere" / "keys.db")


def test_a_name_that_sqlite_would_take_for_something_else_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "file:x?mode=memory"):
        opened(Path(name)).put("name", b"secret")
        assert opened(tmp_path / name).get("name") == b"secret"


def test_a_closed_keystore_says_so_and_has_wiped_its_keys(path: Path) -> None:
    lock = a_lock()
    keystore = open_keystore(path, lock)
    keystore.put("name", b"secret")
    kept = list(lock._keys.values())
    assert any(map(any, kept))
    keystore.close()
    keystore.close()
    assert kept == [bytearray(32)] * len(kept)
    assert not lock._keys
    for call in calls(keystore):
        with pytest.raises(KeystoreUnusable, match="closed"):
            call()
    assert open_keystore(path, lock).get("name") == b"secret"


def test_a_file_that_is_locked_for_long_is_told_as_passing(path: Path) -> None:
    keystore = opened(path)
    keystore.put("name", b"secret")
    keystore._db.set_busy_timeout(10)
    blocker = apsw.Connection(str(path))
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(KeystoreUnusable, match="BusyError") as caught:
        keystore.put("name", b"other")
    assert caught.value.retryable
    assert keystore.get("name") == b"secret"
    blocker.execute("ROLLBACK")
    blocker.close()
    keystore.put("name", b"other")
    assert keystore.get("name") == b"other"


def test_threads_share_one_keystore(path: Path) -> None:
    keystore = opened(path)
    failures: list[BaseException] = []

    def use(prefix: int) -> None:
        try:
            for number in range(50):
                name = f"{prefix} {number}"
                keystore.put(name, name.encode())
                assert keystore.get(name) == name.encode()
        except (ValetkeyError, apsw.Error, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=use, args=(prefix,)) for prefix in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(keystore.names()) == 200


def test_secrets_stay_secret_in_the_file_in_reprs_and_in_errors(path: Path) -> None:
    """SECRETS_STAY_SECRET: nothing of secret or passphrase is in the file, a repr or an exception."""
    secret = "0123456789abcdef" * 4
    keystore = opened(path)
    keystore.put("session", secret.encode())
    keystore.put("session", secret.encode() + b"!")
    told = [repr(keystore), str(keystore), repr(vars(keystore)["_lock"])]
    for call in calls(opened(path, "a guess")):
        with pytest.raises(WrongSecret) as caught:
            call()
        error: BaseException | None = caught.value
        while error is not None:
            told.append(f"{error!r} {error.args}")
            error = error.__cause__ or error.__context__
    header, body = record(path, "session")
    rows(path, "UPDATE keystore_records SET body = ? WHERE name = 'session'", body[:-1] + b"x")
    with pytest.raises(ValetkeyError) as damaged:
        keystore.get("session")
    told.append(repr(damaged.value))
    assert not [text for text in told for one in (secret, WORDS, "a guess", "session") if one in text]
    kept = b"".join(one.read_bytes() for one in path.parent.iterdir())
    assert header in kept
    for hidden in (secret.encode(), bytes.fromhex(secret), WORDS.encode(), b"correct horse"):
        assert hidden not in kept
