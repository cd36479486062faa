"""Composition root of what the SDK keeps on this machine: the one place of it that names a concrete store."""

from pathlib import Path

from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import Keystore, KeystoreUnusable
from valetkey.sdk.config import home_of
from valetkey.sdk.keys_at_rest import Lock, lock_from

KEYSTORE_FILE = "keys.db"


def open_keystore(path: Path | str | None = None, lock: Lock | Secret | str | None = None) -> Keystore:
    """The keystore in a file, `keys.db` of the state folder unless told otherwise; made where there is none.

    `lock` is as for `lock_from`. A new folder is its owner's alone. The first call of the keystore derives its key, and
    says WrongSecret. Raises NotConfigured, KeystoreUnusable.
    """
    # Imported late: what keeps nothing here needs no database.
    from valetkey.stores.keystore import open_keystore as open_file

    opened = lock_from(lock)
    return open_file(_in_a_folder(path), opened)


def change_lock(
    path: Path | str | None = None,
    lock: Lock | Secret | str | None = None,
    *,
    new: Lock | Secret | str,
) -> list[str]:
    """Lock all keys of a file with another secret, at once or not at all; the names of damaged ones, which stay.

    Copies of the file still open with the old secret. Raises WrongSecret, and as `open_keystore`.
    """
    from valetkey.stores.keystore import change_lock as change

    return change(_in_a_folder(path), lock_from(lock), lock_from(new))


def _in_a_folder(path: Path | str | None) -> Path:
    """The file's path, in a folder that exists."""
    chosen = home_of(None) / KEYSTORE_FILE if path is None else Path(path).expanduser()
    try:
        chosen.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise KeystoreUnusable(f"the folder cannot be made: {error.strerror}") from None
    return chosen
