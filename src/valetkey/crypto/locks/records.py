"""One record: a secret under a key of its own, bound to its name and to its header.

Format, version 1: salt (32), nonce (12), AES-256-GCM ciphertext and tag. The record's key is HKDF of the header's key
with the salt; what is authenticated beside the secret is header, length of the name (2, big endian) and name.
"""

import secrets

from valetkey.crypto.aead import (
    NONCE_BYTES,
    TAG_BYTES,
    decrypt_aes_gcm_into,
    encrypt_aes_gcm,
    hkdf_sha256_into,
)
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.wiping import wipe
from valetkey.ports.keystore import DamagedRecord

SALT_BYTES = 32
OVERHEAD_BYTES = SALT_BYTES + NONCE_BYTES + TAG_BYTES
_INFO = b"valetkey keystore record v1"


def seal_record(key: bytearray, header: bytes, name: str, secret: bytes | bytearray) -> bytes:
    """Encrypt a secret under a header's key, for a name."""
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    own_key = hkdf_sha256_into(key, salt=salt, info=_INFO)
    try:
        return salt + nonce + encrypt_aes_gcm(own_key, nonce, secret, _context(header, name))
    finally:
        wipe(own_key)


def open_record(key: bytearray, header: bytes, name: str, body: bytes) -> bytearray:
    """The secret of a record, for the caller to wipe. Raises DamagedRecord."""
    if len(body) <= OVERHEAD_BYTES:
        raise DamagedRecord("the record is damaged")
    salt, nonce = body[:SALT_BYTES], body[SALT_BYTES : SALT_BYTES + NONCE_BYTES]
    own_key = hkdf_sha256_into(key, salt=salt, info=_INFO)
    try:
        return decrypt_aes_gcm_into(own_key, nonce, body[SALT_BYTES + NONCE_BYTES :], _context(header, name))
    except DecryptionFailed:
        raise DamagedRecord("the record is damaged") from None
    finally:
        wipe(own_key)


def _context(header: bytes, name: str) -> bytes:
    named = name.encode("utf-8")
    return header + len(named).to_bytes(2) + named
