"""age files (age-encryption.org/v1): bytes for recipients, or under a passphrase. The usual tool opens them."""

from collections.abc import Iterable

import pyrage

from valetkey.core.errors import InvalidInput
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.secret import Secret

_NO_RECIPIENT = "that is no age X25519 recipient (age1...)"
_NO_IDENTITY = "that is no age X25519 identity (AGE-SECRET-KEY-1...)"


RECIPIENTS_MAX = 64
"""To so many one file is sealed: each of them makes it longer."""


def seal_to(plaintext: bytes, recipients: str | Iterable[str], *, armored: bool = False) -> bytes:
    """Encrypt to whoever has the identity of one of the recipients, age1...; `armored`: a text. Raises InvalidInput."""
    named = [recipients] if isinstance(recipients, str) else list(recipients)
    if not 1 <= len(named) <= RECIPIENTS_MAX:
        raise InvalidInput(f"a file is sealed to 1 to {RECIPIENTS_MAX} recipients", field="recipient")
    return bytes(pyrage.encrypt(plaintext, [_recipient(one) for one in named], armored=armored))


def seal_under(plaintext: bytes, passphrase: Secret, *, armored: bool = False) -> bytes:
    """Encrypt under a passphrase, which takes about a second (scrypt). Raises InvalidInput for an empty one."""
    if not passphrase:
        raise InvalidInput("a passphrase is not empty", field="passphrase")
    return bytes(pyrage.passphrase.encrypt(plaintext, passphrase.reveal(), armored=armored))


def open_age(sealed: bytes, *, identity: Secret | None = None, passphrase: Secret | None = None) -> bytearray:
    """The plaintext of an age file, for the caller to wipe. Give an identity or a passphrase.

    An identity is AGE-SECRET-KEY-1..., or the text of a file of such, one a line, as age-keygen writes it.

    Raises DecryptionFailed for another secret and for changed bytes alike, InvalidInput for an identity that is none.
    """
    if not isinstance(sealed, (bytes, bytearray)):
        raise InvalidInput("an age file is bytes", field="content")
    if (identity is None) == (passphrase is None):
        raise InvalidInput("an age file is opened with an identity or a passphrase", field="passphrase")
    # An identity that is none is told as such: it is an InvalidInput, and so a ValueError.
    identities = None if identity is None else _identities(identity)
    try:
        if passphrase is not None:
            return bytearray(pyrage.passphrase.decrypt(bytes(sealed), passphrase.reveal()))
        return bytearray(pyrage.decrypt(bytes(sealed), identities))
    except (pyrage.DecryptError, ValueError):
        problem = DecryptionFailed("this is not an age file for this secret, or it was changed")
    raise problem


def _recipient(recipient: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(recipient.strip())
    except (pyrage.RecipientError, ValueError, AttributeError):
        raise InvalidInput(_NO_RECIPIENT, field="recipient") from None


def _identities(identity: Secret) -> list[pyrage.x25519.Identity]:
    lines = (line.strip() for line in identity.reveal().splitlines())
    try:
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (pyrage.IdentityError, ValueError):
        found = []
    if found:
        return found
    # Raised out here: the error's text could quote what was given.
    raise InvalidInput(_NO_IDENTITY, field="identity")
