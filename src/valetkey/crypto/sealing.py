"""Sealing: bytes at rest under a key that is kept elsewhere. Recovery copies, webhook secrets, claims.

Format, version 1: 01, salt (16), nonce (12), AES-256-GCM ciphertext and tag. Each sealed text has a key of
its own, derived with its salt, so one key may seal any number of texts.
"""

import secrets

from valetkey.crypto.aead import (
    KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    decrypt_aes_gcm,
    encrypt_aes_gcm,
    hkdf_sha256,
)
from valetkey.crypto.errors import DecryptionFailed, InvalidKey

VERSION = b"\x01"
SALT_BYTES = 16
OVERHEAD_BYTES = len(VERSION) + SALT_BYTES + NONCE_BYTES + TAG_BYTES

_SEAL_INFO = b"valetkey seal v1"
_DERIVE_SALT = b"valetkey derive v1"
SECRET_BYTES_MIN = 16


def derive_key(secret: bytes, context: str) -> bytes:
    """A 32-byte key for one purpose from a secret of high entropy (a private key, a credential).

    Not for passwords: nothing here slows guessing down. Raises InvalidKey for less than 16 bytes.
    """
    if len(secret) < SECRET_BYTES_MIN:
        raise InvalidKey(f"a secret to derive keys from has at least {SECRET_BYTES_MIN} bytes")
    return hkdf_sha256(secret, salt=_DERIVE_SALT, info=context.encode("utf-8"))


def seal(key: bytes, plaintext: bytes, context: bytes) -> bytes:
    """Encrypt under a 32-byte key. `context` says what it is and whose; it must be the same to unseal."""
    _check_key(key)
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    own_key = hkdf_sha256(key, salt=salt, info=_SEAL_INFO)
    return VERSION + salt + nonce + encrypt_aes_gcm(own_key, nonce, plaintext, VERSION + context)


def unseal(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """The plaintext of `seal`. Raises DecryptionFailed for another key, another context or changed bytes."""
    _check_key(key)
    if len(sealed) < OVERHEAD_BYTES or not sealed.startswith(VERSION):
        raise DecryptionFailed("not a sealed text of version 1")
    salt_end = len(VERSION) + SALT_BYTES
    nonce_end = salt_end + NONCE_BYTES
    own_key = hkdf_sha256(key, salt=sealed[len(VERSION) : salt_end], info=_SEAL_INFO)
    return decrypt_aes_gcm(own_key, sealed[salt_end:nonce_end], sealed[nonce_end:], VERSION + context)


def _check_key(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise InvalidKey(f"a sealing key has {KEY_BYTES} bytes")
