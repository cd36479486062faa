"""Where a new secret goes: a new file, the keyring, the keystore, or standard output when that is asked for."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from valetkey.cli.complaint import Complaint
from valetkey.cli.printing import note
from valetkey.cli.secrets_at_hand import KEYRING, KEYSTORE, record_of
from valetkey.crypto.secret import Secret
from valetkey.wire.errors import Exit

if TYPE_CHECKING:
    from valetkey.ports.keystore import Keystore

IN_THE_CLEAR = (
    "WARNING: the {} is printed in the clear. Whoever has it can use it: treat it like a private key."
)


class Destination:
    """Made before the secret is, so that no secret is made that nobody can keep."""

    def __init__(self, what: str, out: Path | None) -> None:
        self.what = what
        self.out = out
        self.text: str | None = None
        self._put: Callable[[str | bytes], None] = self._print

    def put(self, secret: str | bytes) -> None:
        """Keep it; durable when this returns, unless it goes to standard output. Bytes are for files alone."""
        self._put(secret)

    def data(self, name: str) -> dict[str, str]:
        """What JSON says of it: the secret itself only where it goes to standard output."""
        return {name: self.text} if self.text is not None else {f"{name}_file": str(self.out)}

    def _print(self, secret: str | bytes) -> None:
        self.text = _text(secret)


@contextmanager
def destination(
    what: str,
    out: Path | None,
    *,
    printed: bool,
    flag: str,
    kept: "Callable[[], Keystore]",
    warning: str = IN_THE_CLEAR,
) -> Iterator[Destination]:
    """Where `what` is to go. What is there already is refused; a new file is its owner's alone, and gone on failure.

    Without a place it goes to standard output, with the `warning`, when that is asked for by `flag` or is no terminal.
    `kept` opens the keystore. Raises Complaint.
    """
    place, name = Destination(what, out), str(out)
    if out is None:
        if not printed and sys.stdout.isatty():
            raise Complaint(f"where does the {what} go?", Exit.INPUT, hint=f"--out FILE, or {flag}")
        yield place
        if place.text is not None and warning:
            note(warning.format(what))
    elif name.startswith(KEYRING):
        yield _into_the_keyring(place, name.removeprefix(KEYRING))
    elif name.startswith(KEYSTORE):
        yield _into_the_keystore(place, name.removeprefix(KEYSTORE), kept())
    else:
        with _into_a_file(place, out):
            yield place


def _into_the_keyring(place: Destination, account: str) -> Destination:
    from valetkey.crypto.locks.os_keyring import SystemKeyring

    keyring = SystemKeyring()
    if keyring.get(account) is not None:
        raise _is_there(place)
    place._put = lambda secret: keyring.put(account, Secret(_text(secret)))
    return place


def _into_the_keystore(place: Destination, name: str, store: "Keystore") -> Destination:
    # Whether the passphrase opens it, and the name is one, shows now.
    if store.get(record_of(name)) is not None:
        raise _is_there(place)
    place._put = lambda secret: store.put(record_of(name), _text(secret).encode("utf-8"))
    return place


@contextmanager
def _into_a_file(place: Destination, out: Path) -> Iterator[None]:
    path = out.expanduser()
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise _is_there(place, hint=_of_a_killed_run(path)) from None
    except OSError as error:
        raise Complaint(f"{out} cannot be written: {error.strerror}", Exit.ENVIRONMENT) from None

    def write(secret: str | bytes) -> None:
        # A text ends with a line's end, as that of a sealed bundle does by itself.
        data = secret if isinstance(secret, bytes) else (secret.rstrip("\n") + "\n").encode()
        while data:
            data = data[os.write(file, data) :]
        os.fsync(file)
        _sync(path.parent)

    place._put = write
    done = False
    try:
        yield
        done = True
    finally:
        os.close(file)
        if not done and not path.stat().st_size:
            path.unlink()


def _text(secret: str | bytes) -> str:
    if isinstance(secret, bytes):
        raise Complaint("bytes that are no text go into a file", Exit.INPUT, hint="--out FILE")
    return secret


def _sync(folder: Path) -> None:
    """The new name is on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_there(place: Destination, hint: str | None = None) -> Complaint:
    return Complaint(f"{place.out} is there already, and is not replaced", Exit.CONFLICT, hint=hint)


def _of_a_killed_run(path: Path) -> str | None:
    """What to do about a file that a run made and did not live to fill."""
    try:
        is_empty = path.is_file() and not path.stat().st_size
    except OSError:
        return None
    return (
        "it is empty, as a run leaves it that was killed: remove it, and do this again" if is_empty else None
    )
