"""Ed25519 (RFC 8032): what the platform signs with a key that is not in its database, and the accounts of Solana."""

import hmac
import os
from typing import NoReturn, Self

from cryptography.exceptions import InvalidSignature as Unverified
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from valetkey.crypto import base58
from valetkey.crypto.errors import InvalidKey, SecretLeak
from valetkey.crypto.keys import keccak256

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


class SigningKey:
    """A private Ed25519 key. It signs, and shows only its public key; `secret()` is the only way to see it.

    Equal keys compare equal in constant time; the hash of the object is that of its public key.
    """

    __slots__ = ("_key", "_public")

    def __init__(self, seed: bytes) -> None:
        """A key from 32 secret bytes. Raises InvalidKey for any other number of them."""
        if len(seed) != PUBLIC_KEY_BYTES:
            raise InvalidKey("a signing key is made from 32 bytes")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> Self:
        """A new key from the operating system's randomness."""
        return cls(os.urandom(PUBLIC_KEY_BYTES))

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        return self._public

    @property
    def address(self) -> str:
        """The account of this key on Solana: its public key in base58."""
        return base58.encode(self._public)

    def secret(self) -> bytes:
        """The 32 secret bytes: for sealing, for handing over, and for nothing else."""
        return self._key.private_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """64 bytes; the same for the same message."""
        return self._key.sign(message)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SigningKey):
            return NotImplemented
        return hmac.compare_digest(self.secret(), other.secret())

    def __hash__(self) -> int:
        return hash(self._public)

    def __repr__(self) -> str:
        return f"<SigningKey of {self.public_key.hex()}>"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise SecretLeak("a private key is not pickled; seal it")


def ed25519_key_hash(public_key: bytes) -> bytes:
    """What identifies a session whose key is Ed25519: keccak256 of the 32 bytes of the public key."""
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise InvalidKey("an Ed25519 public key has 32 bytes")
    return keccak256(public_key)


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the key (32 bytes) signed the message. Never raises for bad signatures, nor for a bad key."""
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (Unverified, ValueError):
        return False
    return True
