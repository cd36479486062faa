"""Symmetric building blocks: HKDF-SHA256 (RFC 5869) and AES-256-GCM (NIST SP 800-38D)."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from valetkey.crypto.errors import DecryptionFailed

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


def hkdf_sha256(secret: bytes | bytearray, *, salt: bytes, info: bytes, length: int = KEY_BYTES) -> bytes:
    """`length` bytes derived from a secret of high entropy."""
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def hkdf_sha256_into(secret: bytes | bytearray, *, salt: bytes, info: bytes) -> bytearray:
    """As `hkdf_sha256`, 32 bytes that the caller can wipe."""
    key = bytearray(KEY_BYTES)
    HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=info).derive_into(secret, key)
    return key


def encrypt_aes_gcm(
    key: bytes | bytearray, nonce: bytes, plaintext: bytes | bytearray, context: bytes
) -> bytes:
    """Ciphertext and 16-byte tag. `nonce` is 12 bytes and never used twice with one key."""
    assert len(key) == KEY_BYTES
    assert len(nonce) == NONCE_BYTES
    return AESGCM(key).encrypt(nonce, plaintext, context)


def decrypt_aes_gcm(key: bytes, nonce: bytes, ciphertext: bytes, context: bytes) -> bytes:
    """The plaintext. Raises DecryptionFailed for a wrong key, nonce or context and for changed bytes."""
    if len(nonce) != NONCE_BYTES or len(ciphertext) < TAG_BYTES:
        raise DecryptionFailed("invalid key or tampered ciphertext")
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, context)
    except InvalidTag:
        raise DecryptionFailed("invalid key or tampered ciphertext") from None


def decrypt_aes_gcm_into(key: bytearray, nonce: bytes, ciphertext: bytes, context: bytes) -> bytearray:
    """As `decrypt_aes_gcm`, into bytes that the caller can wipe."""
    if len(nonce) != NONCE_BYTES or len(ciphertext) < TAG_BYTES:
        raise DecryptionFailed("invalid key or tampered ciphertext")
    plaintext = bytearray(len(ciphertext) - TAG_BYTES)
    try:
        AESGCM(key).decrypt_into(nonce, ciphertext, context, plaintext)
    except InvalidTag:
        # Without its tag it is nobody's text, but it may be like one.
        plaintext[:] = bytes(len(plaintext))
        raise DecryptionFailed("invalid key or tampered ciphertext") from None
    return plaintext
