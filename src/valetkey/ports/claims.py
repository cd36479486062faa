"""The store of one-time claims: each is opened by one claimant, whichever replica is asked."""

from collections.abc import Callable
from typing import Protocol

from valetkey.core.claim import Claim, Opening
from valetkey.core.refusal import Refused
from valetkey.ports.ledger import Event

Telling = Callable[[Claim], tuple[Event, ...]]
"""What the owner is told of a claim that has just changed; queued in the transaction of the change."""


class ClaimStore(Protocol):
    """Every method that changes a claim is one database transaction, durable when it returns, and told in the log."""

    async def make_claim(self, claim: Claim, by: str) -> Claim:
        """Keep a claim of an owner's session; an unclaimed one of the same session is cancelled with it.

        The same id and digest again answer what was kept. Raises Contradiction for an id that is taken, and when
        there is no such session of that owner.
        """
        ...

    async def claim(self, claim_id: str) -> Claim | None: ...

    async def open_claim(self, claim_id: str, opening: Opening, telling: Telling) -> Claim | Refused:
        """The claim of the one who opened it first; everybody else is refused.

        Refused with `claim_expired` (the session is revoked with it), `claim_cancelled`, and with `already_claimed`,
        and then the session is stopped as the claim says.
        """
        ...

    async def cancel_claim(self, claim_id: str, by: str) -> Claim:
        """Take an unclaimed one back. The session lives on; a claim that is over stays as it is."""
        ...

    async def claims_due(self, limit: int) -> list[Claim]:
        """Claims about which something is to be done now: `look_at_claim` does it."""
        ...

    async def look_at_claim(self, claim_id: str, telling: Telling) -> Claim:
        """Expire it, with its session, or erase what was kept for its claimant, if it is time. Again does no harm."""
        ...
