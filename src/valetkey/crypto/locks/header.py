"""What stands before every record: how its key is made, and how a wrong secret is told from damage.

Format: "VKR", version (1), kind (1), length of the parameters (2, big endian), parameters, key check (32), checksum
(8). In every version the first four bytes are these and the last eight are SHA-256 of all before them, cut: so damage
is told from a newer version. The key check is HKDF of the key, and commits to it: no record opens under two keys.
"""

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from valetkey.crypto.aead import hkdf_sha256
from valetkey.crypto.credentials import same_bytes
from valetkey.ports.keystore import DamagedRecord, KeystoreUnusable

MAGIC = b"VKR"
VERSION = 1
CHECK_BYTES = 32
CHECKSUM_BYTES = 8
PARAMETERS_BYTES_MAX = 2_048

_PARAMETERS_START = len(MAGIC) + 4
_CHECK_INFO = b"valetkey keystore check v1"


class NewerRecord(KeystoreUnusable):
    """A newer version of the software wrote it. It is not damaged, and that version opens it."""

    def __init__(self) -> None:
        super().__init__("a newer version of this software wrote these keys: open them with that one")


class Kind(IntEnum):
    """Which kind of lock made a header."""

    PASSPHRASE = 1
    AGE = 2
    KEYRING = 3


@dataclass(frozen=True, slots=True)
class Header:
    """How a key is made again: by which kind of lock and with which parameters. It holds nothing secret."""

    kind: Kind
    parameters: bytes
    check: bytes

    @classmethod
    def of(cls, kind: Kind, parameters: bytes, key: bytearray) -> Self:
        """The header for records under this 32-byte key."""
        assert len(parameters) <= PARAMETERS_BYTES_MAX
        return cls(kind, parameters, _check_of(key))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises DamagedRecord and NewerRecord."""
        body, checksum = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
        if len(body) < len(MAGIC) + 1 or not body.startswith(MAGIC) or _checksum_of(body) != checksum:
            raise DamagedRecord("the record is damaged")
        version, kind = body[len(MAGIC)], body[len(MAGIC) + 1 : len(MAGIC) + 2]
        if version != VERSION or (kind and kind[0] not in list(Kind)):
            raise NewerRecord
        length = int.from_bytes(body[_PARAMETERS_START - 2 : _PARAMETERS_START])
        parameters = body[_PARAMETERS_START : _PARAMETERS_START + length]
        check = body[_PARAMETERS_START + length :]
        if len(parameters) != length or len(check) != CHECK_BYTES:
            raise DamagedRecord("the record is damaged")
        return cls(Kind(kind[0]), parameters, check)

    def encode(self) -> bytes:
        """The bytes that stand before a record, and that are bound into its ciphertext."""
        start = MAGIC + bytes([VERSION, self.kind]) + len(self.parameters).to_bytes(2)
        body = start + self.parameters + self.check
        return body + _checksum_of(body)

    def fits(self, key: bytearray) -> bool:
        """Whether records with this header are under this key, in a time that does not tell how nearly."""
        return same_bytes(_check_of(key), self.check)


def _check_of(key: bytearray) -> bytes:
    return hkdf_sha256(key, salt=b"", info=_CHECK_INFO, length=CHECK_BYTES)


def _checksum_of(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:CHECKSUM_BYTES]
