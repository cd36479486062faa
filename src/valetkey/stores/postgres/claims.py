"""Claims of sessions on PostgreSQL. stores/book/claiming.py decides, under the lock of the session's tree."""

from collections.abc import Callable
from typing import TypeVar

from valetkey.core.claim import Claim, Opening
from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Refused
from valetkey.ports.claims import Telling
from valetkey.stores.book import claiming
from valetkey.stores.claim_rows import CLAIM, claim_of
from valetkey.stores.postgres.book import PostgresBook
from valetkey.stores.postgres.database import Tables
from valetkey.stores.postgres.overlay import Wanted

T = TypeVar("T")

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {CLAIM} FROM claims WHERE id = $1"  # noqa: S608
_DUE = f"SELECT {CLAIM} FROM claims WHERE look_at <= $1 ORDER BY look_at LIMIT $2"  # noqa: S608


class PostgresClaims(Tables):
    """The store of claims on PostgreSQL."""

    async def make_claim(self, claim: Claim, by: str) -> Claim:
        """See ports/claims.py."""
        place = await self._database.session_place(claim.session_id)
        known = await self.claim(claim.id)
        if place.owner_id != claim.owner_id or (known is not None and known.owner_id != claim.owner_id):
            raise Contradiction("there is no such session of this owner, or there is such a claim already")
        wanted = Wanted(sessions={claim.session_id}, claims={claim.id}, unclaimed={claim.session_id})
        return await self._database.batch(
            place.owner_id, frozenset({place.tree_id}), lambda book: claiming.make(book, claim, by), wanted
        )

    async def claim(self, claim_id: str) -> Claim | None:
        """A claim by its id."""
        found = await self._database.row(_ONE, claim_id)
        return claim_of(found) if found else None

    async def open_claim(self, claim_id: str, opening: Opening, telling: Telling) -> Claim | Refused:
        """See ports/claims.py."""
        return await self._decide(claim_id, lambda book: claiming.open_one(book, claim_id, opening, telling))

    async def cancel_claim(self, claim_id: str, by: str) -> Claim:
        """See ports/claims.py."""
        return await self._decide(claim_id, lambda book: claiming.cancel(book, claim_id, by))

    async def claims_due(self, limit: int) -> list[Claim]:
        """See ports/claims.py."""
        return [claim_of(one) for one in await self._database.rows(_DUE, self._database.clock.now(), limit)]

    async def look_at_claim(self, claim_id: str, telling: Telling) -> Claim:
        """See ports/claims.py."""
        return await self._decide(claim_id, lambda book: claiming.look(book, claim_id, telling))

    async def _decide(self, claim_id: str, work: Callable[[PostgresBook], T]) -> T:
        found = await self.claim(claim_id)
        if found is None:
            raise Contradiction("there is no such claim")
        place = await self._database.session_place(found.session_id)
        wanted = Wanted(sessions={found.session_id}, claims={claim_id})
        return await self._database.batch(place.owner_id, frozenset({place.tree_id}), work, wanted)
