"""Credentials that the platform issues and the ids it gives: random, shown once, kept as hashes."""

import hashlib
import hmac
import secrets

from valetkey.core.ids import Kind, make_id
from valetkey.crypto.secret import Secret

API_KEY_PREFIX = "aba_"
SESSION_TOKEN_PREFIX = "abba_session_"  # noqa: S105 - a prefix, not a token
WEBHOOK_SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret

_ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_CHARS = 25
_ID_BYTES = 32
"""So many more than an id needs that taking the remainder favours none noticeably."""
_IDS = len(_ID_ALPHABET) ** _ID_CHARS


def new_api_key() -> Secret:
    """A new API key of an agent: `aba_` and 64 hex digits."""
    return Secret(API_KEY_PREFIX + secrets.token_hex(32))


def new_session_token() -> Secret:
    """A new session token: `abba_session_` and 64 hex digits, so it never begins like a bundle."""
    return Secret(SESSION_TOKEN_PREFIX + secrets.token_hex(32))


def new_webhook_secret() -> Secret:
    """A new secret for signing webhooks: `whsec_` and 64 hex digits."""
    return Secret(WEBHOOK_SECRET_PREFIX + secrets.token_hex(32))


def new_id(kind: Kind) -> str:
    """A new random id, such as `ses_` and 25 letters or digits (129 bits)."""
    # One draw of all digits: a draw for each letter costs several times as much, and every hold makes an id.
    number, letters = int.from_bytes(secrets.token_bytes(_ID_BYTES)) % _IDS, []
    for _ in range(_ID_CHARS):
        number, digit = divmod(number, len(_ID_ALPHABET))
        letters.append(_ID_ALPHABET[digit])
    return make_id(kind, "".join(letters))


def credential_hash(secret: str) -> bytes:
    """What is stored and looked up instead of a credential: its SHA-256, 32 bytes.

    A slow password hash would add nothing: the credential has 256 random bits, so there is nothing to guess,
    and every request must look it up.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def same_bytes(one: bytes, other: bytes) -> bool:
    """Whether two secrets are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(one, other)
