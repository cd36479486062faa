"""Idempotency keys: a write that is asked for again with the same key and body is answered as it was the first time.

Purchases and spends remember their key together with the hold. Every other write remembers its whole answer: with
the write itself where the answer holds a secret, sealed under a key that follows from the caller's own credential, so
that the database alone never gives it away.
"""

from dataclasses import dataclass
from hashlib import sha256

from valetkey.core.errors import InvalidInput
from valetkey.core.refusal import Refused
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.sealing import derive_key, seal, unseal
from valetkey.crypto.secret import Secret
from valetkey.platform.refusing import Conflict, RefusedRequest
from valetkey.ports.accounts import AccountStore, Answer
from valetkey.ports.ledger import Idempotency
from valetkey.wire.http import IDEMPOTENCY_KEY_CHARS_MAX, success_body

PURPOSE = "idempotent answers v1"
PLAIN, SEALED = b"\0", b"\1"


def check_key(key: str) -> None:
    """Raise InvalidInput unless this may be an Idempotency-Key."""
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_CHARS_MAX or not key.isprintable():
        raise InvalidInput(f"an Idempotency-Key has 1 to {IDEMPOTENCY_KEY_CHARS_MAX} printable characters")


@dataclass(frozen=True, slots=True)
class Remembering:
    """The key of one request, if it has one, and how its answer is kept."""

    idempotency: Idempotency | None = None
    _credential: Secret | None = None
    _holds_secret: bool = False

    @classmethod
    def of(
        cls,
        caller_name: str,
        credential: Secret | None,
        key: str | None,
        method: str,
        path: str,
        body: bytes,
        *,
        holds_secret: bool,
    ) -> "Remembering":
        """For a request of this caller. The fingerprint covers the method, the path and the body as it was sent."""
        if key is None:
            return cls()
        check_key(key)
        digest = sha256(f"{method} {path}\n".encode() + body).digest()
        return cls(Idempotency(f"write {caller_name}", key, digest), credential, holds_secret)

    def answer(self, data: object, status: int, message: str | None = None) -> Answer | None:
        """What to remember for an answer with this `data`; None without a key."""
        return self.kept(success_body(data, message), status)

    def kept(self, body: bytes, status: int) -> Answer | None:
        """What to remember for an answer of these bytes; None without a key."""
        if self.idempotency is None:
            return None
        kept = SEALED + seal(self._key(), body, self._context()) if self._holds_secret else PLAIN + body
        return Answer(self.idempotency, status, kept)

    async def first(self, accounts: AccountStore) -> tuple[bytes, int] | None:
        """The answer of the first time; None when there was none. Raises RefusedRequest for another body."""
        if self.idempotency is None:
            return None
        known = await accounts.answered(self.idempotency)
        if known is None:
            return None
        if isinstance(known, Refused):
            raise RefusedRequest(known)
        if known.body.startswith(PLAIN):
            return known.body[1:], known.status
        try:
            return unseal(self._key(), known.body[1:], self._context()), known.status
        except DecryptionFailed:
            raise Conflict(
                "This Idempotency-Key was answered to another credential; only that one can have the answer again"
            ) from None

    def _key(self) -> bytes:
        assert self._credential is not None, "who has a key has a credential"
        return derive_key(self._credential.reveal().encode("utf-8", "surrogatepass"), PURPOSE)

    def _context(self) -> bytes:
        assert self.idempotency is not None
        return f"{self.idempotency.scope} {self.idempotency.key}".encode()


NOTHING = Remembering()
"""A request without a key, or one that remembers by itself."""
