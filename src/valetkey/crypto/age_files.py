"""age files (age-encryption.org/v1): bytes for recipients, or under a passphrase. The usual tool opens them."""

import base64
import binascii
import re
from collections.abc import Iterable

import pyrage

from valetkey.core.errors import InvalidInput
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.secret import Secret

_NO_RECIPIENT = "that is no age X25519 recipient (age1...)"
_NO_IDENTITY = "that is no age X25519 identity (AGE-SECRET-KEY-1...)"


RECIPIENTS_MAX = 64
"""To so many one file is sealed: each of them makes it longer."""

WORK_MAX = 20
"""Of scrypt, as a power of two: 1 GiB and some seconds. The usual tool writes 18; a stranger may ask for more."""

ARMOR, ARMOR_END = "-----BEGIN AGE ENCRYPTED FILE-----", "-----END AGE ENCRYPTED FILE-----"
_LINE_CHARS = 64
_UNDER_PASSPHRASE = re.compile(rb"age-encryption\.org/v1\n-> scrypt [A-Za-z0-9+/]{22} ([1-9][0-9]?)\n")


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

    Raises DecryptionFailed for another secret and for changed bytes alike, and for a header that asks for more work
    than WORK_MAX; InvalidInput for an identity that is none.
    """
    if not isinstance(sealed, (bytes, bytearray)):
        raise InvalidInput("an age file is bytes", field="content")
    if (identity is None) == (passphrase is None):
        raise InvalidInput("an age file is opened with an identity or a passphrase", field="passphrase")
    # An identity that is none is told as such: it is an InvalidInput, and so a ValueError.
    identities = None if identity is None else _identities(identity)
    try:
        if passphrase is not None:
            # What was judged is what is opened: the library would read armour in its own way.
            plain = _without_armor(bytes(sealed))
            work = work_of(plain)
            if work is None or work > WORK_MAX:
                raise ValueError("no file under a passphrase, or too much work")
            return bytearray(pyrage.passphrase.decrypt(plain, passphrase.reveal()))
        return bytearray(pyrage.decrypt(bytes(sealed), identities))
    except (pyrage.DecryptError, ValueError):
        problem = DecryptionFailed("this is not an age file for this secret, or it was changed")
    raise problem


def work_of(sealed: bytes) -> int | None:
    """How much work a file under a passphrase asks for, as a power of two; None for any other file, or with armour."""
    found = _UNDER_PASSPHRASE.match(sealed)
    return None if found is None else int(found[1])


def _without_armor(sealed: bytes) -> bytes:
    """The file itself. Raises ValueError for armour that is not whole."""
    if not sealed.startswith(ARMOR.encode("ascii")):
        return sealed
    begin, *lines, end = sealed.replace(b"\r\n", b"\n").rstrip().split(b"\n")
    if (begin, end) != (ARMOR.encode("ascii"), ARMOR_END.encode("ascii")) or not lines:
        raise ValueError("armour is not whole")
    if any(len(one) != _LINE_CHARS for one in lines[:-1]) or not 1 <= len(lines[-1]) <= _LINE_CHARS:
        raise ValueError("armour is not wrapped")
    try:
        return base64.b64decode(b"".join(lines), validate=True)
    except binascii.Error:
        raise ValueError("armour is not base64") from None


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
