"""Secrets in and out of the command line: files, standard input, the environment, the keyring. Never an argument."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valetkey.cli.complaint import Complaint
from valetkey.cli.configured import Found
from valetkey.cli.printing import note
from valetkey.crypto.secret import Secret
from valetkey.wire.errors import Exit

STANDARD_INPUT = "-"
KEYRING = "keyring:"
SECRET_BYTES_MAX = 1_048_576


def secret_of(found: Found) -> Secret | None:
    """The secret that was found, out of its file when it is one; None when there is none. Raises Complaint."""
    if found.value is None:
        return None
    text = read_text(Path(found.value), found.setting.meaning) if found.is_file else found.value
    # An editor ends a file with a line's end; of a passphrase, blanks may be meant.
    text = text.removesuffix("\n").removesuffix("\r") if found.setting.name == "passphrase" else text.strip()
    if not text:
        raise Complaint(f"there is nothing in {found.source}: {found.setting.meaning} is needed", Exit.INPUT)
    return Secret(text)


def read_text(path: Path, what: str) -> str:
    """A text out of a file, of standard input (`-`), or of the keyring (`keyring:ACCOUNT`). Raises Complaint."""
    name = str(path)
    if name == STANDARD_INPUT:
        return sys.stdin.read(SECRET_BYTES_MAX)
    if name.startswith(KEYRING):
        from valetkey.crypto.locks.os_keyring import SystemKeyring

        kept = SystemKeyring().get(name.removeprefix(KEYRING))
        if kept is None:
            raise Complaint(f"the keyring has no entry {name.removeprefix(KEYRING)}", Exit.INPUT)
        return kept.reveal()
    try:
        with path.expanduser().open(encoding="utf-8") as file:
            return file.read(SECRET_BYTES_MAX)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise Complaint(f"{path} cannot be read for {what}: {why}", Exit.INPUT) from None


class Destination:
    """Where a new secret goes: made before the secret is, so that no secret is made that nobody can keep."""

    def __init__(self, what: str, out: Path | None) -> None:
        self.what = what
        self.out = out
        self.text: str | None = None
        self._file: int | None = None

    def put(self, secret: str) -> None:
        """Keep it; durable when this returns, unless it goes to standard output."""
        if self.out is None:
            self.text = secret
        elif self._file is not None:
            # What a bundle or a key is written as, with a line's end as every text has.
            os.write(self._file, f"{secret}\n".encode())
            os.fsync(self._file)
            self.text = None
        else:
            from valetkey.crypto.locks.os_keyring import SystemKeyring

            SystemKeyring().put(str(self.out).removeprefix(KEYRING), Secret(secret))

    def data(self, name: str) -> dict[str, str]:
        """What JSON says of it: the secret itself only where it goes to standard output."""
        return {name: self.text} if self.text is not None else {f"{name}_file": str(self.out)}


@contextmanager
def destination(what: str, out: Path | None, *, printed: bool, flag: str) -> Iterator[Destination]:
    """Where `what` is to go. An existing file is refused; a new one is its owner's alone, and gone again on failure.

    Without a file it goes to standard output, when that is asked for by `flag` or is no terminal. Raises Complaint.
    """
    place = Destination(what, out)
    if out is None:
        if not printed and sys.stdout.isatty():
            raise Complaint(f"where does the {what} go?", Exit.INPUT, hint=f"--out FILE, or {flag}")
        yield place
        if place.text is not None:
            note(
                f"WARNING: the {what} is printed in the clear. Whoever has it can use it: treat it like a private key."
            )
        return
    if str(out).startswith(KEYRING):
        from valetkey.crypto.locks.os_keyring import SystemKeyring

        if SystemKeyring().get(str(out).removeprefix(KEYRING)) is not None:
            raise Complaint(f"{out} is there already, and is not replaced", Exit.CONFLICT)
        yield place
        return
    path = out.expanduser()
    try:
        place._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Complaint(f"{out} is there already, and is not replaced", Exit.CONFLICT) from None
    except OSError as error:
        raise Complaint(f"{out} cannot be written: {error.strerror}", Exit.ENVIRONMENT) from None
    done = False
    try:
        yield place
        done = True
    finally:
        os.close(place._file)
        if not done and not path.stat().st_size:
            path.unlink()
