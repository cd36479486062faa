"""Claims to put into a store, with the fields that a test cares about."""

from typing import Any

from tests.stores.making import NOW, an_id, digest
from valetkey.core.claim import Claim, Opening
from valetkey.core.ids import Kind
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import Event

SEALED = b"ciphertext that only the link opens " * 40


def a_claim(record: SessionRecord, **fields: Any) -> Claim:
    """A claim of a session, of fifteen minutes."""
    plain: dict[str, Any] = {
        "id": an_id(Kind.CLAIM),
        "owner_id": record.session.owner_id,
        "session_id": record.session.id,
        "access": digest("access"),
        "digest": digest("ciphertext"),
        "expires_at": NOW + 900,
        "sealed": SEALED,
    }
    return Claim(**{**plain, **fields})


def by(name: str) -> Opening:
    """Somebody who opens."""
    return Opening(digest(name), f"address of {name}", f"kept for {name}".encode())


def quiet(_claim: Claim) -> tuple[Event, ...]:
    """An owner without a URL."""
    return ()


def loud(claim: Claim) -> tuple[Event, ...]:
    """An owner who is told of every change."""
    event = Event(
        an_id(Kind.WEBHOOK), claim.owner_id, claim.id, str(claim.state), "https://owner.example", b"{}"
    )
    return (event,)
