"""Delivery attestations: what a seller states about a payload that the platform cannot read.

Only the hash binds. The other figures are hints for people, and whoever writes an attestation can make them up.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass

from valetkey.wire import js_json
from valetkey.wire.timestamps import iso_timestamp_ms

HASH_PREFIX = "sha256:"
CHARS_PER_TOKEN = 4
CODE_KEYS = frozenset({"code", "source", "sourcecode", "snippet"})

_POSITIVE = re.compile(r"\b(success|successful|succeeded|completed|ok|passed|approved)\b")
_NEGATIVE = re.compile(r"\b(error|failed|failure|invalid|not found|denied|rejected|unable)\b")
_DANGEROUS = re.compile(r"\beval\(|\bexec\(|os\.system|child_process|rm -rf|<script|__import__")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttestation:
    """Figures about one payload. `length` counts UTF-16 code units, as the peer does; `sections` are its keys.

    `code_executable` is None when the payload names no code. `delivered_at` is ISO-8601.
    """

    format: str
    length: int
    sections: tuple[str, ...]
    hash: str
    delivered_at: str
    token_count: int
    sentiment: str
    code_executable: bool | None
    flagged_content: bool

    def to_json(self) -> dict[str, js_json.JsonValue]:
        """The members in the order and spelling in which they are written."""
        return {
            "format": self.format,
            "length": self.length,
            "sections": list(self.sections),
            "hash": self.hash,
            "delivered_at": self.delivered_at,
            "tokenCount": self.token_count,
            "sentiment": self.sentiment,
            "codeExecutable": self.code_executable,
            "flaggedContent": self.flagged_content,
        }


def attest(payload: object, delivered_at_ms: int) -> DeliveryAttestation:
    """Attest a JSON value delivered at a time in unix milliseconds. Raises JsonError, also for null."""
    text = js_json.stringify(payload)
    length = js_json.utf16_units(text)
    return DeliveryAttestation(
        format="json",
        length=length,
        sections=tuple(js_json.own_keys(payload)),
        hash=payload_hash(text),
        delivered_at=iso_timestamp_ms(delivered_at_ms),
        token_count=-(-length // CHARS_PER_TOKEN),
        sentiment=_sentiment(text),
        code_executable=_code_executable(payload),
        flagged_content=_DANGEROUS.search(text) is not None,
    )


def payload_hash(text: str) -> str:
    """`sha256:` and the hex digest of a payload as JSON.stringify prints it."""
    return HASH_PREFIX + hashlib.sha256(text.encode("utf-8")).hexdigest()


def matches(payload: object, attestation: object) -> bool:
    """Whether a payload is the one that an attestation (parsed JSON or DeliveryAttestation) names by its hash."""
    if isinstance(attestation, DeliveryAttestation):
        claimed: object = attestation.hash
    else:
        claimed = attestation.get("hash") if isinstance(attestation, dict) else None
    if not isinstance(claimed, str):
        return False
    expected = payload_hash(js_json.stringify(payload))
    return hmac.compare_digest(claimed.encode("utf-8", "surrogatepass"), expected.encode("ascii"))


def _sentiment(text: str) -> str:
    lowered = text.lower()
    if _NEGATIVE.search(lowered):
        return "negative"
    return "positive" if _POSITIVE.search(lowered) else "neutral"


def _code_executable(payload: object) -> bool | None:
    if not isinstance(payload, dict):
        return None
    for key in js_json.own_keys(payload):
        value = payload[key]
        if key.lower() in CODE_KEYS and isinstance(value, str):
            return _looks_whole(value)
    return None


def _looks_whole(code: str) -> bool:
    """Whether brackets close in order, and what begins like JSON is JSON. Strings and comments are not told apart."""
    if code.strip(js_json.WHITESPACE).startswith(("{", "[")):
        try:
            js_json.parse(code)
        except js_json.JsonError:
            return False
        return True
    closing: list[str] = []
    for char in code:
        if char in "([{":
            closing.append({"(": ")", "[": "]", "{": "}"}[char])
        elif char in ")]}" and (not closing or closing.pop() != char):
            return False
    return not closing
