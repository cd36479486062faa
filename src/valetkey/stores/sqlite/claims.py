"""Claims of sessions on SQLite. stores/book/claiming.py decides."""

from valetkey.core.claim import Claim, Opening
from valetkey.core.refusal import Refused
from valetkey.ports.claims import Telling
from valetkey.stores.book import claiming
from valetkey.stores.claim_rows import CLAIM, claim_of
from valetkey.stores.sqlite.claim_book import find_claim
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.statements import rows

_DUE = f"SELECT {CLAIM} FROM claims WHERE look_at <= ? ORDER BY look_at LIMIT ?"  # noqa: S608 - constants of ours


class SqliteClaims(Tables):
    """The store of claims on SQLite."""

    async def make_claim(self, claim: Claim, by: str) -> Claim:
        """See ports/claims.py."""
        return await self._database.keep(lambda book: claiming.make(book, claim, by))

    async def claim(self, claim_id: str) -> Claim | None:
        """A claim by its id."""
        return await self._database.read(lambda db: find_claim(db, claim_id))

    async def open_claim(self, claim_id: str, opening: Opening, telling: Telling) -> Claim | Refused:
        """See ports/claims.py."""
        return await self._database.keep(lambda book: claiming.open_one(book, claim_id, opening, telling))

    async def cancel_claim(self, claim_id: str, by: str) -> Claim:
        """See ports/claims.py."""
        return await self._database.keep(lambda book: claiming.cancel(book, claim_id, by))

    async def claims_due(self, limit: int) -> list[Claim]:
        """See ports/claims.py."""
        now = self._database.clock.now()
        return [claim_of(one) for one in await self._database.read(lambda db: rows(db, _DUE, now, limit))]

    async def look_at_claim(self, claim_id: str, telling: Telling) -> Claim:
        """See ports/claims.py."""
        return await self._database.keep(lambda book: claiming.look(book, claim_id, telling))
