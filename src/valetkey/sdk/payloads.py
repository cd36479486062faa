"""Payloads of purchases as they come back from the platform: raw JSON, perhaps with an envelope in it."""

from typing import Any

import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey
from valetkey.wire import js_json
from valetkey.wire.attestation import matches
from valetkey.wire.envelope import Decrypted, decrypt
from valetkey.wire.payload import Wrapped, unwrap
from valetkey.wire.shape import Payload
from valetkey.wire.transactions import TransactionView

EVIDENCE_TYPE = "decrypted_payload"


def plain(payload: Payload) -> js_json.JsonValue:
    """A payload as Python values; None when there is none. Encrypted ones stay as they are."""
    return None if isinstance(payload, msgspec.UnsetType) else js_json.parse(bytes(payload))


def opened(payload: Payload, key: PrivateKey) -> Decrypted:
    """What an encrypted payload says. Raises InvalidInput when there is none or it is not encrypted."""
    return decrypt(_wrapped(payload).envelope, key)


def evidence_of(
    transaction: TransactionView, found: Decrypted
) -> tuple[str, str, str | None, dict[str, Any]]:
    """An opened delivery as evidence: its type, description, content hash and metadata."""
    attestation = _wrapped(transaction.response_payload).attestation
    claimed = attestation.get("hash") if isinstance(attestation, dict) else None
    attested = matches(found.payload, attestation)
    description = (
        "The buyer discloses the encrypted delivery."
        f" The seller's signature {'holds' if found.verified else 'does not hold'};"
        f" the payload {'is' if attested else 'is not'} the one that the attestation names."
    )
    metadata: dict[str, Any] = {
        "role": "buyer",
        "payload": found.payload,
        "senderVerified": found.verified,
        "hashVerified": attested,
    }
    return EVIDENCE_TYPE, description, claimed if isinstance(claimed, str) else None, metadata


def disclosure_of(transaction: TransactionView, payload: Any) -> tuple[str, str, str | None, dict[str, Any]]:
    """A seller's own delivery as evidence. Raises InvalidInput when it is not the attested one."""
    attestation = _wrapped(transaction.response_payload).attestation
    if not matches(payload, attestation):
        raise InvalidInput("this is not the payload that the delivery attested")
    claimed = attestation.get("hash") if isinstance(attestation, dict) else None
    description = "The seller discloses the encrypted delivery; it is the one that the attestation names."
    metadata: dict[str, Any] = {"role": "seller", "payload": payload, "hashVerified": True}
    return EVIDENCE_TYPE, description, claimed if isinstance(claimed, str) else None, metadata


def _wrapped(payload: Payload) -> Wrapped:
    found = None if isinstance(payload, msgspec.UnsetType) else unwrap(bytes(payload))
    if found is None:
        raise InvalidInput("this payload is not encrypted")
    return found
