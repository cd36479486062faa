"""A passphrase as a lock: Argon2id (RFC 9106), with the parameters stored beside what it locks.

Parameters: memory in KiB (4), iterations (2), lanes (1), salt (16); numbers are big endian.
"""

import secrets
import struct
import threading
import unicodedata
from dataclasses import dataclass
from typing import cast

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from valetkey.core.errors import InvalidInput
from valetkey.crypto.aead import KEY_BYTES
from valetkey.crypto.locks.header import Header, Kind
from valetkey.crypto.locks.lock import Lock
from valetkey.crypto.secret import Secret
from valetkey.crypto.wiping import wipe
from valetkey.ports.keystore import DamagedRecord, KeystoreUnusable

SALT_BYTES = 16
MEMORY_KIB_MAX = 4_194_304
ITERATIONS_MAX = 64
LANES_MAX = 64
_FORMAT = struct.Struct(f">IHB{SALT_BYTES}s")


_ONE_AT_A_TIME = threading.Lock()
"""Two derivations with lanes at once wait for each other's threads for ever: OpenSSL's pool hands out too few."""


@dataclass(frozen=True, slots=True)
class Argon2:
    """What deriving a key costs whoever guesses: memory in KiB, passes over it, lanes that work at once.

    The usual values are the second recommended option of RFC 9106: 64 MiB, 3 passes, 4 lanes. At most 4 GiB, 64 passes
    and 64 lanes: a damaged or foreign file must not ask for more. Raises InvalidInput.
    """

    memory_kib: int = 65_536
    iterations: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        for name, least, most in (
            ("lanes", 1, LANES_MAX),
            ("iterations", 1, ITERATIONS_MAX),
            ("memory_kib", 8 * self.lanes if isinstance(self.lanes, int) else 8, MEMORY_KIB_MAX),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise InvalidInput(f"{name} of Argon2 is {least} to {most}", field=name)

    @property
    def work(self) -> int:
        """Memory times passes: what is compared to tell weaker parameters from stronger ones."""
        return self.memory_kib * self.iterations


class PassphraseLock(Lock):
    """A passphrase that people chose. Texts that look alike are one passphrase (Unicode NFC).

    `argon2`: what new records cost. Old ones open with what they were made with, and are sealed again when that is
    less. Raises InvalidInput for an empty passphrase.
    """

    kind = Kind.PASSPHRASE
    wrong = "the passphrase is not the one that these keys were locked with"

    def __init__(self, passphrase: Secret, argon2: Argon2 | None = None) -> None:
        super().__init__()
        if not isinstance(passphrase, Secret):
            raise InvalidInput("a passphrase is given as a Secret", field="passphrase")
        if not passphrase:
            raise InvalidInput("a passphrase is not empty", field="passphrase")
        self._passphrase = passphrase
        self._argon2 = argon2 or Argon2()

    def is_weak(self, header: Header) -> bool:
        """Whether the header's parameters cost less than this lock's."""
        return _parameters(header.parameters)[0].work < self._argon2.work

    def _new(self) -> tuple[bytes, bytearray]:
        salt = secrets.token_bytes(SALT_BYTES)
        cost = self._argon2
        return _FORMAT.pack(cost.memory_kib, cost.iterations, cost.lanes, salt), self._slowly(cost, salt)

    def _derive(self, parameters: bytes) -> bytearray:
        return self._slowly(*_parameters(parameters))

    def _slowly(self, cost: Argon2, salt: bytes) -> bytearray:
        text = unicodedata.normalize("NFC", self._passphrase.reveal())
        passphrase, key = bytearray(text.encode("utf-8", "surrogatepass")), bytearray(KEY_BYTES)
        argon2 = Argon2id(
            salt=salt,
            length=KEY_BYTES,
            iterations=cost.iterations,
            lanes=cost.lanes,
            memory_cost=cost.memory_kib,
        )
        try:
            # It takes any buffer, although its types name bytes alone.
            with _ONE_AT_A_TIME:
                argon2.derive_into(cast(bytes, passphrase), key)
        except MemoryError:
            raise KeystoreUnusable(
                f"there are no {cost.memory_kib} KiB of memory to derive the key in"
            ) from None
        finally:
            wipe(passphrase)
        return key


def _parameters(data: bytes) -> tuple[Argon2, bytes]:
    if len(data) != _FORMAT.size:
        raise DamagedRecord("the record is damaged")
    memory_kib, iterations, lanes, salt = _FORMAT.unpack(data)
    try:
        return Argon2(memory_kib, iterations, lanes), salt
    except InvalidInput:
        raise DamagedRecord("the record is damaged") from None
