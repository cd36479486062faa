"""Grants of sessions, and how far a chain's events were followed. stores/book/granting.py decides."""

import apsw

from valetkey.core.refusal import Refused
from valetkey.ports.following import Place
from valetkey.ports.grants import SignedGrant
from valetkey.ports.relays import REVOKED_AGAIN_SECONDS
from valetkey.stores.book import granting
from valetkey.stores.damage import readable
from valetkey.stores.grant_rows import GRANT, STANDING_STATES, grant_of
from valetkey.stores.rows import Value
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.grant_book import find_grant, last_grant
from valetkey.stores.sqlite.statements import row, rows, run
from valetkey.stores.sqlite.text import page

# S608: the parts of these statements are constants of ours.
_GRANTS = f"SELECT {GRANT} FROM grants "  # noqa: S608
_TO_REVOKE = (
    f"{_GRANTS}AS g WHERE chain_id = ? AND stopped_at IS NOT NULL AND revoked_at IS NULL"  # noqa: S608
    " AND NOT EXISTS (SELECT 1 FROM relays r WHERE r.chain_id = g.chain_id"
    f" AND r.purpose = 'revoke ' || lower(hex(g.id)) AND (r.state IN {STANDING_STATES} OR r.made_at > ?))"
    " ORDER BY stopped_at, seq LIMIT ?"
)
_OF_ACCOUNT = f"{_GRANTS}WHERE chain_id = ? AND account = ? AND revoked_at IS NULL"
_FOLLOWED = "SELECT number, hash, at FROM followed WHERE chain_id = ? AND contract = ?"


class SqliteGrants(Tables):
    """The stores of grants and of followed chains on SQLite."""

    async def add_grant(self, grant: SignedGrant, by: str) -> SignedGrant | Refused:
        """See ports/grants.py."""
        return await self._database.keep(lambda book: granting.give(book, grant, by))

    async def grant(self, chain_id: int, grant_id: bytes) -> SignedGrant | None:
        """A grant by its id."""
        return await self._database.read(lambda db: find_grant(db, chain_id, grant_id))

    async def grant_of_session(self, session_id: str, chain_id: int) -> SignedGrant | None:
        """See ports/grants.py."""
        return await self._database.glance(lambda db: last_grant(db, session_id, chain_id))

    async def grants_of_owner(self, owner_id: str, limit: int, offset: int) -> tuple[list[SignedGrant], int]:
        """See ports/grants.py."""
        values: dict[str, Value] = {"owner": owner_id}
        found, total = await self._database.read(
            lambda db: page(db, _GRANTS, "grants", ["owner_id = :owner"], values, "seq DESC", limit, offset)
        )
        return readable(grant_of, found), total

    async def grants_to_revoke(self, chain_id: int, limit: int) -> list[SignedGrant]:
        """See ports/grants.py."""
        since = self._database.clock.now() - REVOKED_AGAIN_SECONDS
        found = await self._database.read(lambda db: rows(db, _TO_REVOKE, chain_id, since, limit))
        return readable(grant_of, found)

    async def grant_known(self, chain_id: int, grant_id: bytes, at: int) -> None:
        """See ports/grants.py."""
        await self._database.keep(lambda book: granting.known(book, chain_id, grant_id, at))

    async def grant_revoked(self, chain_id: int, grant_id: bytes, at: int) -> None:
        """See ports/grants.py."""
        await self._database.keep(lambda book: granting.revoked(book, chain_id, grant_id, at))

    async def owner_revoked_all(self, chain_id: int, owner_address: str, epoch: int, at: int) -> None:
        """See ports/grants.py."""
        account = owner_address.lower()
        found = await self._database.read(lambda db: rows(db, _OF_ACCOUNT, chain_id, account))
        for one in map(grant_of, found):
            if one.grant.epoch < epoch:
                await self.grant_revoked(chain_id, one.id, at)

    async def followed(self, chain_id: int, contract: str) -> Place | None:
        """See ports/following.py."""
        found = await self._database.read(lambda db: row(db, _FOLLOWED, chain_id, contract))
        return Place(found[0], bytes(found[1]), found[2]) if found else None

    async def counts(self, subject: str, event: str) -> bool:
        """See ports/following.py."""

        def work(db: apsw.Connection, _: int) -> bool:
            run(db, "INSERT INTO counted VALUES (?, ?) ON CONFLICT DO NOTHING", subject, event)
            return row(db, "SELECT event FROM counted WHERE subject = ?", subject) == (event,)

        return await self._database.write(work)

    async def follow(self, chain_id: int, contract: str, before: Place | None, after: Place) -> bool:
        """See ports/following.py."""

        def work(db: apsw.Connection, _: int) -> bool:
            found = row(db, _FOLLOWED, chain_id, contract)
            if (Place(*found) if found else None) != before:
                return False
            run(
                db,
                "INSERT INTO followed VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET number = excluded.number,"
                " hash = excluded.hash, at = excluded.at",
                *(chain_id, contract, after.number, after.hash, after.timestamp),
            )
            return True

        return await self._database.write(work)
