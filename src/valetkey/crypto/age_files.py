"""age files (age-encryption.org/v1): bytes for one recipient, or under a passphrase. The usual tool opens them."""

import pyrage

from valetkey.core.errors import InvalidInput
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.secret import Secret

_NO_RECIPIENT = "that is no age X25519 recipient (age1...)"
_NO_IDENTITY = "that is no age X25519 identity (AGE-SECRET-KEY-1...)"


def seal_to(plaintext: bytes, recipient: str) -> bytes:
    """Encrypt to whoever has the identity of a recipient, age1... Raises InvalidInput."""
    try:
        public = pyrage.x25519.Recipient.from_str(recipient.strip())
    except (pyrage.RecipientError, ValueError, AttributeError):
        raise InvalidInput(_NO_RECIPIENT, field="recipient") from None
    return bytes(pyrage.encrypt(plaintext, [public]))


def seal_under(plaintext: bytes, passphrase: Secret) -> bytes:
    """Encrypt under a passphrase, which takes about a second (scrypt). Raises InvalidInput for an empty one."""
    if not passphrase:
        raise InvalidInput("a passphrase is not empty", field="passphrase")
    return bytes(pyrage.passphrase.encrypt(plaintext, passphrase.reveal()))


def open_age(sealed: bytes, *, identity: Secret | None = None, passphrase: Secret | None = None) -> bytearray:
    """The plaintext of an age file, for the caller to wipe. Give an identity (AGE-SECRET-KEY-1...) or a passphrase.

    Raises DecryptionFailed for another secret and for changed bytes alike, InvalidInput for an identity that is none.
    """
    if (identity is None) == (passphrase is None):
        raise InvalidInput("an age file is opened with an identity or a passphrase", field="passphrase")
    try:
        if passphrase is not None:
            return bytearray(pyrage.passphrase.decrypt(sealed, passphrase.reveal()))
        assert identity is not None
        return bytearray(pyrage.decrypt(sealed, [_identity(identity)]))
    except (pyrage.DecryptError, ValueError):
        problem = DecryptionFailed("this is not an age file for this secret, or it was changed")
    raise problem


def _identity(identity: Secret) -> pyrage.x25519.Identity:
    try:
        return pyrage.x25519.Identity.from_str(identity.reveal().strip())
    except (pyrage.IdentityError, ValueError):
        # Its text could quote what was given.
        problem = InvalidInput(_NO_IDENTITY, field="identity")
    raise problem
