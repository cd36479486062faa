"""The state folder of an agent: files that are there whole or not at all, readable by their owner alone, and locks."""

import fcntl
import hashlib
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from valetkey.core.errors import EnvironmentFailure

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


class StateUnusable(EnvironmentFailure):
    """The state folder cannot be written or read: nothing that depends on it was done."""

    code = "state_unusable"
    retryable = False


class StateFolder:
    """Small files by room and name. What was written is on the disk when `write` returns."""

    def __init__(self, home: Path) -> None:
        self._home = home

    @property
    def home(self) -> Path:
        """Where it is."""
        return self._home

    def write(self, room: str, name: str, data: bytes) -> None:
        """Keep bytes under a name; what was there before is replaced at once or not at all."""
        path = self._path(room, name)
        # Two threads that write the same name at once have a half of their own each.
        half = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
        try:
            self._make(path.parent)
            descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            half.replace(path)
            self._sync(path.parent)
        except OSError as error:
            with suppress(OSError):
                half.unlink()
            raise _unusable(error) from None

    def check_writable(self, room: str) -> None:
        """Raise StateUnusable now, rather than after a step whose outcome could not be kept."""
        try:
            self._make(self._home / room)
        except OSError as error:
            raise _unusable(error) from None
        if not os.access(self._home / room, os.W_OK | os.X_OK):
            raise StateUnusable("the state folder cannot be used: it is not writable")

    def read(self, room: str, name: str) -> bytes | None:
        """What is kept under a name; None when there is nothing."""
        try:
            return self._path(room, name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(error) from None

    def names(self, room: str) -> list[str]:
        """The names that something is kept under, sorted."""
        try:
            found = [path.name for path in (self._home / room).iterdir() if not path.name.endswith(".new")]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unusable(error) from None
        return sorted(found)

    def remove(self, room: str, name: str) -> None:
        """Forget what is kept under a name, if anything is."""
        path = self._path(room, name)
        try:
            with suppress(FileNotFoundError):
                path.unlink()
                self._sync(path.parent)
        except OSError as error:
            raise _unusable(error) from None

    def try_lock(self, name: str) -> int | None:
        """A lock that nobody else holds, in this process or another, as a descriptor to `unlock`; None when held."""
        path = self._path("locks", name)
        try:
            self._make(path.parent)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            raise _unusable(error) from None
        return descriptor

    @staticmethod
    def unlock(descriptor: int) -> None:
        """Give a lock back."""
        os.close(descriptor)

    def _path(self, room: str, name: str) -> Path:
        # Names hold ids that a platform gave: one that is no plain word must not lead out of the folder.
        plain = (
            name if _PLAIN.fullmatch(name) else hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
        )
        return self._home / room / plain

    def _make(self, folder: Path) -> None:
        # Parents that are made on the way get no mode: the folder itself is made first.
        for path in (self._home, folder):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)

    @staticmethod
    def _sync(folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _unusable(error: OSError) -> StateUnusable:
    return StateUnusable(f"the state folder cannot be used: {error.strerror}")
