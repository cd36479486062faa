"""Encrypted payloads between two secp256k1 keys: `abba-e2e-v1`.

Key: HKDF-SHA256 over x(ephemeral, recipient) and x(sender, recipient). AES-256-GCM under a context that names
both parties. ECDSA over what was sent, so that the sender cannot be forged by the recipient to others.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from valetkey.core.errors import InvalidInput
from valetkey.crypto.aead import NONCE_BYTES, decrypt_aes_gcm, encrypt_aes_gcm, hkdf_sha256
from valetkey.crypto.ecdh import shared_x
from valetkey.crypto.errors import DecryptionFailed, InvalidKey
from valetkey.crypto.keys import PrivateKey, compress
from valetkey.crypto.signatures import sign_der, verify_der
from valetkey.wire import js_json

VERSION = 1
SALT_BYTES = 16
TIMESTAMP_MAX = 2**53
FIELDS = ("v", "from", "to", "epk", "salt", "iv", "ct", "sig", "ts")

_INFO = b"abba-e2e-v1-enc"
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*", re.ASCII)
_PUBLIC_KEY = re.compile(r"0[23][0-9a-fA-F]{64}", re.ASCII)


class EnvelopeCode(StrEnum):
    """Why a value is not an envelope that can be opened."""

    NOT_AN_ENVELOPE = "envelope_malformed"
    VERSION = "envelope_version"
    BAD_KEY = "envelope_bad_key"
    BAD_PLAINTEXT = "envelope_bad_plaintext"


class EnvelopeError(InvalidInput):
    """A value that is not an envelope; `code` is an EnvelopeCode. Quotes nothing of it."""

    code = EnvelopeCode.NOT_AN_ENVELOPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What travels, as text: keys are 66 hex digits, the rest is hex without 0x, `ts` unix milliseconds.

    The spelling is kept as it came, because it is authenticated.
    """

    sender: str
    recipient: str
    epk: str
    salt: str
    iv: str
    ct: str
    sig: str
    ts: int

    def to_json(self) -> dict[str, js_json.JsonValue]:
        """The members in the order in which they are written."""
        return {
            "v": VERSION,
            "from": self.sender,
            "to": self.recipient,
            "epk": self.epk,
            "salt": self.salt,
            "iv": self.iv,
            "ct": self.ct,
            "sig": self.sig,
            "ts": self.ts,
        }

    def context(self) -> bytes:
        """The authenticated context: who wrote to whom, with which ephemeral key, when."""
        return (
            f'{{"v":{VERSION},"from":"{self.sender}","to":"{self.recipient}","epk":"{self.epk}","ts":{self.ts}}}'
        ).encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Decrypted:
    """An opened envelope. `verified`: the sender's signature holds; believe nothing of it otherwise.

    `sender` is the compressed public key, 33 bytes; `sent_at_ms` the sender's clock, unix milliseconds.
    """

    payload: js_json.JsonValue
    verified: bool
    sender: bytes
    sent_at_ms: int

    def __repr__(self) -> str:
        return f"<Decrypted verified={self.verified} sender={self.sender.hex()}>"


def encrypt(
    payload: object,
    sender: PrivateKey,
    recipient: bytes,
    *,
    now_ms: int,
    ephemeral: PrivateKey | None = None,
    salt: bytes | None = None,
    iv: bytes | None = None,
) -> Envelope:
    """Encrypt a JSON value for a public key (33 or 65 bytes) and sign it. `now_ms`: unix milliseconds.

    `ephemeral`, `salt` (16 bytes) and `iv` (12 bytes) are random unless given, to reproduce known envelopes.
    Raises JsonError for what JSON cannot say and InvalidKey.
    """
    plaintext = js_json.stringify(payload).encode("utf-8")
    ephemeral = ephemeral or PrivateKey.generate()
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    iv = secrets.token_bytes(NONCE_BYTES) if iv is None else iv
    key = hkdf_sha256(shared_x(ephemeral, recipient) + shared_x(sender, recipient), salt=salt, info=_INFO)
    unsigned = Envelope(
        sender=sender.public_key_compressed.hex(),
        recipient=compress(recipient).hex(),
        epk=ephemeral.public_key_compressed.hex(),
        salt=salt.hex(),
        iv=iv.hex(),
        ct="",
        sig="",
        ts=now_ms,
    )
    context = unsigned.context()
    ciphertext = encrypt_aes_gcm(key, iv, plaintext, context)
    signature = sign_der(sender, _digest(iv, ciphertext, context))
    return Envelope(
        sender=unsigned.sender,
        recipient=unsigned.recipient,
        epk=unsigned.epk,
        salt=unsigned.salt,
        iv=unsigned.iv,
        ct=ciphertext.hex(),
        sig=signature.hex(),
        ts=now_ms,
    )


