"""The keys of sessions: secp256k1 on EVM chains, Ed25519 on Solana. Which they are is a matter of the chain alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from valetkey.crypto.ed25519 import PUBLIC_KEY_BYTES, SigningKey, ed25519_key_hash
from valetkey.crypto.keys import PrivateKey, session_key_hash


class SessionKey(Protocol):
    """A private key of either kind."""

    @property
    def address(self) -> str: ...

    @property
    def public_key(self) -> bytes: ...

    def secret(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Keys:
    """One kind of keys: a new one, and one out of its 32 secret bytes."""

    new: Callable[[], SessionKey]
    read: Callable[[bytes], SessionKey]


SECP256K1 = Keys(PrivateKey.generate, PrivateKey)
ED25519 = Keys(SigningKey.generate, SigningKey)


def hash_of(key: SessionKey) -> str:
    """What a session is called: 0x and 64 hex digits."""
    public_key = key.public_key
    is_ed25519 = len(public_key) == PUBLIC_KEY_BYTES
    return "0x" + (ed25519_key_hash(public_key) if is_ed25519 else session_key_hash(public_key)).hex()
