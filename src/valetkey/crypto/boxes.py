"""Boxes: bytes that one key alone opens, sealed to its secp256k1 public key by whoever likes (ECIES).

Format, version 1: 02, the ephemeral public key (33), nonce (12), AES-256-GCM ciphertext and tag. The key of a box
follows from the shared point and both public keys (HKDF). A box does not say who made it.
"""

import secrets

from valetkey.crypto.aead import NONCE_BYTES, TAG_BYTES, decrypt_aes_gcm, encrypt_aes_gcm, hkdf_sha256
from valetkey.crypto.ecdh import shared_x
from valetkey.crypto.errors import DecryptionFailed, InvalidKey
from valetkey.crypto.keys import PrivateKey, compress

VERSION = b"\x02"
POINT_BYTES = 33
OVERHEAD_BYTES = len(VERSION) + POINT_BYTES + NONCE_BYTES + TAG_BYTES

_INFO = b"valetkey box v1"


def seal_to(public_key: bytes, plaintext: bytes, context: bytes) -> bytes:
    """A box for the holder of this key (33 or 65 bytes). `context` must be the same to open it. Raises InvalidKey."""
    recipient = compress(public_key)
    ephemeral = PrivateKey.generate()
    point = ephemeral.public_key_compressed
    key = _key(shared_x(ephemeral, recipient), point, recipient)
    nonce = secrets.token_bytes(NONCE_BYTES)
    return VERSION + point + nonce + encrypt_aes_gcm(key, nonce, plaintext, VERSION + context)


def open_box(key: PrivateKey, box: bytes, context: bytes) -> bytes:
    """The plaintext. Raises DecryptionFailed for another key, another context or changed bytes."""
    if not is_box(box):
        raise DecryptionFailed("not a box of version 1")
    point_end = len(VERSION) + POINT_BYTES
    nonce_end = point_end + NONCE_BYTES
    point = box[len(VERSION) : point_end]
    try:
        shared = shared_x(key, point)
    except InvalidKey:
        raise DecryptionFailed("not a box of version 1") from None
    own_key = _key(shared, point, key.public_key_compressed)
    return decrypt_aes_gcm(own_key, box[point_end:nonce_end], box[nonce_end:], VERSION + context)


def is_box(data: bytes) -> bool:
    """Whether this may be a box, and not a text of sealing.py."""
    return len(data) >= OVERHEAD_BYTES and data.startswith(VERSION)


def _key(shared: bytes, point: bytes, recipient: bytes) -> bytes:
    return hkdf_sha256(shared, salt=point + recipient, info=_INFO)
