"""Where the secret of keys at rest comes from: what is given, otherwise the environment, otherwise a clear refusal."""

import stat
from pathlib import Path
from typing import Any

import pyrage
import pytest

from valetkey import NotConfigured, WrongSecret
from valetkey.core.errors import InvalidInput
from valetkey.crypto.locks import AgeLock, PassphraseLock
from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import KeystoreUnusable
from valetkey.sdk.keys_at_rest import PASSPHRASE, PASSPHRASE_FILE, lock_from
from valetkey.sdk.opening import change_lock, open_keystore

WORDS = "correct horse battery staple"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(PASSPHRASE, raising=False)
    monkeypatch.delenv(PASSPHRASE_FILE, raising=False)
    monkeypatch.setenv("VALETKEY_HOME", str(tmp_path / "home"))


def passphrase_of(lock: Any) -> str:
    assert isinstance(lock, PassphraseLock)
    return lock._passphrase.reveal()


def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE, "of the environment")
    lock = AgeLock(Secret(str(pyrage.x25519.Identity.generate())))
    assert lock_from(lock) is lock
    assert passphrase_of(lock_from(WORDS)) == WORDS
    assert passphrase_of(lock_from(Secret(WORDS))) == WORDS
    assert passphrase_of(lock_from()) == "of the environment"


@pytest.mark.parametrize(
    ("text", "passphrase"),
    [(WORDS, WORDS), (f"{WORDS}\n", WORDS), (f"{WORDS}\r\n", WORDS), (f" {WORDS} \n\n", f" {WORDS} \n")],
)
def test_a_file_holds_it_without_its_line_s_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, passphrase: str
) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(text.encode())
    monkeypatch.setenv(PASSPHRASE_FILE, str(file))
    assert passphrase_of(lock_from()) == passphrase
    monkeypatch.setenv(PASSPHRASE, "of the environment")
    assert passphrase_of(lock_from()) == "of the environment"


def test_without_a_secret_it_says_what_to_do_and_makes_nothing(tmp_path: Path) -> None:
    for call in (lock_from, open_keystore):
        with pytest.raises(
            NotConfigured, match=r"passphrase.*AgeLock.*KeyringLock.*VALETKEY_PASSPHRASE_FILE"
        ):
            call()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", None])
def test_a_file_without_one_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "passphrase"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv(PASSPHRASE_FILE, str(file))
    with pytest.raises(NotConfigured, match="the file of VALETKEY_PASSPHRASE_FILE"):
        lock_from()


@pytest.mark.parametrize("given", ["", Secret("")], ids=["text", "secret"])
def test_an_empty_passphrase_is_none(given: Any) -> None:
    with pytest.raises(InvalidInput):
        lock_from(given)


@pytest.mark.parametrize("given", [b"bytes", 7, True, object()], ids=lambda one: type(one).__name__)
def test_what_is_no_lock_is_told_and_not_quoted(given: Any) -> None:
    with pytest.raises(NotConfigured, match=f"{type(given).__name__} is no lock") as caught:
        lock_from(given)
    assert repr(given) not in str(caught.value)


def test_a_keystore_lies_in_the_state_folder_for_its_owner_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(PASSPHRASE, WORDS)
    keystore = open_keystore()
    keystore.put("session", b"secret")
    keystore.close()
    file = tmp_path / "home" / "keys.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert open_keystore(str(file), WORDS).get("session") == b"secret"
    assert change_lock(new="another passphrase") == []
    with pytest.raises(WrongSecret):
        open_keystore().names()
    assert open_keystore(lock="another passphrase").get("session") == b"secret"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeystoreUnusable, match="folder cannot be made"):
        open_keystore(tmp_path / "file" / "keys.db", WORDS)
