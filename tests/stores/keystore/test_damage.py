"""Damage of one record is told for that one alone, whatever byte it is, and never taken for another text."""

from pathlib import Path

import pytest

from tests.stores.keystore.making import WORDS, a_lock, opened, record, rows, set_record
from valetkey.crypto.locks.header import CHECKSUM_BYTES, _checksum_of
from valetkey.ports.keystore import DamagedRecord, KeystoreUnusable, WrongSecret

NAMES = ["before", "damaged", "behind"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.db"
    keystore = opened(path)
    for name in NAMES:
        keystore.put(name, f"secret of {name}".encode())
    keystore.close()
    return path


def check_neighbours(path: Path) -> None:
    keystore = opened(path)
    for name in ("before", "behind"):
        assert keystore.get(name) == f"secret of {name}".encode()
    keystore.close()


@pytest.mark.parametrize("bits", [0x01, 0x80, 0xFF])
def test_each_byte_of_a_record_in_turn(path: Path, bits: int) -> None:
    header, body = record(path, "damaged")
    keystore = opened(path)
    for place in range(len(header) + len(body)):
        changed = bytearray(header + body)
        changed[place] ^= bits
        set_record(path, "damaged", bytes(changed[: len(header)]), bytes(changed[len(header) :]))
        with pytest.raises(DamagedRecord) as caught:
            keystore.get("damaged")
        assert str(caught.value) == "the record is damaged"
        for name in ("before", "behind"):
            assert keystore.get(name) == f"secret of {name}".encode()
        assert keystore.names() == sorted(NAMES)
    # A fresh keystore, too, which has no key yet.
    check_neighbours(path)
    set_record(path, "damaged", header, body)
    assert keystore.get("damaged") == b"secret of damaged"


def test_a_record_that_was_cut_or_grew(path: Path) -> None:
    header, body = record(path, "damaged")
    changed = [(header[:end], body) for end in range(len(header))]
    changed += [(header, body[:end]) for end in range(len(body))]
    changed += [(header + b"\0", body), (header, body + b"\0"), (b"", b""), (body, header)]
    for one, other in changed:
        set_record(path, "damaged", one, other)
        with pytest.raises(DamagedRecord):
            opened(path).get("damaged")
    check_neighbours(path)


def test_the_only_record_that_is_damaged_does_not_make_a_wrong_secret_right(path: Path) -> None:
    keystore = opened(path)
    keystore.remove("before")
    keystore.remove("behind")
    header, body = record(path, "damaged")
    set_record(path, "damaged", header, body[:-1] + bytes([body[-1] ^ 1]))
    with pytest.raises(WrongSecret):
        opened(path, "a guess").get("damaged")
    with pytest.raises(DamagedRecord):
        opened(path).get("damaged")
    set_record(path, "damaged", header[:-1] + bytes([header[-1] ^ 1]), body)
    with pytest.raises(DamagedRecord):
        opened(path).get("damaged")


def test_records_that_changed_places_do_not_open(path: Path) -> None:
    one, other = record(path, "before"), record(path, "behind")
    set_record(path, "before", *other)
    set_record(path, "behind", *one)
    keystore = opened(path)
    for name in ("before", "behind"):
        with pytest.raises(DamagedRecord):
            keystore.get(name)
    assert keystore.get("damaged") == b"secret of damaged"


@pytest.mark.parametrize("name", ["moved", "damage", "damaged ", "Damaged"])
def test_a_record_under_another_name_does_not_open(path: Path, name: str) -> None:
    rows(path, "UPDATE keystore_records SET name = ? WHERE name = 'damaged'", name)
    with pytest.raises(DamagedRecord):
        opened(path).get(name)
    assert opened(path).get("damaged") is None
    check_neighbours(path)


def test_a_body_of_one_record_under_another_s_header_does_not_open(path: Path) -> None:
    other = path.with_name("other.db")
    opened(other).put("damaged", b"of another file")
    set_record(path, "damaged", record(path, "damaged")[0], record(other, "damaged")[1])
    with pytest.raises(DamagedRecord):
        opened(path).get("damaged")
    # A whole record of the same secret opens: it is one that this secret locked for this name.
    set_record(path, "damaged", *record(other, "damaged"))
    assert opened(path).get("damaged") == b"of another file"


def test_a_damaged_record_can_be_replaced_and_removed(path: Path) -> None:
    for name in ("before", "damaged"):
        header, body = record(path, name)
        set_record(path, name, header[:-1] + b"x", body)
    keystore = opened(path)
    keystore.put("damaged", b"anew")
    assert keystore.get("damaged") == b"anew"
    assert keystore.remove("before") is True
    assert keystore.names() == ["behind", "damaged"]


def resealed(header: bytes, place: int, value: int) -> bytes:
    """A header that somebody changed on purpose, checksum and all."""
    body = bytearray(header[:-CHECKSUM_BYTES])
    body[place] = value
    return bytes(body) + _checksum_of(bytes(body))


def test_each_byte_of_a_header_that_was_changed_on_purpose(path: Path) -> None:
    """Its checksum is right again: it opens nothing, and the others say that the secret is right."""
    header, body = record(path, "damaged")
    for place in range(len(header) - CHECKSUM_BYTES):
        # The version, the kind and the work that is asked for have tests of their own.
        if place in (3, 4) or 7 <= place < 14:
            continue
        set_record(path, "damaged", resealed(header, place, header[place] ^ 1), body)
        keystore = opened(path)
        with pytest.raises(DamagedRecord):
            keystore.get("damaged")
        keystore.put("new", b"x")
        assert record(path, "new")[0] == header
    check_neighbours(path)


def test_a_record_of_a_newer_version_is_no_damage_and_hinders_no_other(path: Path) -> None:
    header, body = record(path, "damaged")
    newer = resealed(header, 3, 2)
    set_record(path, "damaged", newer, body)
    keystore = opened(path)
    with pytest.raises(KeystoreUnusable, match="newer version") as caught:
        keystore.get("damaged")
    assert not caught.value.retryable
    check_neighbours(path)
    with pytest.raises(KeystoreUnusable, match="newer version"):
        keystore.change_lock(a_lock("new words"))
    check_neighbours(path)
    assert record(path, "damaged") == (newer, body)
    with pytest.raises(WrongSecret):
        opened(path, "a guess").names()


def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    for name in NAMES:
        header, body = record(path, name)
        set_record(path, name, resealed(header, 3, 2), body)
    before = rows(path, "SELECT * FROM keystore_records")
    for call in (
        lambda: opened(path).names(),
        lambda: opened(path).get("before"),
        lambda: opened(path).put("before", b"x"),
        lambda: opened(path).remove("before"),
        lambda: opened(path).change_lock(a_lock("new words")),
    ):
        with pytest.raises(KeystoreUnusable, match="newer version"):
            call()
    assert rows(path, "SELECT * FROM keystore_records") == before


def test_a_file_whose_pages_are_damaged_is_told(path: Path) -> None:
    opened(path).close()
    rows(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    # All of it but the first page, where SQLite keeps what tables there are.
    data[4_096:] = b"\xa5" * (len(data) - 4_096)
    path.write_bytes(data)
    with pytest.raises(KeystoreUnusable, match="damaged: restore a copy") as caught:
        opened(path).get("before")
    assert not caught.value.retryable
    assert WORDS not in str(caught.value)
