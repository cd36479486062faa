"""A file that is there when it is whole, and not before."""

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from valetkey.sdk.state import StateUnusable


class PartFile:
    """What is written becomes the file at the end, in the place of one that was there; an error leaves that one alone.

    Readable by its owner only. Raises StateUnusable where the disk does not take it.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")

    def __enter__(self) -> Self:
        try:
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise StateUnusable(f"the file cannot be written: {error.strerror}") from None
        self._file = os.fdopen(descriptor, "wb")
        return self

    def write(self, piece: bytes) -> None:
        """Write a piece."""
        try:
            self._file.write(piece)
        except OSError as error:
            raise StateUnusable(f"the file cannot be written: {error.strerror}") from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        problem = None
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if kind is None:
                self._part.replace(self._path)
                self._sync_folder()
                return
        except OSError as failure:
            problem = failure
        with suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)
        if kind is None and problem is not None:
            raise StateUnusable(f"the file cannot be written: {problem.strerror}")

    def _sync_folder(self) -> None:
        """Its new name is on the disk, too."""
        descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
