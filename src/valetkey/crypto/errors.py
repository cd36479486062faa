"""Typed errors of cryptography. No message quotes a key, a plaintext or a ciphertext."""

from valetkey.core.errors import InvalidInput, ValetkeyError


class InvalidKey(InvalidInput):
    """Bytes or text that are not a secp256k1 key in the asked form."""

    code = "invalid_key"


class InvalidAddress(InvalidInput):
    """Text that is not an EVM address, or whose EIP-55 checksum is wrong."""

    code = "invalid_address"


class InvalidSignature(InvalidInput):
    """A signature that is malformed, not low-s, or recovers to no key."""

    code = "invalid_signature"


class DecryptionFailed(ValetkeyError):
    """The key is wrong or the ciphertext or its context was changed; which of them is not knowable."""

    code = "decryption_failed"


class SecretLeak(ValetkeyError, TypeError):
    """An attempt to pickle a secret: secrets are revealed by name, never by accident."""

    code = "secret_leak"
