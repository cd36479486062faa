"""Grants of sessions, and how far a chain's events were followed. stores/grant_rows.py decides; the audit log is told.

A grant is told before its row is written: what a crash leaves in between is told again by whoever tries again.
"""

from valetkey.core.audit import Kind
from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Refused
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.following import Place
from valetkey.ports.grants import SignedGrant
from valetkey.stores.grant_rows import (
    GRANT,
    NEW_GRANT,
    STANDING_STATES,
    grant_of,
    grant_values,
    succeeds,
    told_grant,
    told_of_chain,
    unwanted,
)
from valetkey.stores.postgres.book import PostgresBook
from valetkey.stores.postgres.database import Tables
from valetkey.stores.postgres.overlay import Wanted

# S608: the parts of these statements are constants of ours.
_GRANTS = f"SELECT {GRANT} FROM grants g JOIN sessions s ON s.owner_id = g.owner_id AND s.id = g.session_id "  # noqa: S608
_ONE = f"{_GRANTS}WHERE g.chain_id = $1 AND g.id = $2"
_LAST = f"{_GRANTS}WHERE g.session_id = $1 AND g.chain_id = $2 ORDER BY g.seq DESC LIMIT 1"
_ADD = (
    f"INSERT INTO grants ({NEW_GRANT}) VALUES ({', '.join(f'${n}' for n in range(1, 12))})"  # noqa: S608
    " ON CONFLICT DO NOTHING"
)
_TO_REVOKE = (
    f"{_GRANTS}WHERE g.chain_id = $1 AND g.revoked_at IS NULL AND s.revoked_at IS NOT NULL"  # noqa: S608
    " AND NOT EXISTS (SELECT 1 FROM relays r WHERE r.chain_id = g.chain_id"
    f" AND r.purpose = 'revoke ' || encode(g.id, 'hex') AND r.state IN {STANDING_STATES})"
    " ORDER BY s.revoked_at, g.seq LIMIT $2"
)
_OF_ACCOUNT = f"{_GRANTS}WHERE g.chain_id = $1 AND g.account = $2 AND g.revoked_at IS NULL"
_FOLLOWED = "SELECT number, hash, at FROM followed WHERE chain_id = $1 AND contract = $2"


class PostgresGrants(Tables):
    """The stores of grants and of followed chains on PostgreSQL."""

    async def add_grant(self, grant: SignedGrant, by: str) -> SignedGrant | Refused:
        """See ports/grants.py."""
        kept = await self.grant(grant.chain_id, grant.id)
        if kept is None:
            refused = await self._add_grant(grant, by)
            if refused is not None:
                return refused
            kept = await self.grant(grant.chain_id, grant.id)
            assert kept is not None
        if kept.session_id != grant.session_id:
            raise Contradiction("another session has this grant")
        return kept

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
        sql = f"{_GRANTS}WHERE g.owner_id = $1 ORDER BY g.seq DESC LIMIT $2 OFFSET $3"
        return [grant_of(one) for one in await self._database.rows(sql, owner_id, limit, offset)], count[0]

    async def grants_to_revoke(self, chain_id: int, limit: int) -> list[SignedGrant]:
        """See ports/grants.py."""
        return [grant_of(one) for one in await self._database.rows(_TO_REVOKE, chain_id, limit)]

    async def grant_known(self, chain_id: int, grant_id: bytes, at: int) -> None:
        """See ports/grants.py."""
        await self._shown(chain_id, grant_id, at, "known_at", Kind.GRANT_KNOWN)

    async def grant_revoked(self, chain_id: int, grant_id: bytes, at: int) -> None:
        """See ports/grants.py."""
        await self._shown(chain_id, grant_id, at, "revoked_at", Kind.GRANT_REVOKED)

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
            " AND number = $6 AND hash = $7 RETURNING 1"
        )
        told = (after.number, after.hash, after.timestamp, before.number, before.hash)
        return await self._database.row(sql, chain_id, contract, *told) is not None

    async def _add_grant(self, wanted: SignedGrant, by: str) -> Refused | None:
        place = await self._database.session_place(wanted.session_id)
        current = await self.grant_of_session(wanted.session_id, wanted.chain_id)

        def tell(book: PostgresBook) -> Refused | None:
            record: SessionRecord = book.record(wanted.session_id)
            refused = unwanted(record, book.now, current, is_kin=succeeds(current, wanted))
            if refused is None:
                session = record.session
                facts = told_grant(wanted, by)
                book.append(session.owner_id, session.tree, Kind.GRANT_GIVEN, session.id, facts)
            return refused

        trees, rows = frozenset({place.tree_id}), Wanted(sessions={wanted.session_id})
        refused = await self._database.batch(place.owner_id, trees, tell, rows)
        if refused is not None:
            return refused
        now = self._database.clock.now()

        async def write() -> None:
            async with self._database.writing() as connection:
                await connection.execute(_ADD, *grant_values(wanted, now))
                sql = "UPDATE sessions SET funding = 'grant' WHERE owner_id = $1 AND id = $2"
                await connection.execute(sql, place.owner_id, wanted.session_id)

        await self._database.again(write)
        return None

    async def _shown(self, chain_id: int, grant_id: bytes, at: int, column: str, kind: Kind) -> None:
        signed = await self.grant(chain_id, grant_id)
        if signed is None or getattr(signed, column) is not None:
            return
        place = await self._database.session_place(signed.session_id)

        def tell(book: PostgresBook) -> None:
            facts = told_of_chain(signed, at)
            book.append(place.owner_id, place.tree_id, kind, signed.session_id, facts)

        await self._database.batch(place.owner_id, frozenset({place.tree_id}), tell)
        sql = f"UPDATE grants SET {column} = $1 WHERE owner_id = $2 AND chain_id = $3 AND id = $4"  # noqa: S608
        await self._database.rows(f"{sql} AND {column} IS NULL", at, place.owner_id, chain_id, grant_id)
