"""Signed webhooks: `X-Abbababa-Signature: t=<unix s>,v1=<hex HMAC-SHA256(secret, "<t>.<raw body>")>`."""

import hashlib
import hmac
import re
from enum import StrEnum
from typing import NoReturn

from valetkey.core.errors import InvalidInput
from valetkey.crypto.secret import Secret

TOLERANCE_SECONDS = 300
"""How far the timestamp may be from the receiver's clock, either way, inclusive."""

HEADER_CHARS_MAX = 1_000

# Receivers read the number as JavaScript's parseInt does: what follows the digits is ignored.
_TIMESTAMP = re.compile(r"0*([0-9]{1,15})(?![0-9])", re.ASCII)


class WebhookCode(StrEnum):
    """Why a webhook is not believed."""

    MISSING = "webhook_signature_missing"
    MALFORMED = "webhook_signature_malformed"
    STALE = "webhook_stale"
    MISMATCH = "webhook_signature_mismatch"


class WebhookError(InvalidInput):
    """A webhook whose signature does not hold; `code` is a WebhookCode. Quotes neither body nor secret."""

    code = WebhookCode.MISMATCH


def sign_header(secret: Secret, body: bytes, timestamp: int) -> str:
    """The value of the signature header for a body sent at `timestamp` (unix seconds)."""
    return f"t={timestamp},v1={_mac(secret, body, timestamp)}"


def verify_header(
    secret: Secret, header: str | None, body: bytes, now: int, tolerance_seconds: int = TOLERANCE_SECONDS
) -> int:
    """The timestamp of a webhook that the secret signed. `now` is unix seconds. Raises WebhookError.

    `body` is what arrived, byte for byte. Of several v1 parts only the first counts.
    """
    if not header:
        _fail(WebhookCode.MISSING, "the webhook carries no signature")
    parts = _parts(header)
    stamp = _TIMESTAMP.match(parts.get("t", ""))
    signature = parts.get("v1", "")
    if stamp is None or not signature:
        _fail(WebhookCode.MALFORMED, "a signature header is t=<unix seconds>,v1=<hex>")
    timestamp = int(stamp[1])
    if abs(now - timestamp) > tolerance_seconds:
        _fail(WebhookCode.STALE, f"the webhook was signed more than {tolerance_seconds} seconds from now")
    expected = _mac(secret, body, timestamp).encode("ascii")
    if not hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), expected):
        _fail(WebhookCode.MISMATCH, "the signature is not that of this body and secret")
    return timestamp


def _mac(secret: Secret, body: bytes, timestamp: int) -> str:
    key = secret.reveal().encode("utf-8", "surrogatepass")
    return hmac.new(key, str(timestamp).encode("ascii") + b"." + body, hashlib.sha256).hexdigest()


def _parts(header: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in header[:HEADER_CHARS_MAX].split(","):
        name, _, value = part.partition("=")
        parts.setdefault(name, value)
    return parts


def _fail(code: WebhookCode, message: str) -> NoReturn:
    raise WebhookError(message, code=code)
