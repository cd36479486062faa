"""Where private keys rest: encrypted with a key that comes from a real secret, and never in plain text."""

from typing import Protocol

from valetkey.core.errors import EnvironmentFailure, ValetkeyError


class WrongSecret(ValetkeyError):
    """The passphrase, keyring entry or identity is not the one that these keys were locked with."""

    code = "wrong_secret"


class DamagedRecord(ValetkeyError):
    """One record cannot be read any more. It says nothing about the others."""

    code = "damaged_record"


class KeystoreUnusable(EnvironmentFailure):
    """The file, or the keyring of the operating system, cannot be used. Nothing was kept, and nothing is lost."""

    code = "keystore_unusable"
    retryable = False


class Keystore(Protocol):
    """Small secrets by name (1 to 200 printable characters). Any number of processes may use one at a time.

    Every method raises WrongSecret when it is locked with another secret, InvalidInput for a bad name, and
    KeystoreUnusable.
    """

    def put(self, name: str, secret: bytes | bytearray) -> None:
        """Keep a secret (1 byte to 64 KiB); durable when it returns.

        What has this name is replaced at once or not at all. Raises InvalidInput for no secret, or too long a one.
        """
        ...

    def get(self, name: str) -> bytearray | None:
        """The secret, for the caller to wipe after use; None when nothing has this name. Raises DamagedRecord."""
        ...

    def names(self) -> list[str]:
        """The names of all records, also of damaged ones, in order."""
        ...

    def remove(self, name: str) -> bool:
        """Forget a record; False when there was none."""
        ...

    def close(self) -> None:
        """Wipe the keys from memory and close the file."""
        ...
