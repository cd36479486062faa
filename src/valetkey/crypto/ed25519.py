"""Ed25519 signatures (RFC 8032): what the platform signs with a key that is not in its database."""

from cryptography.exceptions import InvalidSignature as Unverified
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from valetkey.crypto.errors import InvalidKey

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


class SigningKey:
    """A private Ed25519 key. It signs, and shows only its public key."""

    __slots__ = ("_key",)

    def __init__(self, seed: bytes) -> None:
        """A key from 32 secret bytes. Raises InvalidKey for any other number of them."""
        if len(seed) != PUBLIC_KEY_BYTES:
            raise InvalidKey("a signing key is made from 32 bytes")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """64 bytes; the same for the same message."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"<SigningKey of {self.public_key.hex()}>"


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the key (32 bytes) signed the message. Never raises for bad signatures, nor for a bad key."""
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (Unverified, ValueError):
        return False
    return True
