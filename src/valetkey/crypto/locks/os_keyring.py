"""The keyring of the operating system as a lock: it keeps a random secret, and the person's login guards it.

Parameters: the number of an entry (16). Each header has an entry of its own, so that no process ever writes over what
another one needs.
"""

import secrets
from importlib import import_module
from typing import Any

from valetkey.core.errors import InvalidInput
from valetkey.crypto.aead import KEY_BYTES, hkdf_sha256_into
from valetkey.crypto.locks.header import Kind
from valetkey.crypto.locks.lock import Lock
from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import DamagedRecord, KeystoreUnusable

ENTRY_BYTES = 16
NAME_CHARS_MAX = 100
OF_THE_SYSTEM = frozenset(
    {
        "keyring.backends.macOS.Keyring",
        "keyring.backends.Windows.WinVaultKeyring",
        "keyring.backends.SecretService.Keyring",
        "keyring.backends.libsecret.Keyring",
        "keyring.backends.kwallet.DBusKeyring",
        "keyring.backends.kwallet.DBusKeyringKWallet4",
    }
)
"""The backends that encrypt by themselves. The package knows others that write plain text, or nothing at all."""

_INFO = b"valetkey keystore keyring v1"


class KeyringLock(Lock):
    """A random secret that the operating system keeps: in macOS Keychain, Secret Service, KWallet, Credential Locker.

    `service` and `account` name its entries. `backend` is one of the package `keyring` that the caller vouches for,
    such as a password manager's; otherwise only the system's own are used, and KeystoreUnusable says when there is
    none.
    """

    kind = Kind.KEYRING
    wrong = "the keyring has no entry for these keys, or another one"

    def __init__(self, service: str = "valetkey", account: str = "keystore", *, backend: Any = None) -> None:
        super().__init__()
        for field, name in (("service", service), ("account", account)):
            if not isinstance(name, str) or not 1 <= len(name) <= NAME_CHARS_MAX or not name.isprintable():
                raise InvalidInput(f"{field} has 1 to {NAME_CHARS_MAX} printable characters", field=field)
        self._service, self._account = service, account
        self._backend = None if backend is None else _not_plain(backend)

    def _new(self) -> tuple[bytes, bytearray]:
        entry, secret = secrets.token_bytes(ENTRY_BYTES), secrets.token_bytes(KEY_BYTES).hex()
        backend = self._open()
        _asked(lambda: backend.set_password(self._service, self._entry(entry), secret))
        # Some backends forget, and some shorten: what is locked with this must open again.
        kept = _asked(lambda: backend.get_password(self._service, self._entry(entry)))
        if not isinstance(kept, str) or Secret(kept) != Secret(secret):
            raise KeystoreUnusable("the keyring did not keep what it was given")
        return entry, _key_of(secret, entry)

    def _derive(self, parameters: bytes) -> bytearray | None:
        if len(parameters) != ENTRY_BYTES:
            raise DamagedRecord("the record is damaged")
        backend = self._open()
        secret = _asked(lambda: backend.get_password(self._service, self._entry(parameters)))
        return _key_of(secret, parameters) if isinstance(secret, str) else None

    def _entry(self, number: bytes) -> str:
        return f"{self._account}:{number.hex()}"

    def _open(self) -> Any:
        if self._backend is None:
            self._backend = _of_the_system()
        return self._backend


def _of_the_system() -> Any:
    """The system's keyring. Raises KeystoreUnusable when there is none, or only one that keeps plain text."""
    try:
        keyring = import_module("keyring")
    except ImportError:
        raise KeystoreUnusable("the keyring needs an extra: install valetkey[keyring]") from None
    configured = _asked(keyring.get_keyring)
    # A chain writes to the first one that takes it, which may be a plain file: its members are looked at instead.
    members = getattr(configured, "backends", None)
    for backend in members if isinstance(members, list) else [configured]:
        if _name_of(backend) in OF_THE_SYSTEM:
            return backend
    raise KeystoreUnusable(
        f"no keyring of the operating system is running ({_name_of(configured)} is none): use a passphrase instead"
    )


def _not_plain(backend: Any) -> Any:
    name = _name_of(backend)
    if name in ("keyring.backends.fail.Keyring", "keyring.backends.null.Keyring") or "plain" in name.lower():
        raise KeystoreUnusable(f"{name} keeps nothing, or keeps it in plain text")
    return backend


def _name_of(backend: Any) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def _asked(call: Any) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - backends raise what they like
        problem = type(error).__name__
    # Raised out here, or it would carry the backend's own error along, which may quote what it was given.
    raise KeystoreUnusable(f"the keyring does not answer: {problem}")


def _key_of(secret: str, entry: bytes) -> bytearray:
    return hkdf_sha256_into(secret.encode("utf-8", "surrogatepass"), salt=entry, info=_INFO)


class SystemKeyring:
    """Secrets in the keyring of the operating system, each an entry of its own; only backends that encrypt are used.

    `service` is what all entries are kept under. Every method raises KeystoreUnusable.
    """

    def __init__(self, service: str = "valetkey") -> None:
        self._service, self._backend = service, _of_the_system()

    def get(self, account: str) -> Secret | None:
        """The secret of an account; None when there is none."""
        found = _asked(lambda: self._backend.get_password(self._service, account))
        return Secret(found) if isinstance(found, str) and found else None

    def put(self, account: str, secret: Secret) -> None:
        """Keep a secret; what the account had is replaced."""
        _asked(lambda: self._backend.set_password(self._service, account, secret.reveal()))
        if self.get(account) != secret:
            raise KeystoreUnusable("the keyring did not keep what it was given")
