"""Enrolments to put into a store."""

from typing import Any

from tests.stores.making import NOW, digest
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.keys import PrivateKey
from valetkey.ports.enrollments import Enrollment
from valetkey.wire.enrollment import KeySet, sign_enrollment

LIFE = 900


def an_enrollment(label: str | None = None, **fields: Any) -> Enrollment:
    """An open enrolment of keys that nobody else has."""
    wallet, e2e, proof = PrivateKey.generate(), PrivateKey.generate(), SigningKey.generate()
    keys = KeySet(wallet.public_key_compressed, e2e.public_key_compressed, proof.public_key, label)
    signed = sign_enrollment(keys, wallet, proof)
    plain: dict[str, Any] = {
        "code": keys.code,
        "message": signed.message,
        "signature": bytes.fromhex(signed.signature[2:]),
        "proof_signature": bytes.fromhex(signed.proof_signature),
        "expires_at": NOW + LIFE,
    }
    return Enrollment(**{**plain, **fields})


def a_proof_key(name: str = "proof") -> bytes:
    """What a session's requests are signed with."""
    return SigningKey(digest(name)).public_key
