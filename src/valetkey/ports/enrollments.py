"""The store of enrolments: keys that delegates made for themselves, until an owner makes a session for them."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Enrollment:
    """An enrolment as it was registered, and what became of it. No private key is ever here.

    `message` names the keys, and `code` follows from it; the signatures are those of wallet and proof key. `expires_at`
    is unix seconds: an open one ends then, and a used one is forgotten. `sealed` is the session's token, encrypted to
    the delegate.
    """

    code: str
    message: str
    signature: bytes
    proof_signature: bytes
    expires_at: int
    owner_id: str | None = None
    session_id: str | None = None
    sealed: bytes | None = None

    @property
    def is_used(self) -> bool:
        """Whether a session was made for it."""
        return self.session_id is not None


@dataclass(frozen=True, slots=True)
class Claim:
    """An enrolment that is used up by the session that is added: its code, and the token, sealed to its delegate."""

    code: str
    sealed: bytes


class EnrollmentStore(Protocol):
    """Enrolments by their codes. One is used up with the session that is added for it; see ports/accounts.py."""

    async def add_enrollment(self, enrollment: Enrollment, open_max: int) -> Enrollment | None:
        """Keep an enrolment; None when about so many are open already.

        One that is known stays as it is, and is answered; one that expired unused begins anew. Returns when durable.
        """
        ...

    async def enrollment(self, code: str) -> Enrollment | None: ...
