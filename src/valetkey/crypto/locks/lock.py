"""What every lock does: keep the keys that it made, hand out copies that are wiped, and tell a wrong secret."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, NoReturn

from valetkey.crypto.errors import SecretLeak
from valetkey.crypto.locks.header import Header, Kind
from valetkey.crypto.wiping import wipe
from valetkey.ports.keystore import WrongSecret


class Lock(ABC):
    """A real secret, as what makes keys out of headers. Each key is made once and kept in memory until `wipe`.

    It may be used by several threads and for several keystores.
    """

    kind: ClassVar[Kind]
    wrong: str
    """What is said of a wrong secret: one text, whatever was wrong with it."""

    def __init__(self) -> None:
        self._keys: dict[Header, bytearray] = {}
        self._mutex = threading.Lock()

    def new_header(self) -> Header:
        """A header with a key of its own, for records to come. Raises KeystoreUnusable."""
        with self._mutex:
            parameters, key = self._new()
            header = Header.of(self.kind, parameters, key)
            self._keys[header] = key
            return header

    def opens(self, header: Header) -> bool:
        """Whether this is the secret that the header was made with. Raises DamagedRecord and KeystoreUnusable."""
        with self._mutex:
            return self._key(header) is not None

    @contextmanager
    def key(self, header: Header) -> Iterator[bytearray]:
        """The 32-byte key of a header; wiped at the end of the block. Raises WrongSecret, and as `opens`."""
        with self._mutex:
            kept = self._key(header)
            # A copy: another thread may wipe the lock while this one encrypts, and zeros are a key as well.
            key = None if kept is None else bytearray(kept)
        if key is None:
            raise WrongSecret(self.wrong)
        try:
            yield key
        finally:
            wipe(key)

    def has_key(self, header: Header) -> bool:
        """Whether records can be sealed under a header that this lock opens."""
        return self.opens(header)

    def is_weak(self, header: Header) -> bool:  # noqa: ARG002 - most locks have one strength
        """Whether records under this header are to be sealed again under a new one."""
        return False

    def wipe(self) -> None:
        """Overwrite the keys in memory. What needs one later makes it again."""
        with self._mutex:
            for key in self._keys.values():
                wipe(key)
            self._keys.clear()

    def _key(self, header: Header) -> bytearray | None:
        if header.kind is not self.kind:
            return None
        if header in self._keys:
            return self._keys[header]
        key = self._derive(header.parameters)
        if key is None:
            return None
        if not header.fits(key):
            wipe(key)
            return None
        self._keys[header] = key
        return key

    @abstractmethod
    def _new(self) -> tuple[bytes, bytearray]:
        """New parameters and the key that they make."""

    @abstractmethod
    def _derive(self, parameters: bytes) -> bytearray | None:
        """The key of parameters; None when this secret makes none. Raises DamagedRecord for what are none."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise SecretLeak("a lock is not pickled: it holds a secret")