def parse_envelope(value: object) -> Envelope:
    """An envelope from a parsed JSON value; members that it does not know are ignored. Raises EnvelopeError.

    A missing signature is read as an empty one: the payload opens, but is not verified.
    """
    if not isinstance(value, dict):
        _fail(EnvelopeCode.NOT_AN_ENVELOPE, "an envelope is a JSON object")
    version = value.get("v")
    if isinstance(version, bool) or version != VERSION:
        _fail(EnvelopeCode.VERSION, f"only envelopes of version {VERSION} can be opened")
    ts = value.get("ts")
    if isinstance(ts, float) and ts.is_integer():
        ts = int(ts)
    if isinstance(ts, bool) or not isinstance(ts, int) or not 0 <= ts <= TIMESTAMP_MAX:
        _fail(EnvelopeCode.NOT_AN_ENVELOPE, "ts is not a whole number of milliseconds")
    signature = value.get("sig", "")
    return Envelope(
        sender=_public_key(value.get("from"), "from"),
        recipient=_public_key(value.get("to"), "to"),
        epk=_public_key(value.get("epk"), "epk"),
        salt=_hex(value.get("salt"), "salt"),
        iv=_hex(value.get("iv"), "iv"),
        ct=_hex(value.get("ct"), "ct"),
        # A signature that is not even hex verifies nothing; the payload is still the recipient's to read.
        sig=signature if isinstance(signature, str) and _HEX.fullmatch(signature) else "",
        ts=ts,
    )


def decrypt(envelope: Envelope, recipient: PrivateKey) -> Decrypted:
    """Open an envelope. Raises DecryptionFailed for a wrong key or changed bytes, EnvelopeError otherwise.

    A bad signature does not raise: look at `verified`.
    """
    iv, ciphertext = bytes.fromhex(envelope.iv), bytes.fromhex(envelope.ct)
    context = envelope.context()
    key = _key(envelope, recipient)
    if key is None:
        _fail(EnvelopeCode.BAD_KEY, "from or epk is not a public key")
    plaintext = decrypt_aes_gcm(key, iv, ciphertext, context)
    payload: js_json.JsonValue = None
    is_json = True
    try:
        payload = js_json.parse(plaintext)
    except js_json.JsonError:
        is_json = False
    if not is_json:
        _fail(EnvelopeCode.BAD_PLAINTEXT, "the envelope does not hold JSON")
    sender = bytes.fromhex(envelope.sender)
    verified = verify_der(sender, _digest(iv, ciphertext, context), bytes.fromhex(envelope.sig))
    return Decrypted(payload=payload, verified=verified, sender=sender, sent_at_ms=envelope.ts)


def _key(envelope: Envelope, recipient: PrivateKey) -> bytes | None:
    if envelope.recipient.lower() != recipient.public_key_compressed.hex():
        raise DecryptionFailed("the envelope is for another key")
    try:
        shared = shared_x(recipient, bytes.fromhex(envelope.epk)) + shared_x(
            recipient, bytes.fromhex(envelope.sender)
        )
    except InvalidKey:
        return None
    return hkdf_sha256(shared, salt=bytes.fromhex(envelope.salt), info=_INFO)


def _digest(iv: bytes, ciphertext: bytes, context: bytes) -> bytes:
    return hashlib.sha256(iv + ciphertext + context).digest()


def _public_key(value: object, name: str) -> str:
    if not isinstance(value, str) or not _PUBLIC_KEY.fullmatch(value):
        _fail(EnvelopeCode.BAD_KEY, f"{name} is not a compressed public key in hex")
    return value


def _hex(value: object, name: str) -> str:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        _fail(EnvelopeCode.NOT_AN_ENVELOPE, f"{name} is not hex")
    return value


def _fail(code: EnvelopeCode, message: str) -> NoReturn:
    raise EnvelopeError(message, code=code)
