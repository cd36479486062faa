"""Several processes on one keystore, and a keystore in one file with a ledger."""

import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stores.blocking import Blocking
from tests.stores.keystore.making import WORDS, a_lock, opened, rows
from tests.stores.making import SystemTime, a_purchase, allowed
from tests.stores.sqlite.processes import Spender
from tests.stores.sqlite.test_races import prepare
from valetkey.ports.keystore import KeystoreUnusable
from valetkey.stores.failures import StoreUnreadable
from valetkey.stores.keystore import change_lock
from valetkey.stores.sqlite import migrate_file, open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "valetkey.db"


def keeper(path: Path, prefix: str, words: str = WORDS, count: int = 40) -> Spender:
    process = Spender(
        "tests.stores.keystore.keeper", path=str(path), words=words, do="put", prefix=prefix, count=count
    )
    assert process.line() == "ready"
    return process


def test_processes_that_make_the_file_and_write_at_once_lose_nothing(path: Path) -> None:
    processes = [keeper(path, prefix) for prefix in ("a", "b", "c")]
    for one in processes:
        one.tell("go")
    told = [line for one in processes for line in one.rest()]
    wanted = [f"{prefix} {number}" for prefix in ("a", "b", "c") for number in range(40)]
    assert sorted(told) == sorted(f"kept {name}" for name in wanted)
    keystore = opened(path)
    assert keystore.names() == sorted(wanted)
    for name in wanted:
        assert keystore.get(name) == f"secret of {name}".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_of_two_secrets_that_begin_at_once_one_wins_and_the_other_is_told(path: Path) -> None:
    words = {"a": WORDS, "b": "another passphrase"}
    processes = {prefix: keeper(path, prefix, secret, count=5) for prefix, secret in words.items()}
    for one in processes.values():
        one.tell("go")
    told = {prefix: one.rest() for prefix, one in processes.items()}
    winner, loser = sorted(told, key=lambda prefix: -len(told[prefix]))
    assert told[winner] == [f"kept {winner} {number}" for number in range(5)]
    assert told[loser] == ["failed wrong_secret"]
    assert opened(path, words[winner]).names() == [f"{winner} {number}" for number in range(5)]


def test_what_a_killed_process_acknowledged_is_kept(path: Path) -> None:
    process = keeper(path, "a", count=100_000)
    process.tell("go")
    told = [process.line() for _ in range(20)]
    process.process.kill()
    told += process.rest()
    keystore = opened(path)
    for line in told:
        name = line.removeprefix("kept ")
        assert keystore.get(name) == f"secret of {name}".encode()
    for name in keystore.names():
        assert keystore.get(name) == f"secret of {name}".encode()


def test_a_forked_process_opens_it_again_for_itself(path: Path) -> None:
    keystore = opened(path)
    keystore.put("session", b"secret")
    told = multiprocessing.get_context("fork").SimpleQueue()

    def forked() -> None:
        try:
            keystore.get("session")
        except KeystoreUnusable as error:
            told.put(str(error))
        told.put(bytes(opened(path).get("session") or b""))

    process = multiprocessing.get_context("fork").Process(target=forked)
    process.start()
    process.join(30)
    assert "open it again" in told.get()
    assert told.get() == b"secret"
    assert keystore.get("session") == b"secret"


def ledger_first(path: Path, time: SystemTime) -> Blocking:
    store = Blocking(open_store(path, system_time=time))
    opened(path).put("session", b"secret")
    return store


def keystore_first(path: Path, time: SystemTime) -> Blocking:
    opened(path).put("session", b"secret")
    return Blocking(open_store(path, system_time=time))


def keystore_first_and_migrated(path: Path, time: SystemTime) -> Blocking:
    opened(path).put("session", b"secret")
    before, after = migrate_file(path)
    assert before == 0
    assert after > 0
    return Blocking(open_store(path, system_time=time))


@pytest.mark.parametrize("begin", [ledger_first, keystore_first, keystore_first_and_migrated])
def test_a_ledger_and_a_keystore_in_one_file(
    path: Path, time: SystemTime, begin: Callable[[Path, SystemTime], Blocking]
) -> None:
    before = os.umask(0)
    try:
        store = begin(path, time)
    finally:
        os.umask(before)
    market, session = prepare(store)
    keystore = opened(path)
    assert keystore.get("session") == b"secret"
    for number in range(10):
        allowed(store.place(a_purchase(market.service, market.owner, session, 100), None))
        keystore.put(f"session {number}", b"x")
    usage = store.session(session.session.id).session.usage
    assert usage.held == 1_000
    assert change_lock(path, a_lock(), a_lock("another passphrase")) == []
    assert store.session(session.session.id).session.usage == usage
    store.close()
    again = Blocking(open_store(path, system_time=time))
    assert again.session(session.session.id).session.usage == usage
    again.close()
    assert len(opened(path, "another passphrase").names()) == 11
    assert {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()} == {0o600}


def test_a_file_that_a_keystore_made_beside_another_program_s_table_is_no_ledger(path: Path) -> None:
    opened(path).put("session", b"secret")
    rows(path, "CREATE TABLE notes (text TEXT)")
    with pytest.raises(StoreUnreadable, match="another program"):
        open_store(path)
    # It was ours before it was somebody else's as well: its keys must not be out of reach.
    assert opened(path).get("session") == b"secret"


def test_a_ledger_that_others_may_read_holds_no_keys(path: Path, time: SystemTime) -> None:
    Blocking(open_store(path, system_time=time)).close()
    path.chmod(0o644)
    with pytest.raises(KeystoreUnusable, match="others may read"):
        opened(path)
    assert rows(path, "SELECT count(*) FROM sqlite_schema WHERE tbl_name = 'keystore_records'") == [(0,)]
