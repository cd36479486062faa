"""What was signed to bring money of an owner to a session's own key, for a payment that the key makes by other means.

It is no spend: the payment is, which is held, and decided, by itself. They are kept as answers to questions that are
asked once: written once, before anything is sent, and never changed.
"""

import msgspec

from valetkey.core.addresses import same_address
from valetkey.core.refusal import Refused
from valetkey.crypto.keys import keccak256
from valetkey.ports.accounts import Answer
from valetkey.ports.grants import SignedGrant
from valetkey.ports.ledger import Idempotency
from valetkey.sdk.manager.local import Stores
from valetkey.wire.draws import DrawPayload
from valetkey.wire.grant_events import Spent
from valetkey.wire.http import encode

KEPT = 200


class TopUp(msgspec.Struct, frozen=True):
    """One of them: the hold that it is for, and what the key signed."""

    hold_id: str
    draw: DrawPayload

    def __repr__(self) -> str:
        return f"<TopUp for {self.hold_id}>"


class TopUps:
    """Those of one file."""

    def __init__(self, store: Stores) -> None:
        self._store = store

    async def of(self, session_id: str, reference: bytes) -> TopUp | None:
        """The one that the contract's event names so; None when there is none."""
        found = await self._store.answered(_question(session_id, reference))
        if found is None or isinstance(found, Refused):
            return None
        return msgspec.json.decode(found.body, type=TopUp)

    async def keep(self, session_id: str, made: TopUp) -> TopUp:
        """Remember; of two for one hold the first one counts, which is answered."""
        reference = reference_for(made.hold_id)
        await self._store.remember(Answer(_question(session_id, reference), KEPT, encode(made)))
        kept = await self.of(session_id, reference)
        assert kept is not None, "what is remembered stays"
        return kept

    async def is_one(self, signed: SignedGrant, spent: Spent, event: str) -> bool:
        """Whether an event of the contract is what was signed here, for the first time; see engine/following.py."""
        if not same_address(spent.payee, signed.grant.key):
            return False
        known = await self.of(signed.session_id, spent.reference)
        if (
            known is None
            or known.draw.grant != "0x" + signed.id.hex()
            or known.draw.amount != str(spent.amount)
        ):
            return False
        # A key that leaked may sign the same reference again: what moved then is debited.
        return await self._store.counts(f"top up {known.hold_id}", event)


def reference_for(hold_id: str) -> bytes:
    """What the contract's event names it by, 32 bytes; a payment of the same hold would be named otherwise."""
    return keccak256(f"top up {hold_id}".encode("ascii"))


def _question(session_id: str, reference: bytes) -> Idempotency:
    return Idempotency(f"top up {session_id}", reference.hex(), encode("top up"))
