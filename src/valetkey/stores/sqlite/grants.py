"""Grants of sessions, and how far a chain's events were followed. stores/grant_rows.py decides."""

import apsw

from valetkey.core.audit import Kind
from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Refused
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
from valetkey.stores.rows import Value
from valetkey.stores.sqlite.book import SqliteBook
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.statements import row, rows, run
from valetkey.stores.sqlite.text import page

# S608: the parts of these statements are constants of ours.
_GRANTS = f"SELECT {GRANT} FROM grants g JOIN sessions s ON s.id = g.session_id "  # noqa: S608
_ONE = f"{_GRANTS}WHERE g.chain_id = ? AND g.id = ?"
_LAST = f"{_GRANTS}WHERE g.session_id = ? AND g.chain_id = ? ORDER BY g.seq DESC LIMIT 1"
_ADD = f"INSERT INTO grants ({NEW_GRANT}) VALUES ({', '.join('?' * 11)})"  # noqa: S608
_TO_REVOKE = (
    f"{_GRANTS}WHERE g.chain_id = ? AND g.revoked_at IS NULL AND s.revoked_at IS NOT NULL"  # noqa: S608
    " AND NOT EXISTS (SELECT 1 FROM relays r WHERE r.chain_id = g.chain_id"
    f" AND r.purpose = 'revoke ' || lower(hex(g.id)) AND r.state IN {STANDING_STATES})"
    " ORDER BY s.revoked_at, g.seq LIMIT ?"
)
_OF_ACCOUNT = f"{_GRANTS}WHERE g.chain_id = ? AND g.account = ? AND g.revoked_at IS NULL"
_FOLLOWED = "SELECT number, hash, at FROM followed WHERE chain_id = ? AND contract = ?"


class SqliteGrants(Tables):
    """The stores of grants and of followed chains on SQLite."""

    async def add_grant(self, grant: SignedGrant, by: str) -> SignedGrant | Refused:
        """See ports/grants.py."""
        return await self._database.keep(lambda book: _add(book, grant, by))

    async def grant(self, chain_id: int, grant_id: bytes) -> SignedGrant | None:
        """A grant by its id."""
        found = await self._database.read(lambda db: row(db, _ONE, chain_id, grant_id))
        return grant_of(found) if found else None

    async def grant_of_session(self, session_id: str, chain_id: int) -> SignedGrant | None:
        """See ports/grants.py."""
        found = await self._database.glance(lambda db: row(db, _LAST, session_id, chain_id))
        return grant_of(found) if found else None

    async def grants_of_owner(self, owner_id: str, limit: int, offset: int) -> tuple[list[SignedGrant], int]:
        """See ports/grants.py."""
        values: dict[str, Value] = {"owner": owner_id}
        found, total = await self._database.read(
            lambda db: page(
                db, _GRANTS, "grants g", ["g.owner_id = :owner"], values, "g.seq DESC", limit, offset
            )
        )
        return [grant_of(one) for one in found], total

    async def grants_to_revoke(self, chain_id: int, limit: int) -> list[SignedGrant]:
        """See ports/grants.py."""
        return [
            grant_of(one)
            for one in await self._database.read(lambda db: rows(db, _TO_REVOKE, chain_id, limit))
        ]

    async def grant_known(self, chain_id: int, grant_id: bytes, at: int) -> None:
        """See ports/grants.py."""
        await self._shown(chain_id, grant_id, at, "known_at", Kind.GRANT_KNOWN)

    async def grant_revoked(self, chain_id: int, grant_id: bytes, at: int) -> None:
        """See ports/grants.py."""
        await self._shown(chain_id, grant_id, at, "revoked_at", Kind.GRANT_REVOKED)

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

    async def _shown(self, chain_id: int, grant_id: bytes, at: int, column: str, kind: Kind) -> None:
        def work(book: SqliteBook) -> None:
            found = row(book.db, _ONE, chain_id, grant_id)
            signed = grant_of(found) if found else None
            if signed is None or getattr(signed, column) is not None:
                return
            sql = f"UPDATE grants SET {column} = ? WHERE chain_id = ? AND id = ?"  # noqa: S608 - ours
            run(book.db, sql, at, chain_id, grant_id)
            tree = book.lineage(signed.session_id)[0].tree
            book.append(signed.owner_id, tree, kind, signed.session_id, told_of_chain(signed, at))

        await self._database.keep(work)


def _add(book: SqliteBook, wanted: SignedGrant, by: str) -> SignedGrant | Refused:
    known = row(book.db, _ONE, wanted.chain_id, wanted.id)
    if known is not None:
        kept = grant_of(known)
        if kept.session_id != wanted.session_id:
            raise Contradiction("another session has this grant")
        return kept
    record = book.record(wanted.session_id)
    last = row(book.db, _LAST, wanted.session_id, wanted.chain_id)
    current = grant_of(last) if last else None
    refused = unwanted(record, book.now, current, is_kin=succeeds(current, wanted))
    if refused is not None:
        return refused
    run(book.db, _ADD, *grant_values(wanted, book.now))
    run(book.db, "UPDATE sessions SET funding = 'grant' WHERE id = ?", wanted.session_id)
    session = record.session
    book.append(session.owner_id, session.tree, Kind.GRANT_GIVEN, session.id, told_grant(wanted, by))
    found = row(book.db, _ONE, wanted.chain_id, wanted.id)
    assert found is not None
    return grant_of(found)
