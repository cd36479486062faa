"""Locks: a header opens with the secret that made it and with no other, and nothing of the secret shows."""

import pickle
import threading
from collections.abc import Callable
from typing import Any

import keyring
import pyrage
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import SecretService, chainer, fail, null

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.crypto.errors import SecretLeak
from valetkey.crypto.locks import AgeLock, Argon2, Header, KeyringLock, Lock, NewerRecord, PassphraseLock
from valetkey.crypto.locks.header import CHECKSUM_BYTES, Kind, _checksum_of
from valetkey.crypto.locks.records import open_record, seal_record
from valetkey.crypto.secret import Secret
from valetkey.crypto.wiping import wipe
from valetkey.ports.keystore import DamagedRecord, KeystoreUnusable, WrongSecret

CHEAP = Argon2(memory_kib=8, iterations=1, lanes=1)
IDENTITY = pyrage.x25519.Identity.generate()
OTHER = pyrage.x25519.Identity.generate()
AGE = str(IDENTITY)
WORDS = "correct horse battery staple"


class Remembering(KeyringBackend):
    """A keyring that encrypts nothing, because it writes nothing: for tests."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


RING = Remembering()

MAKERS: dict[str, Callable[[], Lock]] = {
    "passphrase": lambda: PassphraseLock(Secret(WORDS), CHEAP),
    "age": lambda: AgeLock(Secret(AGE)),
    "keyring": lambda: KeyringLock(backend=RING),
}
WRONG: dict[str, Callable[[], Lock]] = {
    "passphrase": lambda: PassphraseLock(Secret(WORDS + " "), CHEAP),
    "age": lambda: AgeLock(Secret(str(OTHER))),
    "keyring": lambda: KeyringLock(backend=Remembering()),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_the_same_secret_makes_the_same_key_again(kind: str) -> None:
    maker, opener = MAKERS[kind](), MAKERS[kind]()
    header = Header.decode(maker.new_header().encode())
    assert opener.opens(header)
    with maker.key(header) as one, opener.key(header) as other:
        assert one == other
        assert len(one) == 32
        assert any(one)


@pytest.mark.parametrize("kind", MAKERS)
def test_every_header_has_a_key_of_its_own(kind: str) -> None:
    lock = MAKERS[kind]()
    with lock.key(lock.new_header()) as one, lock.key(lock.new_header()) as other:
        assert one != other


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("other", WRONG)
def test_another_secret_opens_nothing(kind: str, other: str) -> None:
    header, lock = MAKERS[kind]().new_header(), WRONG[other]()
    assert not lock.opens(header)
    with pytest.raises(WrongSecret, match=lock.wrong):
        with lock.key(header):
            raise AssertionError("it opened")


@pytest.mark.parametrize("kind", MAKERS)
def test_copies_are_wiped_after_use_and_the_kept_key_by_wipe(kind: str) -> None:
    lock = MAKERS[kind]()
    header = lock.new_header()
    (kept,) = lock._keys.values()
    with lock.key(header) as copy:
        assert copy == kept
        assert copy is not kept
        key = bytes(copy)
    assert copy == bytes(32)
    lock.wipe()
    assert kept == bytes(32)
    assert not lock._keys
    with lock.key(header) as again:
        assert again == key


@pytest.mark.parametrize("kind", MAKERS)
def test_a_lock_shows_nothing_of_its_secret(kind: str) -> None:
    lock = MAKERS[kind]()
    header = lock.new_header()
    with lock.key(header) as key:
        secrets = [WORDS, AGE, key.hex(), *RING.kept.values()]
        shown = f"{lock!r} {lock} {header!r} {header.encode().hex()}"
    assert not [one for one in secrets if one in shown]
    with pytest.raises(SecretLeak):
        pickle.dumps(lock)


def test_a_header_that_lost_one_byte_or_bit_is_damaged() -> None:
    encoded = MAKERS["passphrase"]().new_header().encode()
    for place in range(len(encoded)):
        for bit in range(8):
            changed = bytearray(encoded)
            changed[place] ^= 1 << bit
            with pytest.raises(DamagedRecord):
                Header.decode(bytes(changed))
        with pytest.raises(DamagedRecord):
            Header.decode(encoded[:place])
        with pytest.raises(DamagedRecord):
            Header.decode(encoded[:place] + encoded[place + 1 :])
    with pytest.raises(DamagedRecord):
        Header.decode(encoded + b"\0")


def resealed(encoded: bytes, place: int, value: int) -> bytes:
    """A header that somebody changed on purpose, checksum and all."""
    body = bytearray(encoded[:-CHECKSUM_BYTES])
    body[place] = value
    return bytes(body) + _checksum_of(bytes(body))


@pytest.mark.parametrize(("place", "value"), [(3, 0), (3, 2), (3, 255), (4, 0), (4, 4)])
def test_another_version_or_kind_is_a_newer_one_and_no_damage(place: int, value: int) -> None:
    encoded = MAKERS["passphrase"]().new_header().encode()
    with pytest.raises(NewerRecord, match="newer version"):
        Header.decode(resealed(encoded, place, value))


def test_parameters_of_a_wrong_length_are_damage() -> None:
    encoded = MAKERS["passphrase"]().new_header().encode()
    with pytest.raises(DamagedRecord):
        Header.decode(resealed(encoded, 6, 200))
    for kind, lock in ((Kind.PASSPHRASE, MAKERS["passphrase"]()), (Kind.KEYRING, MAKERS["keyring"]())):
        with pytest.raises(DamagedRecord):
            lock.opens(Header(kind, b"short", bytes(32)))
    assert not MAKERS["age"]().opens(Header(Kind.AGE, b"short", bytes(32)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory_kib", 7),
        ("memory_kib", 4_194_305),
        ("memory_kib", True),
        ("memory_kib", 64.0),
        ("iterations", 0),
        ("iterations", 65),
        ("lanes", 0),
        ("lanes", 65),
        ("lanes", "4"),
    ],
)
def test_argon2_is_bounded(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        Argon2(**{"memory_kib": 64, "iterations": 1, "lanes": 1, field: value})
    assert caught.value.field == field


def test_a_file_cannot_ask_for_more_work_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = MAKERS["passphrase"]()
    greedy = Header(Kind.PASSPHRASE, (2**32 - 1).to_bytes(4) + bytes([0, 3, 4]) + bytes(16), bytes(32))
    monkeypatch.setattr(PassphraseLock, "_slowly", lambda *_: pytest.fail("it began to work"))
    with pytest.raises(DamagedRecord):
        lock.opens(greedy)


def test_the_usual_parameters_are_those_of_the_standard_and_are_stored() -> None:
    lock = PassphraseLock(Secret(WORDS))
    header = lock.new_header()
    assert header.parameters[:7] == (65_536).to_bytes(4) + (3).to_bytes(2) + bytes([4])
    assert PassphraseLock(Secret(WORDS), CHEAP).opens(header)
    assert not lock.is_weak(header)


@pytest.mark.parametrize(
    ("stored", "wanted", "weak"),
    [
        (CHEAP, Argon2(16, 1, 1), True),
        (CHEAP, Argon2(8, 2, 1), True),
        (CHEAP, CHEAP, False),
        (Argon2(16, 1, 1), Argon2(8, 2, 1), False),
        (Argon2(16, 1, 2), CHEAP, False),
    ],
)
def test_less_work_than_today_s_is_weak(stored: Argon2, wanted: Argon2, weak: bool) -> None:
    header = PassphraseLock(Secret(WORDS), stored).new_header()
    assert PassphraseLock(Secret(WORDS), wanted).is_weak(header) is weak


def test_texts_that_look_alike_are_one_passphrase() -> None:
    header = PassphraseLock(Secret("caf\u00e9"), CHEAP).new_header()
    assert PassphraseLock(Secret("cafe\u0301"), CHEAP).opens(header)
    assert not PassphraseLock(Secret("cafe"), CHEAP).opens(header)


@pytest.mark.parametrize("words", [" ", "x" * 100_000, "\udce9", "ключ 🔑", "\0"])
def test_any_text_is_a_passphrase(words: str) -> None:
    header = PassphraseLock(Secret(words), CHEAP).new_header()
    assert PassphraseLock(Secret(words), CHEAP).opens(header)
    assert not PassphraseLock(Secret(words + "x"), CHEAP).opens(header)


def test_too_little_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Greedy:
        def __init__(self, **_: Any) -> None: ...

        def derive_into(self, *_: Any) -> int:
            raise MemoryError

    monkeypatch.setattr("valetkey.crypto.locks.passphrase.Argon2id", Greedy)
    with pytest.raises(KeystoreUnusable, match="8 KiB"):
        MAKERS["passphrase"]().new_header()


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "empty passphrase": (lambda: PassphraseLock(Secret("")), "passphrase"),
    "a bare text": (lambda: PassphraseLock(WORDS), "passphrase"),  # type: ignore[arg-type]
    "no age at all": (lambda: AgeLock(), "identity"),
    "no identity": (lambda: AgeLock(Secret("AGE-SECRET-KEY-1QQ")), "identity"),
    "empty identity": (lambda: AgeLock(Secret("")), "identity"),
    "bare identity": (lambda: AgeLock(AGE), "identity"),  # type: ignore[arg-type]
    "recipient as identity": (lambda: AgeLock(Secret(str(IDENTITY.to_public()))), "identity"),
    "no recipient": (lambda: AgeLock(recipient="age1qq"), "recipient"),
    "identity as recipient": (lambda: AgeLock(recipient=AGE), "recipient"),
    "another's recipient": (lambda: AgeLock(Secret(AGE), str(OTHER.to_public())), "recipient"),
    "empty service": (lambda: KeyringLock("", backend=RING), "service"),
    "long account": (lambda: KeyringLock(account="x" * 101, backend=RING), "account"),
    "control characters": (lambda: KeyringLock(account="a\nb", backend=RING), "account"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_secret_is_refused_and_not_quoted(name: str) -> None:
    make, field = BAD[name]
    with pytest.raises(InvalidInput) as caught:
        make()
    assert caught.value.field == field
    told: BaseException | None = caught.value
    while told is not None:
        assert WORDS not in repr(told)
        assert AGE not in repr(told)
        told = told.__context__


# age


def test_a_recipient_alone_locks_and_does_not_open() -> None:
    locking = AgeLock(recipient=str(IDENTITY.to_public()))
    header = locking.new_header()
    with locking.key(header) as key, AgeLock(Secret(AGE)).key(header) as same:
        assert key == same
    locking.wipe()
    assert locking.opens(header)
    assert not locking.has_key(header)
    with pytest.raises(WrongSecret, match="only its identity opens"):
        with locking.key(header):
            raise AssertionError("it opened")
    assert not AgeLock(recipient=str(OTHER.to_public())).opens(header)
    assert not locking.opens(MAKERS["passphrase"]().new_header())


def test_what_it_seals_opens_with_the_standard_tool_s_format() -> None:
    lock = AgeLock(Secret(f" {AGE}\n"), str(IDENTITY.to_public()))
    header = lock.new_header()
    recipient, sealed = header.parameters[:62], header.parameters[62:]
    assert recipient.decode() == lock.recipient == str(IDENTITY.to_public())
    assert sealed.startswith(b"age-encryption.org/v1\n")
    with lock.key(header) as key:
        assert pyrage.decrypt(sealed, [IDENTITY]) == key


# The keyring


@pytest.fixture
def configured() -> Any:
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


class PlaintextKeyring(Remembering):
    """As the one that some distributions bring along."""


class Chain(chainer.ChainerBackend):
    backends = [PlaintextKeyring(), null.Keyring()]  # noqa: RUF012


@pytest.mark.parametrize(
    "backend", [fail.Keyring(), null.Keyring(), PlaintextKeyring(), Remembering(), Chain()]
)
def test_only_a_keyring_of_the_system_is_used(configured: Any, backend: KeyringBackend) -> None:
    configured(backend)
    with pytest.raises(KeystoreUnusable, match=r"no keyring of the operating system.*passphrase") as caught:
        KeyringLock().new_header()
    assert not caught.value.retryable
    assert not getattr(backend, "kept", None)


def test_out_of_a_chain_the_system_s_one_is_used_and_no_other(
    configured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, ring, kept = PlaintextKeyring(), SecretService.Keyring(), Remembering()
    monkeypatch.setattr(ring, "get_password", kept.get_password)
    monkeypatch.setattr(ring, "set_password", kept.set_password)
    monkeypatch.setattr(Chain, "backends", [plain, ring])
    configured(Chain())
    lock = KeyringLock("shop", "keys")
    header = lock.new_header()
    assert KeyringLock("shop", "keys").opens(header)
    assert not plain.kept
    assert [name.partition(":")[::2] for _, name in kept.kept] == [("keys", header.parameters.hex())]


@pytest.mark.parametrize("backend", [fail.Keyring(), null.Keyring(), PlaintextKeyring()])
def test_nobody_can_vouch_for_one_that_keeps_nothing_or_plain_text(backend: KeyringBackend) -> None:
    with pytest.raises(KeystoreUnusable, match="keeps nothing, or keeps it in plain text"):
        KeyringLock(backend=backend)


def test_a_keyring_that_forgets_is_not_trusted() -> None:
    class Forgetful(Remembering):
        def set_password(self, service: str, username: str, password: str) -> None:
            super().set_password(service, username, password[:-1])

    with pytest.raises(KeystoreUnusable, match="did not keep"):
        KeyringLock(backend=Forgetful()).new_header()


def test_a_keyring_that_fails_is_told_without_its_words() -> None:
    class Locked(Remembering):
        def set_password(self, service: str, username: str, password: str) -> None:
            raise ValueError(f"cannot write {password}")

    with pytest.raises(KeystoreUnusable, match="does not answer: ValueError") as caught:
        KeyringLock(backend=Locked()).new_header()
    assert caught.value.__context__ is None


def test_an_entry_that_another_one_overwrote_is_a_wrong_secret() -> None:
    ring = Remembering()
    header = KeyringLock(backend=ring).new_header()
    ((entry, secret),) = ring.kept.items()
    for changed in ("0" * 64, "", secret.upper() + "x", "\ud800"):
        ring.kept[entry] = changed
        assert not KeyringLock(backend=ring).opens(header)
    del ring.kept[entry]
    assert not KeyringLock(backend=ring).opens(header)
    ring.kept[entry] = secret
    assert KeyringLock(backend=ring).opens(header)


def test_two_that_begin_at_once_do_not_take_each_other_s_entry() -> None:
    ring = Remembering()
    one, other = KeyringLock(backend=ring), KeyringLock(backend=ring)
    first, second = one.new_header(), other.new_header()
    assert KeyringLock(backend=ring).opens(first)
    assert KeyringLock(backend=ring).opens(second)


# Records


def test_a_record_opens_under_its_key_header_and_name_alone() -> None:
    key, other = bytearray(b"k" * 32), bytearray(b"o" * 32)
    body = seal_record(key, b"header", "name", b"secret")
    assert open_record(key, b"header", "name", body) == b"secret"
    assert body != seal_record(key, b"header", "name", b"secret")
    for wrong in (
        (other, b"header", "name", body),
        (key, b"headem", "name", body),
        (key, b"header", "nam", body),
        (key, b"heade", "rname", body),
        (key, b"header", "name", b""),
        (key, b"header", "name", body[:60]),
        (key, b"header", "name", body + b"\0"),
    ):
        with pytest.raises(DamagedRecord) as caught:
            open_record(*wrong)
        assert str(caught.value) == "the record is damaged"


def test_wiping_overwrites_in_place() -> None:
    secret = bytearray(b"secret")
    view = memoryview(secret)
    wipe(secret)
    assert bytes(view) == bytes(6)


def test_threads_derive_a_key_once_and_a_wipe_takes_nobody_s_key() -> None:
    lock = MAKERS["passphrase"]()
    header = lock.new_header()
    with lock.key(header) as key:
        wanted = bytes(key)
    failures: list[object] = []

    def use() -> None:
        for _ in range(300):
            try:
                with lock.key(header) as one:
                    if bytes(one) != wanted:
                        failures.append(bytes(one))
            except ValetkeyError as error:
                failures.append(error)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        lock.wipe()
    for thread in threads:
        thread.join()
    assert not failures


def test_two_threads_may_derive_at_once() -> None:
    """With several lanes OpenSSL's own threads would wait for each other for ever."""
    cost = Argon2(memory_kib=16_384, iterations=2, lanes=4)
    threads = [
        threading.Thread(target=PassphraseLock(Secret(WORDS), cost).new_header, daemon=True) for _ in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert not any(one.is_alive() for one in threads)
