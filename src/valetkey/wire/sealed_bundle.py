"""A sealed bundle: a bundle inside an age file, which only its recipients, or whoever knows the passphrase, open.

The usual age tool makes and opens the same files. Nothing here quotes a bundle, an identity or a passphrase.
"""

import base64
import binascii
from collections.abc import Iterable

from valetkey.core.errors import InvalidInput
from valetkey.crypto.age_files import ARMOR, open_age, seal_to, seal_under
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.secret import Secret
from valetkey.crypto.wiping import wipe
from valetkey.wire.bundle import BUNDLE_CHARS_MAX, Bundle, BundleCode, BundleError
from valetkey.wire.child_bundle import NARROWINGS_CHARS_MAX, Narrowings, parse_child

BINARY = b"age-encryption.org/"
UNDER_PASSPHRASE = b"-> scrypt "
"""How the first stanza of such a header begins (age-encryption.org/v1)."""

SEALED_BYTES_MAX = 2 * (BUNDLE_CHARS_MAX + NARROWINGS_CHARS_MAX)
"""Room for the longest bundle, its armour and a header for each recipient."""


def seal_bundle(
    bundle: str, recipients: str | Iterable[str] | None, passphrase: Secret | None, *, armored: bool = True
) -> bytes:
    """An age file that holds a bundle's text, for recipients (age1...) or under a passphrase. Raises InvalidInput."""
    if (recipients is None) == (passphrase is None):
        raise InvalidInput("seal to recipients or under a passphrase", field="recipient")
    plaintext = bundle.encode("ascii")
    if passphrase is not None:
        return seal_under(plaintext, passphrase, armored=armored)
    assert recipients is not None
    return seal_to(plaintext, recipients, armored=armored)


def is_sealed(handed: str | bytes) -> bool:
    """Whether this is an age file, as text or as bytes."""
    if isinstance(handed, bytes):
        return handed.startswith((BINARY, ARMOR.encode("ascii")))
    return isinstance(handed, str) and handed.lstrip().startswith(ARMOR)


def is_under_passphrase(sealed: str | bytes) -> bool:
    """Whether a sealed bundle was sealed under a passphrase, rather than to recipients; its header says so."""
    data = sealed.strip().encode("ascii", "replace") if isinstance(sealed, str) else sealed
    if not data.startswith(BINARY):
        first = data.removeprefix(ARMOR.encode("ascii")).split(maxsplit=1)
        try:
            data = base64.b64decode(first[0], validate=True) if first else b""
        except binascii.Error:
            data = b""
    return data.partition(b"\n")[2].startswith(UNDER_PASSPHRASE)


def read_handed(
    handed: str | bytes, now: int | None, *, identity: Secret | None = None, passphrase: Secret | None = None
) -> tuple[Bundle, Narrowings]:
    """Read what a delegate was handed: a bundle, plain or sealed. `now` is unix seconds, None for an ended one too.

    Raises BundleError: `bundle_unreadable` for another key and for changed or cut bytes alike, `bundle_sealed` and
    `bundle_not_sealed` where the secret does not go with what was handed, and that of the bundle inside;
    BundleExpired; InvalidInput for an identity that is none.
    """
    with_secret = identity is not None or passphrase is not None
    if is_sealed(handed):
        if not with_secret:
            raise BundleError(
                "this bundle is sealed: pass the identity or the passphrase that opens it",
                code=BundleCode.SEALED,
            )
        return parse_child(_opened(handed, identity, passphrase), now)
    if with_secret:
        # Whoever has a secret for it was promised that nobody else could read it on the way.
        raise BundleError(
            "this is no sealed bundle: it was handed over in the open", code=BundleCode.NOT_SEALED
        )
    return parse_child(handed.decode("latin-1") if isinstance(handed, bytes) else handed, now)


def _opened(handed: str | bytes, identity: Secret | None, passphrase: Secret | None) -> str:
    sealed = handed if isinstance(handed, bytes) else handed.strip().encode("utf-8", "replace")
    if len(sealed) > SEALED_BYTES_MAX:
        raise BundleError(f"a sealed bundle has at most {SEALED_BYTES_MAX} bytes", code=BundleCode.TOO_LONG)
    opened: bytearray | None = None
    try:
        opened = open_age(sealed, identity=identity, passphrase=passphrase)
    except DecryptionFailed:
        opened = None
    if opened is None:
        raise BundleError(
            "this sealed bundle is not for this secret, or it was changed or not copied whole",
            code=BundleCode.UNREADABLE,
        )
    try:
        # A file that somebody sealed with the age tool ends with a line's end.
        return opened.decode("ascii", "replace").strip()
    finally:
        wipe(opened)
