"""Nonces of sign-ins: the platform knows its own again by a MAC, so that strangers who ask for some fill no table.

What is kept is the use of one, with the key that it gave: see service.py.
"""

import hmac
import secrets
from hashlib import sha256

from valetkey.crypto.sealing import derive_key
from valetkey.crypto.secret import Secret
from valetkey.platform.settings import Settings
from valetkey.wire.sign_in import CHALLENGE_SECONDS, SignInCode
from valetkey.wire.sign_in_message import SignInError

PURPOSE = "sign-in nonces v1"
TIME_BYTES = 5
RANDOM_BYTES = 11
MAC_BYTES = 16
NONCE_CHARS = 2 * (TIME_BYTES + RANDOM_BYTES + MAC_BYTES)


def new_nonce(settings: Settings, now: int) -> str:
    """64 hex digits: when it was made, 88 random bits, and a MAC of both under a key that is not in the database."""
    told = now.to_bytes(TIME_BYTES) + secrets.token_bytes(RANDOM_BYTES)
    return (told + _mac(settings.master_secret, told)).hex()


def check_nonce(settings: Settings, nonce: str, now: int) -> None:
    """Raise SignInError unless this platform made the nonce, a moment ago. Replicas share the key that tells."""
    raw = b""
    try:
        raw = bytes.fromhex(nonce) if len(nonce) == NONCE_CHARS and nonce == nonce.lower() else b""
    except ValueError:
        raw = b""
    told = raw[:-MAC_BYTES]
    macs = [_mac(secret, told) for secret in settings.master_secrets]
    if not raw or not any(hmac.compare_digest(raw[-MAC_BYTES:], mac) for mac in macs):
        raise SignInError("the nonce is none that this platform gave", code=SignInCode.UNKNOWN_NONCE)
    made_at = int.from_bytes(told[:TIME_BYTES])
    # One of a moment ahead is of a replica whose clock is.
    if now >= made_at + CHALLENGE_SECONDS:
        raise SignInError(
            f"the nonce is older than {CHALLENGE_SECONDS} s: ask for another one", code=SignInCode.STALE
        )


def _mac(secret: Secret, told: bytes) -> bytes:
    key = derive_key(secret.reveal().encode(), PURPOSE)
    return hmac.new(key, told, sha256).digest()[:MAC_BYTES]
