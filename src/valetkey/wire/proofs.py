"""Hashes that go on chain: the id of an escrow, the proof of a delivery, the criteria of a purchase."""

import hashlib

from valetkey.crypto.keys import keccak256
from valetkey.wire import js_json


def escrow_id(transaction_id: str) -> bytes:
    """The id of a transaction's escrow: keccak256 of its UTF-8 text, 32 bytes."""
    return keccak256(transaction_id.encode("utf-8"))


def delivery_proof(payload: object) -> bytes:
    """What `submitDelivery` records: keccak256 of the payload as JSON.stringify prints it. Raises JsonError."""
    return keccak256(js_json.stringify(payload).encode("utf-8"))


def criteria_hash(criteria: object) -> bytes:
    """The hash of acceptance criteria: of a text as it is, of any other JSON value as JSON.stringify prints it."""
    text = criteria if isinstance(criteria, str) else js_json.stringify(criteria)
    return keccak256(text.encode("utf-8"))


def payload_digest(payload: bytes) -> str:
    """The `deliveryProof` of a webhook: SHA-256 of the payload's bytes, hex."""
    return hashlib.sha256(payload).hexdigest()
