"""Grants of sessions, and how far a chain's events were followed. stores/book/granting.py decides."""

from collections.abc import Callable

from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Refused
from valetkey.ports.following import Place
from valetkey.ports.grants import SignedGrant
from valetkey.ports.relays import REVOKED_AGAIN_SECONDS
from valetkey.stores.book import granting
from valetkey.stores.damage import readable
from valetkey.stores.grant_rows import GRANT, STANDING_STATES, grant_of
from valetkey.stores.postgres.book import PostgresBook
from valetkey.stores.postgres.database import Tables
from valetkey.stores.postgres.overlay import Wanted

# S608: the parts of these statements are constants of ours.
_GRANTS = f"SELECT {GRANT} FROM grants "  # noqa: S608
_ONE = f"{_GRANTS}WHERE chain_id = $1 AND id = $2"
_LAST = f"{_GRANTS}WHERE session_id = $1 AND chain_id = $2 ORDER BY seq DESC LIMIT 1"
_TO_REVOKE = (
    f"{_GRANTS}AS g WHERE chain_id = $1 AND stopped_at IS NOT NULL AND revoked_at IS NULL"  # noqa: S608
    " AND NOT EXISTS (SELECT 1 FROM relays r WHERE r.chain_id = g.chain_id"
    f" AND r.purpose = 'revoke ' || encode(g.id, 'hex') AND (r.state IN {STANDING_STATES} OR r.made_at > $2))"
    " ORDER BY stopped_at, seq LIMIT $3"
)
_OF_ACCOUNT = f"{_GRANTS}WHERE chain_id = $1 AND account = $2 AND revoked_at IS NULL"
_FOLLOWED = "SELECT number, hash, at FROM followed WHERE chain_id = $1 AND contract = $2"


class PostgresGrants(Tables):
    """The stores of grants and of followed chains on PostgreSQL."""

    async def add_grant(self, grant: SignedGrant, by: str) -> SignedGrant | Refused:
        """See ports/grants.py."""
        known = await self.grant(grant.chain_id, grant.id)
        if known is not None:
            # Perhaps of another owner, whose rows no batch of this one sees.
            if known.session_id != grant.session_id:
                raise Contradiction("another session has this grant")
            return known
        place = await self._database.session_place(grant.session_id)
        return await self._database.batch(
            place.owner_id,
            frozenset({place.tree_id}),
            lambda book: granting.give(book, grant, by),
            Wanted(
                sessions={grant.session_id},
                grants={(grant.chain_id, grant.id)},
                last_grants={(grant.session_id, grant.chain_id)},
            ),
        )

    async def grant(self, chain_id: int, grant_id: bytes) -> SignedGrant | None:
        """A grant by its id."""
        found = await self._database.row(_ONE, chain_id, grant_id)
        return grant_of(found) if found else None

    async def grant_of_session(self, session_id: str, chain_id: int) -> SignedGrant | None:
        """See ports/grants.py."""
        found = await self._database.row(_LAST, session_id, chain_id)
        return grant_of(found) if found else None

    async def grants_of_owner(self, owner_id: str, limit: int, offset: int) -> tuple[list[SignedGrant], int]:
        """See ports/grants.py."""
        count = await self._database.row("SELECT count(*) FROM grants WHERE owner_id = $1", owner_id)
        assert count is not None
        sql = f"{_GRANTS}WHERE owner_id = $1 ORDER BY seq DESC LIMIT $2 OFFSET $3"
        return [grant_of(one) for one in await self._database.rows(sql, owner_id, limit, offset)], count[0]

    async def grants_to_revoke(self, chain_id: int, limit: int) -> list[SignedGrant]:
        """See ports/grants.py."""
        since = self._database.clock.now() - REVOKED_AGAIN_SECONDS
        return readable(grant_of, await self._database.rows(_TO_REVOKE, chain_id, since, limit))

    async def grant_known(self, chain_id: int, grant_id: bytes, at: int) -> None:
        """See ports/grants.py."""
        await self._shown(chain_id, grant_id, lambda book: granting.known(book, chain_id, grant_id, at))

    async def grant_revoked(self, chain_id: int, grant_id: bytes, at: int) -> None:
        """See ports/grants.py."""
        await self._shown(chain_id, grant_id, lambda book: granting.revoked(book, chain_id, grant_id, at))

    async def owner_revoked_all(self, chain_id: int, owner_address: str, epoch: int, at: int) -> None:
        """See ports/grants.py."""
        found = await self._database.rows(_OF_ACCOUNT, chain_id, owner_address.lower())
        for one in map(grant_of, found):
            if one.grant.epoch < epoch:
                await self.grant_revoked(chain_id, one.id, at)

    async def followed(self, chain_id: int, contract: str) -> Place | None:
        """See ports/following.py."""
        found = await self._database.row(_FOLLOWED, chain_id, contract)
        return Place(found[0], bytes(found[1]), found[2]) if found else None

    async def counts(self, subject: str, event: str) -> bool:
        """See ports/following.py."""
        await self._database.rows(
            "INSERT INTO counted VALUES ($1, $2) ON CONFLICT DO NOTHING", subject, event
        )
        found = await self._database.row("SELECT event FROM counted WHERE subject = $1", subject)
        return found == (event,)

    async def follow(self, chain_id: int, contract: str, before: Place | None, after: Place) -> bool:
        """See ports/following.py."""
        if before is None:
            sql = "INSERT INTO followed VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING 1"
            values = (chain_id, contract, after.number, after.hash, after.timestamp)
            return await self._database.row(sql, *values) is not None
        sql = (
            "UPDATE followed SET number = $3, hash = $4, at = $5 WHERE chain_id = $1 AND contract = $2"
            " AND number = $6 AND hash = $7 AND at = $8 RETURNING 1"
        )
        told = (after.number, after.hash, after.timestamp)
        known = (before.number, before.hash, before.timestamp)
        return await self._database.row(sql, chain_id, contract, *told, *known) is not None

    async def _shown(self, chain_id: int, grant_id: bytes, tell: Callable[[PostgresBook], None]) -> None:
        signed = await self.grant(chain_id, grant_id)
        if signed is None:
            return
        place = await self._database.session_place(signed.session_id)
        wanted = Wanted(sessions={signed.session_id}, grants={(chain_id, grant_id)})
        await self._database.batch(place.owner_id, frozenset({place.tree_id}), tell, wanted)
