"""An age identity as a lock: a random key, sealed to its recipient (https://age-encryption.org/v1).

Parameters: the recipient (62 characters of ASCII), the age file.
"""

import secrets

import pyrage

from valetkey.core.errors import InvalidInput
from valetkey.crypto.aead import KEY_BYTES
from valetkey.crypto.locks.header import Header, Kind
from valetkey.crypto.locks.lock import Lock
from valetkey.crypto.secret import Secret

RECIPIENT_CHARS = 62


class AgeLock(Lock):
    """An age X25519 identity (AGE-SECRET-KEY-1...), or a recipient (age1...) alone, which can lock and not open.

    Give an identity, a recipient, or both of one pair. Raises InvalidInput.
    """

    kind = Kind.AGE
    wrong = "the age identity is not the one that these keys were locked to"

    def __init__(self, identity: Secret | None = None, recipient: str | None = None) -> None:
        super().__init__()
        self._identity = None if identity is None else _identity_of(identity)
        if self._identity is None and recipient is None:
            raise InvalidInput("an age lock needs an identity or a recipient", field="identity")
        public = None if self._identity is None else self._identity.to_public()
        if recipient is not None:
            given = _recipient_of(recipient)
            if public is not None and str(public) != str(given):
                raise InvalidInput("the recipient is not this identity's", field="recipient")
            public = given
        self._recipient = public
        if self._identity is None:
            self.wrong = "these keys were locked to an age recipient: only its identity opens them"

    @property
    def recipient(self) -> str:
        """Whom new records are locked to, age1...: no secret."""
        return str(self._recipient)

    def opens(self, header: Header) -> bool:
        """As every lock's; without an identity, whether the header names this recipient."""
        if self._identity is not None:
            return super().opens(header)
        return header.kind is self.kind and _recipient_in(header) == self.recipient

    def has_key(self, header: Header) -> bool:
        """Whether records can be sealed under a header; without an identity, only under those made here."""
        return super().opens(header)

    def _new(self) -> tuple[bytes, bytearray]:
        key = bytearray(secrets.token_bytes(KEY_BYTES))
        return self.recipient.encode() + pyrage.encrypt(bytes(key), [self._recipient]), key

    def _derive(self, parameters: bytes) -> bytearray | None:
        if self._identity is None:
            return None
        try:
            key = bytearray(pyrage.decrypt(parameters[RECIPIENT_CHARS:], [self._identity]))
        except pyrage.DecryptError:
            return None
        return key if len(key) == KEY_BYTES else None


def _identity_of(identity: Secret) -> pyrage.x25519.Identity:
    if not isinstance(identity, Secret):
        raise InvalidInput("an age identity is given as a Secret", field="identity")
    try:
        return pyrage.x25519.Identity.from_str(identity.reveal().strip())
    except (pyrage.IdentityError, ValueError):
        pass
    # Raised out here, or it would carry an error along that could quote what was given.
    raise InvalidInput("that is no age X25519 identity (AGE-SECRET-KEY-1...)", field="identity")


def _recipient_of(recipient: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(recipient.strip())
    except (pyrage.RecipientError, ValueError, AttributeError):
        raise InvalidInput("that is no age X25519 recipient (age1...)", field="recipient") from None


def _recipient_in(header: Header) -> str:
    return header.parameters[:RECIPIENT_CHARS].decode("ascii", "replace")
