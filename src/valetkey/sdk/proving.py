"""Proving requests: the key that signs them, and the platform's time, which is learnt where the machine's is wrong."""

import secrets
import time
from collections.abc import Mapping

from valetkey.crypto.ed25519 import SigningKey
from valetkey.sdk.answers import Refused
from valetkey.wire.message_signature import sign_request

CORRECTION_SECONDS_MAX = 3_600
"""A clock that is further off than this is set right by people: nobody signs for a day that a platform names."""

NONCE_BYTES = 16
LATE = "proof_stale"


class Prover:
    """Signs the requests of one connection, each with a nonce of its own."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self._offset = 0

    def headers(
        self, method: str, uri: str, headers: Mapping[str, str], body: bytes | None
    ) -> dict[str, str]:
        """The headers that prove a request, to be sent beside its own. `uri` is its whole address."""
        return sign_request(
            self._key,
            method,
            uri,
            headers,
            body,
            created=int(time.time()) + self._offset,
            nonce=secrets.token_urlsafe(NONCE_BYTES),
        )

    def learns(self, answer: object) -> bool:
        """Whether an answer says that the clock is off, and by how much: then the request is worth another try."""
        if not isinstance(answer, Refused) or answer.code != LATE:
            return False
        told = answer.limit or ""
        if not (told.isascii() and told.isdecimal() and len(told) <= 12):
            return False
        offset = int(told) - int(time.time())
        if offset == self._offset or abs(offset) > CORRECTION_SECONDS_MAX:
            return False
        self._offset = offset
        return True

    def __repr__(self) -> str:
        return f"<Prover of {self._key.public_key.hex()}>"
