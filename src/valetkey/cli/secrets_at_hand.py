"""Secrets that are here already: in files, standard input, environment, keyring or keystore. Never an argument."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from valetkey.cli.complaint import Complaint
from valetkey.cli.configured import Found
from valetkey.crypto.secret import Secret
from valetkey.wire.errors import Exit

if TYPE_CHECKING:
    from valetkey.ports.keystore import Keystore

STANDARD_INPUT = "-"
KEYRING = "keyring:"
KEYSTORE = "keystore:"
SECRET_BYTES_MAX = 1_048_576

_OF_A_NAME = "secret "
"""How the keystore's records of secrets begin that were put under a name of somebody's own."""

_OF_A_KEY_HASH = 66
"""Characters of what names a session that a Client keeps: 0x and 64 hex digits."""


def secret_of(found: Found, kept: "Callable[[], Keystore] | None" = None) -> Secret | None:
    """The secret that was found, out of where it is when that is named; None when there is none. Raises Complaint."""
    if found.value is None:
        return None
    text = found.value
    if found.is_file:
        text = read_text(Path(found.value), found.setting.meaning, kept)
    # An editor ends a file with a line's end; of a passphrase, blanks may be meant.
    is_passphrase = found.setting.name.endswith("passphrase")
    text = text.removesuffix("\n").removesuffix("\r") if is_passphrase else text.strip()
    if not text:
        raise _nothing(found)
    return Secret(text)


def handed_in(found: Found, kept: "Callable[[], Keystore] | None" = None) -> str | bytes | None:
    """As `secret_of`, of a bundle: a sealed one may be bytes that are no text."""
    from valetkey.wire.sealed_bundle import is_sealed

    if found.value is None or not found.is_file or is_named_elsewhere(found.value):
        secret = secret_of(found, kept)
        return None if secret is None else secret.reveal()
    data = read_bytes(Path(found.value), found.setting.meaning)
    if is_sealed(data):
        return data
    text = _decoded(data, found.value, found.setting.meaning).strip()
    if not text:
        raise _nothing(found)
    return text


def is_named_elsewhere(name: str) -> bool:
    """Whether this names an entry of the keyring or the keystore, and no file."""
    return name.startswith((KEYRING, KEYSTORE))


def read_text(path: Path, what: str, kept: "Callable[[], Keystore] | None" = None) -> str:
    """A text out of a file, of standard input (`-`), of the keyring (`keyring:ACCOUNT`), or of the keystore.

    `kept` opens the keystore, for `keystore:NAME`. Raises Complaint.
    """
    name = str(path)
    if name.startswith(KEYSTORE):
        if kept is None:
            raise Complaint(f"{what} cannot come out of the keystore, which it opens", Exit.INPUT)
        return _kept(kept(), name.removeprefix(KEYSTORE))
    if name.startswith(KEYRING):
        from valetkey.crypto.locks.os_keyring import SystemKeyring

        secret = SystemKeyring().get(name.removeprefix(KEYRING))
        if secret is None:
            raise Complaint(f"the keyring has no entry {name.removeprefix(KEYRING)}", Exit.INPUT)
        return secret.reveal()
    return _decoded(read_bytes(path, what), name, what)


def read_bytes(path: Path, what: str) -> bytes:
    """What is in a file or comes from standard input (`-`), a megabyte at most. Raises Complaint."""
    if str(path) == STANDARD_INPUT:
        return sys.stdin.buffer.read(SECRET_BYTES_MAX)
    try:
        with path.expanduser().open("rb") as file:
            return file.read(SECRET_BYTES_MAX)
    except OSError as error:
        raise Complaint(f"{path} cannot be read for {what}: {error.strerror}", Exit.INPUT) from None


def record_of(name: str) -> str:
    """The keystore's record of a secret that was put under this name. Raises Complaint for no name."""
    if not name:
        raise Complaint(f"{KEYSTORE}NAME says what it is called in the keystore", Exit.INPUT)
    return f"{_OF_A_NAME}{name}"


def _kept(store: "Keystore", name: str) -> str:
    """A secret by its name, or the bundle of a session that a Client keeps, by the hash of its key."""
    from valetkey.crypto.wiping import wipe
    from valetkey.sdk.kept_sessions import SessionKeys

    found = store.get(record_of(name))
    if found is not None:
        try:
            return found.decode("utf-8")
        finally:
            wipe(found)
    session = SessionKeys(store).find(name) if len(name) == _OF_A_KEY_HASH else None
    if session is not None and session.bundle:
        return session.bundle
    what = "has no bundle in" if session is not None else "is not in"
    raise Complaint(
        f"{name} {what} the keystore", Exit.NOT_FOUND, hint="valetkey keystore list says what is kept"
    )


def _decoded(data: bytes, name: str, what: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Complaint(f"{name} cannot be read for {what}: it is no UTF-8", Exit.INPUT) from None


def _nothing(found: Found) -> Complaint:
    return Complaint(f"there is nothing in {found.source}: {found.setting.meaning} is needed", Exit.INPUT)
