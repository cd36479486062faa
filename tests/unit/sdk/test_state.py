"""The state folder: whole files for one reader, names that lead nowhere else, locks, and a disk that says no."""

import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.ports.wallet import SignedTransaction
from valetkey.sdk.journal import Entry, Journal
from valetkey.sdk.state import StateFolder, StateUnusable

WALLET = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
SIGNED = SignedTransaction(b"\x02raw", "0x" + "ab" * 32, 7, 10**18)

HOLDER = """
import sys
from pathlib import Path
from valetkey.sdk.state import StateFolder
folder = StateFolder(Path(sys.argv[1]))
print(folder.try_lock("wallet") is not None, flush=True)
sys.stdin.read()
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    folder = StateFolder(home)
    folder.write("recovery", "name", b"secret")
    lock = folder.try_lock("wallet")
    assert lock is not None
    folder.unlock(lock)
    assert {mode(path) for path in [home, home / "recovery", home / "locks"]} == {0o700}
    assert {mode(path) for path in home.rglob("*") if path.is_file()} == {0o600}


def test_what_was_written_is_there_until_it_is_removed(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    assert folder.read("room", "name") is None
    folder.write("room", "name", b"one")
    folder.write("room", "name", b"two")
    assert StateFolder(tmp_path).read("room", "name") == b"two"
    assert [path.name for path in (tmp_path / "room").iterdir()] == ["name"], "no half is left"
    folder.remove("room", "name")
    folder.remove("room", "name")
    assert folder.read("room", "name") is None


def test_many_threads_write_one_name(tmp_path: Path) -> None:
    """Two agents that take the same bundle over at once."""
    values = [bytes([n]) * 10_000 for n in range(16)]
    problems: list[BaseException] = []
    begin = threading.Barrier(len(values))

    def write(value: bytes) -> None:
        folder = StateFolder(tmp_path)
        begin.wait()
        try:
            for _ in range(10):
                folder.write("room", "name", value)
                assert folder.read("room", "name") in values
        except (StateUnusable, AssertionError) as error:
            problems.append(error)

    threads = [threading.Thread(target=write, args=(value,)) for value in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


@given(st.text(max_size=300))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    room = StateFolder(Path("/home/x"))._path("room", name).parent
    assert room == Path("/home/x/room")


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "", ".", "..", "a/b", "a\x00b", "x" * 5_000, "\ud800", "\u017f"]
)
def test_strange_ids_are_only_strange(tmp_path: Path, name: str) -> None:
    folder = StateFolder(tmp_path / "home")
    folder.write("room", name, b"kept")
    assert folder.read("room", name) == b"kept"
    assert [path.parent.name for path in tmp_path.rglob("*") if path.is_file()] == ["room"]
    folder.remove("room", name)
    assert folder.read("room", name) is None


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    mine = StateFolder(tmp_path).try_lock("wallet")
    assert mine is not None
    assert StateFolder(tmp_path).try_lock("wallet") is None
    other = StateFolder(tmp_path).try_lock("another")
    assert other is not None
    StateFolder.unlock(mine)
    again = StateFolder(tmp_path).try_lock("wallet")
    assert again is not None
    StateFolder.unlock(again)
    StateFolder.unlock(other)


def test_a_lock_is_held_against_processes_and_dies_with_its_holder(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        assert StateFolder(tmp_path).try_lock("wallet") is None
        holder.kill()
    lock = StateFolder(tmp_path).try_lock("wallet")
    assert lock is not None
    StateFolder.unlock(lock)


def test_a_folder_that_cannot_be_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = StateFolder(tmp_path / "file" / "home")
    for step in (
        lambda: folder.write("room", "name", b"x"),
        lambda: folder.read("room", "name"),
        lambda: folder.remove("room", "name"),
        lambda: folder.try_lock("name"),
        lambda: folder.check_writable("room"),
    ):
        with pytest.raises(StateUnusable) as caught:
            step()
        assert not caught.value.retryable
        assert str(tmp_path) not in str(caught.value)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = StateFolder(tmp_path)
    folder.write("room", "name", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("valetkey.sdk.state.os.fsync", full)
    with pytest.raises(StateUnusable, match="No space left"):
        folder.write("room", "name", b"new")
    assert folder.read("room", "name") == b"old"
    assert [path.name for path in (tmp_path / "room").iterdir()] == ["name"], "no half is left"


def test_the_journal_keeps_what_was_signed(tmp_path: Path) -> None:
    journal = Journal(StateFolder(tmp_path), 84532, WALLET)
    assert journal.find("pay txn") is None
    kept = journal.keep("pay txn", SIGNED, "note")
    again = Journal(StateFolder(tmp_path), 84532, WALLET.lower())
    assert again.find("pay txn") == kept == Entry(SIGNED, "note")
    for other in (
        Journal(StateFolder(tmp_path), 8453, WALLET),
        Journal(StateFolder(tmp_path), 84532, "0x" + "1" * 40),
    ):
        assert other.find("pay txn") is None
    journal.forget("pay txn")
    journal.forget("pay txn")
    assert again.find("pay txn") is None


@pytest.mark.parametrize("purpose", ["pay ../../x", "pay a b", "pay " + "x" * 500])
def test_purposes_hold_ids_of_any_kind(tmp_path: Path, purpose: str) -> None:
    journal = Journal(StateFolder(tmp_path / "home"), 84532, WALLET)
    journal.keep(purpose, SIGNED)
    assert journal.find(purpose) == Entry(SIGNED, "")
    assert [path.parent.name for path in tmp_path.rglob("*") if path.is_file()] == ["signed"]


@pytest.mark.parametrize("text", [b"", b"{}", b"null", b'{"raw":"!!"}', b"\xff"])
def test_a_damaged_journal_is_not_taken_for_an_empty_one(tmp_path: Path, text: bytes) -> None:
    folder = StateFolder(tmp_path)
    journal = Journal(folder, 84532, WALLET)
    journal.keep("pay txn", SIGNED)
    (path,) = (tmp_path / "signed").iterdir()
    path.write_bytes(text)
    with pytest.raises(StateUnusable):
        journal.find("pay txn")
