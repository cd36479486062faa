"""Which lock keys at rest are under: one that is given, or a passphrase from the environment. Never none."""

import os
from pathlib import Path

from valetkey.crypto.locks import AgeLock as AgeLock
from valetkey.crypto.locks import Argon2 as Argon2
from valetkey.crypto.locks import KeyringLock as KeyringLock
from valetkey.crypto.locks import Lock as Lock
from valetkey.crypto.locks import PassphraseLock as PassphraseLock
from valetkey.crypto.secret import Secret
from valetkey.sdk.errors import NotConfigured

PASSPHRASE = "VALETKEY_PASSPHRASE"  # noqa: S105 - the name of a variable
PASSPHRASE_FILE = "VALETKEY_PASSPHRASE_FILE"  # noqa: S105

_HINT = (
    f"keys are kept encrypted, and that needs a secret: pass a passphrase, an AgeLock or a KeyringLock,"
    f" or set {PASSPHRASE} or {PASSPHRASE_FILE}"
)


def lock_from(given: Lock | Secret | str | None = None) -> Lock:
    """A lock: the one that is given, one of a passphrase, or of that in the environment.

    Without an argument, the passphrase is VALETKEY_PASSPHRASE, or the text of the file that VALETKEY_PASSPHRASE_FILE
    names, without the line's end. Raises NotConfigured when there is no secret, InvalidInput for an empty one.
    """
    if isinstance(given, Lock):
        return given
    if isinstance(given, str):
        given = Secret(given)
    if given is not None and not isinstance(given, Secret):
        raise NotConfigured(f"{type(given).__name__} is no lock: {_HINT}")
    return PassphraseLock(_from_environment() if given is None else given)


def _from_environment() -> Secret:
    if text := os.environ.get(PASSPHRASE):
        return Secret(text)
    path = os.environ.get(PASSPHRASE_FILE)
    if not path:
        raise NotConfigured(_HINT)
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise NotConfigured(f"the file of {PASSPHRASE_FILE} cannot be read") from None
    # An editor ends a file with a line's end; blanks may be meant.
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise NotConfigured(f"the file of {PASSPHRASE_FILE} is empty")
    return Secret(text)
