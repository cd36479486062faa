"""ECDSA over secp256k1: EIP-191 messages, recoverable digests, DER. Signing is deterministic (RFC 6979), low-s."""

import coincurve

from valetkey.crypto.errors import InvalidKey, InvalidSignature
from valetkey.crypto.keys import PrivateKey, address_of, keccak256, load_public_key

DIGEST_BYTES = 32
SIGNATURE_BYTES = 65
COMPACT_BYTES = 64
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def eip191_digest(message: bytes) -> bytes:
    """The digest that `personal_sign` signs (EIP-191, version 0x45)."""
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode("ascii") + message)


def sign_message(key: PrivateKey, message: bytes) -> bytes:
    """Sign a message as wallets do (EIP-191 personal_sign): 65 bytes r, s, v with v 27 or 28."""
    return sign_digest(key, eip191_digest(message))


def recover_message(message: bytes, signature: bytes) -> bytes:
    """The 65-byte public key that signed a message (EIP-191). Raises InvalidSignature."""
    return recover_digest(eip191_digest(message), signature)


def recover_message_address(message: bytes, signature: bytes) -> str:
    """The EIP-55 address that signed a message (EIP-191). Raises InvalidSignature."""
    return address_of(recover_message(message, signature))


def sign_digest(key: PrivateKey, digest: bytes) -> bytes:
    """Sign a 32-byte digest: 65 bytes r, s, v with v 27 or 28. The caller knows what it hashed."""
    _check_digest(digest)
    signed = key.sign_recoverable(digest)
    return signed[:COMPACT_BYTES] + bytes((signed[COMPACT_BYTES] + 27,))


def recover_digest(digest: bytes, signature: bytes) -> bytes:
    """The 65-byte public key behind a signature r, s, v over a digest; v is 27, 28, 0 or 1.

    Raises InvalidSignature; a high s is refused, so that nobody but the signer can make a second
    signature (EIP-2).
    """
    _check_digest(digest)
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidSignature("a recoverable signature has 65 bytes")
    recovery = signature[COMPACT_BYTES] - 27 if signature[COMPACT_BYTES] >= 27 else signature[COMPACT_BYTES]
    if recovery not in (0, 1):
        raise InvalidSignature("a signature ends with 27 or 28")
    if int.from_bytes(signature[DIGEST_BYTES:COMPACT_BYTES]) > HALF_ORDER:
        raise InvalidSignature("a signature has a low s")
    try:
        public = coincurve.PublicKey.from_signature_and_message(
            signature[:COMPACT_BYTES] + bytes((recovery,)), digest, hasher=None
        )
    except Exception as error:  # the library raises bare Exception for points that do not exist
        raise InvalidSignature("the signature recovers to no key") from error
    return bytes(public.format(compressed=False))


def sign_der(key: PrivateKey, digest: bytes) -> bytes:
    """Sign a 32-byte digest as DER."""
    _check_digest(digest)
    return key.sign_der(digest)


def verify_der(public_key: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether a DER signature, low-s, is that of the key (33 or 65 bytes). Never raises for bad signatures."""
    _check_digest(digest)
    try:
        return bool(load_public_key(public_key).verify(signature, digest, hasher=None))
    except (ValueError, InvalidKey):
        return False


def _check_digest(digest: bytes) -> None:
    assert len(digest) == DIGEST_BYTES, "a digest has 32 bytes"
