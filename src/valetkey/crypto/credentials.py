"""Credentials that the platform issues and the ids it gives: random, shown once, kept as hashes."""

import hashlib
import hmac
import os
import secrets
import threading

from valetkey.core.ids import Kind, make_id
from valetkey.crypto.secret import Secret

API_KEY_PREFIX = "aba_"
SESSION_TOKEN_PREFIX = "abba_session_"  # noqa: S105 - a prefix, not a token
WEBHOOK_SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret

_ID_ALPHABET = b"0123456789abcdefghijklmnopqrstuvwxyz"
_ID_CHARS = 25
_LETTERS = bytes(_ID_ALPHABET[value % 36] for value in range(256))
_UNEVEN = bytes(range(252, 256))
"""Left out: with them, four letters would come more often than the others."""
_DRAWN = 64
"""Bytes for one id: that fewer than 25 of them are even letters never happens."""
_POOLED = 64 * _DRAWN


def new_api_key() -> Secret:
    """A new API key of an agent: `aba_` and 64 hex digits."""
    return Secret(API_KEY_PREFIX + secrets.token_hex(32))


def new_session_token() -> Secret:
    """A new session token: `abba_session_` and 64 hex digits, so it never begins like a bundle."""
    return Secret(SESSION_TOKEN_PREFIX + secrets.token_hex(32))


def new_webhook_secret() -> Secret:
    """A new secret for signing webhooks: `whsec_` and 64 hex digits."""
    return Secret(WEBHOOK_SECRET_PREFIX + secrets.token_hex(32))


class _Pool:
    """Random bytes for ids, which are no secrets: asking the system for each is slow on some machines."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = b""

    def draw(self) -> bytes:
        with self._lock:
            if not self._bytes:
                self._bytes = os.urandom(_POOLED)
            drawn, self._bytes = self._bytes[:_DRAWN], self._bytes[_DRAWN:]
            return drawn

    def renew(self) -> None:
        """In a new process: it must not draw what its parent draws."""
        self._lock = threading.Lock()
        self._bytes = b""


_pool = _Pool()
os.register_at_fork(after_in_child=_pool.renew)


def new_id(kind: Kind) -> str:
    """A new random id, such as `ses_` and 25 letters or digits (129 bits)."""
    letters = _pool.draw().translate(_LETTERS, _UNEVEN)[:_ID_CHARS]
    assert len(letters) == _ID_CHARS
    return make_id(kind, letters.decode("ascii"))


def credential_hash(secret: str) -> bytes:
    """What is stored and looked up instead of a credential: its SHA-256, 32 bytes.

    A slow password hash would add nothing: the credential has 256 random bits, so there is nothing to guess,
    and every request must look it up.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def same_bytes(one: bytes, other: bytes) -> bool:
    """Whether two secrets are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(one, other)
