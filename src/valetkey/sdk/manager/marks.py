"""What the file remembers of a session on Solana beside its rules: what was opened, what was signed, what has ended.

They are kept as answers to questions that are asked once: written once, never changed.
"""

from typing import TypeVar

import msgspec

from valetkey.core.refusal import Refused
from valetkey.ports.accounts import AccountStore, Answer
from valetkey.ports.ledger import Idempotency
from valetkey.wire.http import encode

T = TypeVar("T")

KEPT = 200


class Opened(msgspec.Struct, frozen=True):
    """The session's account was there with its budget, at the latest in this slot."""

    slot: int


class Presigned(msgspec.Struct, frozen=True):
    """The end that the owner signed in advance: JSON of a wire.solana.SolanaPayment."""

    payment: str

    def __repr__(self) -> str:
        return "<Presigned>"


class Brought(msgspec.Struct, frozen=True):
    """Payments that another file counted before the session came from there, by signature."""

    signatures: list[str]


class Over(msgspec.Struct, frozen=True):
    """The session's key can move nothing, by a final block. `lateness`: seconds since it should have been so."""

    signature: str | None
    slot: int
    at: int
    lateness: int


class Marks:
    """The marks of one file."""

    def __init__(self, store: AccountStore) -> None:
        self._store = store

    async def get(self, session_id: str, kind: type[T]) -> T | None:
        """What is remembered; None when nothing is."""
        found = await self._store.answered(_question(session_id, kind))
        if found is None or isinstance(found, Refused):
            return None
        return msgspec.json.decode(found.body, type=kind)

    async def keep(self, session_id: str, mark: object) -> None:
        """Remember; what is there already stays."""
        question = _question(session_id, type(mark))
        await self._store.remember(Answer(question, KEPT, msgspec.json.encode(mark)))


def _question(session_id: str, kind: type[object]) -> Idempotency:
    return Idempotency(f"solana {session_id}", kind.__name__, encode("mark"))
