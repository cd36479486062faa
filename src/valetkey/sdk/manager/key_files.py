"""An owner's Ed25519 key, however it is written: Solana's keypair file, base58, hex, or something that signs."""

import json
import os
from pathlib import Path

from valetkey.crypto import base58
from valetkey.crypto.ed25519 import PUBLIC_KEY_BYTES, SigningKey
from valetkey.crypto.errors import InvalidAddress, InvalidKey
from valetkey.crypto.secret import Secret
from valetkey.ports.signer import Ed25519Signer
from valetkey.sdk.errors import NotConfigured

FILE_BYTES_MAX = 4_096


def ed25519_signer_of(given: object) -> Ed25519Signer:
    """A signer of a keypair file (JSON, 64 numbers), of a seed or keypair in base58 or hex, or what is one already.

    Raises NotConfigured for a file that cannot be read and for what cannot sign, InvalidKey for what is no key.
    """
    if isinstance(given, os.PathLike):
        return _of_file(Path(given).expanduser())
    if isinstance(given, str) and "/" in given and Path(given).expanduser().is_file():
        return _of_file(Path(given).expanduser())
    if isinstance(given, str | Secret):
        return _of_text(given.reveal() if isinstance(given, Secret) else given)
    if isinstance(given, Ed25519Signer):
        return given
    raise NotConfigured("the owner of a session on Solana signs with an Ed25519 key")


def _of_file(path: Path) -> SigningKey:
    problem, content = "", b""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            problem = "it is too long"
        else:
            content = path.read_bytes()
    except OSError as error:
        problem = error.strerror or "unknown"
    if problem:
        raise NotConfigured(f"the keypair file cannot be read: {problem}")
    raw = b""
    try:
        raw = bytes(json.loads(content))
    except (ValueError, TypeError, RecursionError):
        problem = "no list of bytes"
    if problem:
        raise InvalidKey("this is no keypair file of Solana: it has a list of 64 numbers")
    return _of_bytes(raw)


def _of_text(text: str) -> SigningKey:
    digits = text.removeprefix("0x")
    raw = b""
    if len(digits) in (2 * PUBLIC_KEY_BYTES, 4 * PUBLIC_KEY_BYTES) and not set(digits.lower()) - set(
        "0123456789abcdef"
    ):
        raw = bytes.fromhex(digits)
    else:
        is_base58 = True
        try:
            raw = base58.decode(text)
        except InvalidAddress:
            is_base58 = False
        if not is_base58:
            raise InvalidKey("a key of Solana is 32 or 64 bytes in base58 or hex")
    return _of_bytes(raw)


def _of_bytes(raw: bytes) -> SigningKey:
    """A seed, or a seed with its public key behind it, which is checked."""
    if len(raw) not in (PUBLIC_KEY_BYTES, 2 * PUBLIC_KEY_BYTES):
        raise InvalidKey("a key of Solana is 32 or 64 bytes")
    key = SigningKey(raw[:PUBLIC_KEY_BYTES])
    if len(raw) > PUBLIC_KEY_BYTES and raw[PUBLIC_KEY_BYTES:] != key.public_key:
        raise InvalidKey("this keypair's halves do not belong together")
    return key
