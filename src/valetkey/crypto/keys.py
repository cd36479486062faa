"""secp256k1 keys, their EVM addresses and their hashes. A private key never shows itself by accident."""

import hmac
import re
from functools import lru_cache
from typing import NoReturn, Self

import coincurve
from Crypto.Hash import keccak

from valetkey.crypto.errors import InvalidAddress, InvalidKey, SecretLeak

SECRET_BYTES = 32
COMPRESSED_BYTES = 33
UNCOMPRESSED_BYTES = 65

_HEX_64 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
ADDRESSES_CACHED = 4_096
"""Spellings that are kept: the same payees and tokens come again and again."""

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it (not SHA3-256), 32 bytes."""
    return keccak.new(digest_bits=256, data=data).digest()


class PrivateKey:
    """A secp256k1 private key, 1 <= n < order. `secret()` and `to_hex()` are the only ways to see it.

    Equal keys compare equal in constant time; the hash of the object is that of its public key.
    """

    __slots__ = ("_address", "_key")

    def __init__(self, secret: bytes) -> None:
        """Raises InvalidKey unless `secret` is 32 bytes within the range of the curve's order."""
        key = None
        if isinstance(secret, bytes) and len(secret) == SECRET_BYTES:
            try:
                key = coincurve.PrivateKey(secret)
            except ValueError:
                key = None
        # Raised outside the handler: the library's message would quote the secret in the chain of causes.
        if key is None:
            raise InvalidKey("a private key is 32 bytes between 1 and the order of secp256k1")
        self._key = key
        self._address: str | None = None

    @classmethod
    def generate(cls) -> Self:
        """A new key from the operating system's randomness."""
        return cls(coincurve.PrivateKey().secret)

    @classmethod
    def from_hex(cls, text: str, *, prefix: bool | None = None) -> Self:
        """A key from 64 hex digits. `prefix`: True demands a leading 0x, False forbids it, None takes both.

        Raises InvalidKey, which never quotes the text.
        """
        has_prefix = isinstance(text, str) and text.startswith("0x")
        digits = text[2:] if has_prefix else text
        if prefix is not None and has_prefix is not prefix:
            raise InvalidKey(
                "a private key in hex begins with 0x here" if prefix else "no 0x is expected here"
            )
        if not isinstance(digits, str) or not _HEX_64.fullmatch(digits):
            raise InvalidKey("a private key in hex has 64 digits")
        return cls(bytes.fromhex(digits))

    def secret(self) -> bytes:
        """The 32 secret bytes: for sealing, for handing over, and for nothing else."""
        return bytes(self._key.secret)

    def to_hex(self, *, prefix: bool = True) -> str:
        """The secret as 64 lower-case hex digits, after 0x or not."""
        digits = self.secret().hex()
        return "0x" + digits if prefix else digits

    @property
    def address(self) -> str:
        """The EVM address of this key, EIP-55."""
        if self._address is None:
            self._address = address_of(self.public_key)
        return self._address

    @property
    def public_key(self) -> bytes:
        """65 bytes: 0x04, x, y."""
        return bytes(self._key.public_key.format(compressed=False))

    @property
    def public_key_compressed(self) -> bytes:
        """33 bytes: 0x02 or 0x03, x."""
        return bytes(self._key.public_key.format(compressed=True))

    def sign_recoverable(self, digest: bytes) -> bytes:
        """r, s and recovery id (0 to 3) over a 32-byte digest: 65 bytes, low-s, RFC 6979."""
        return bytes(self._key.sign_recoverable(digest, hasher=None))

    def sign_der(self, digest: bytes) -> bytes:
        """A DER signature over a 32-byte digest, low-s, RFC 6979."""
        return bytes(self._key.sign(digest, hasher=None))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PrivateKey):
            return NotImplemented
        return hmac.compare_digest(self.secret(), other.secret())

    def __hash__(self) -> int:
        return hash(self.public_key_compressed)

    def __repr__(self) -> str:
        return f"<PrivateKey of {self.address}>"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise SecretLeak("a private key is not pickled; seal it")


def load_public_key(public_key: bytes) -> coincurve.PublicKey:
    """The point of a public key in 33 or 65 bytes. Raises InvalidKey when it is not on the curve."""
    # 65 bytes may also begin with 6 or 7 (hybrid form), which nobody writes and some libraries refuse.
    if len(public_key) == COMPRESSED_BYTES or (len(public_key) == UNCOMPRESSED_BYTES and public_key[0] == 4):
        try:
            return coincurve.PublicKey(public_key)
        except ValueError as error:
            raise InvalidKey("a public key is a point of secp256k1") from error
    raise InvalidKey("a public key has 33 bytes, or 65 beginning with 04")


def compress(public_key: bytes) -> bytes:
    """The 33-byte form of a public key in either form. Raises InvalidKey."""
    return bytes(load_public_key(public_key).format(compressed=True))


def uncompress(public_key: bytes) -> bytes:
    """The 65-byte form of a public key in either form. Raises InvalidKey."""
    return bytes(load_public_key(public_key).format(compressed=False))


def address_of(public_key: bytes) -> str:
    """The EVM address of a public key (33 or 65 bytes), EIP-55. Raises InvalidKey."""
    return _checksummed(keccak256(uncompress(public_key)[1:])[-20:].hex())


def session_key_hash(public_key: bytes) -> bytes:
    """What identifies a session on a chain: keccak256 of the 65-byte public key with its 0x04 (as Veridex)."""
    return keccak256(uncompress(public_key))


def checksum_address(text: str) -> str:
    """The EIP-55 spelling of an address in any case. Raises InvalidAddress; a given checksum is not checked."""
    if not isinstance(text, str) or not _ADDRESS.fullmatch(text):
        raise InvalidAddress("an address is 0x and 40 hex digits")
    return _checksummed(text[2:].lower())


def is_address(text: str) -> bool:
    """Whether the text is an address whose EIP-55 checksum, if it has one (mixed case), is right."""
    if not isinstance(text, str) or not _ADDRESS.fullmatch(text):
        return False
    digits = text[2:]
    return digits in (digits.lower(), digits.upper()) or text == checksum_address(text)


@lru_cache(ADDRESSES_CACHED)
def _checksummed(digits: str) -> str:
    marks = keccak256(digits.encode("ascii")).hex()
    return "0x" + "".join(
        digit.upper() if mark >= "8" else digit for digit, mark in zip(digits, marks, strict=False)
    )
