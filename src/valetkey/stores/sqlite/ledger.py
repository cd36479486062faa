"""Holds and the transactions they pay for: locked, decided by core, written together. Nothing is decided here."""

import apsw

from valetkey.core.commands import Command
from valetkey.core.refusal import Refused
from valetkey.core.spend import Hold
from valetkey.core.transaction import Transaction
from valetkey.ports.ledger import (
    Asking,
    Change,
    Event,
    Idempotency,
    Payment,
    Spend,
    SpendQuery,
    SpendRecord,
    TransactionQuery,
)
from valetkey.stores.book import placing, settling
from valetkey.stores.damage import readable
from valetkey.stores.rows import SPEND, Row, Value, spend_of
from valetkey.stores.sqlite.book import SqliteBook, find_spend, find_transaction
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.listing import list_transactions, unnamed
from valetkey.stores.sqlite.statements import row, rows
from valetkey.stores.sqlite.text import page

_SPENDS = f"SELECT {SPEND} FROM holds h "  # noqa: S608 - constants of ours
_OF_REFERENCE = f"{_SPENDS}WHERE h.session_id = ? AND h.reference = ? ORDER BY h.seq DESC LIMIT 1"


class SqliteLedger(Tables):
    """The ledger store on SQLite."""

    async def place(
        self, transaction: Transaction, idempotency: Idempotency | None, asking: Asking | None = None
    ) -> Transaction | Refused:
        """See ports/ledger.py. Raises Contradiction when an id is taken or names nothing."""
        return await self._database.keep(lambda book: placing.place(book, transaction, idempotency, asking))

    async def hold_spend(
        self, spend: Spend, idempotency: Idempotency | None, asking: Asking | None = None
    ) -> SpendRecord | Refused:
        """See ports/ledger.py. Raises Contradiction when an id is taken or names nothing."""
        return await self._database.keep(lambda book: placing.hold_spend(book, spend, idempotency, asking))

    async def settle(
        self,
        hold_id: str,
        command: Command,
        *,
        by: str,
        payment: Payment | None = None,
        events: tuple[Event, ...] = (),
    ) -> SpendRecord | Refused:
        """See ports/ledger.py. Raises Contradiction for an unknown id, and for what core calls impossible."""
        return await self._database.keep(
            lambda book: settling.settle(book, hold_id, command, by, payment, events)
        )

    async def observe(self, spend: Spend, *, by: str) -> SpendRecord:
        """See ports/ledger.py. Raises Contradiction when there is no such session."""
        return await self._database.keep(lambda book: placing.observe(book, spend, by))

    async def spend_of_reference(self, session_id: str, reference: str) -> SpendRecord | None:
        """See ports/ledger.py."""
        found = await self._database.read(lambda db: row(db, _OF_REFERENCE, session_id, reference))
        return spend_of(found) if found else None

    async def unnamed_purchases(self, session_id: str, limit: int) -> list[Transaction]:
        """See ports/ledger.py."""
        return await self._database.read(lambda db: unnamed(db, session_id, limit))

    async def paid_by(self, tx_hash: str) -> str | None:
        """See ports/ledger.py."""
        sql = "SELECT id FROM transactions WHERE escrow_tx_hash = ?"
        found = await self._database.read(lambda db: row(db, sql, tx_hash))
        return found[0] if found else None

    async def remembered(self, idempotency: Idempotency) -> Transaction | Refused | None:
        """See ports/ledger.py."""

        def look(db: apsw.Connection) -> Transaction | Refused | None:
            known = placing.subject(SqliteBook(db, 0), idempotency)
            return find_transaction(db, known) if isinstance(known, str) else known

        return await self._database.read(look)

    async def change(self, transaction_id: str, change: Change) -> Transaction | Refused:
        """See ports/ledger.py. Raises Contradiction for an unknown id, and for a step that core calls impossible."""
        return await self._database.keep(lambda book: settling.change(book, transaction_id, change))

    async def mark_signed(self, transaction_id: str) -> None:
        """See ports/ledger.py; a hold that is not open stays as it is."""
        await self._database.keep(lambda book: settling.mark_signed(book, transaction_id))

    async def transaction(self, transaction_id: str) -> Transaction | None:
        """See ports/ledger.py."""
        return await self._database.read(lambda db: find_transaction(db, transaction_id))

    async def transactions(self, query: TransactionQuery) -> tuple[list[Transaction], int]:
        """See ports/ledger.py."""
        return await self._database.read(lambda db: list_transactions(db, query))

    async def hold(self, hold_id: str) -> Hold | None:
        """See ports/ledger.py."""
        found = await self.spend_record(hold_id)
        return found.hold if found else None

    async def spend_record(self, hold_id: str) -> SpendRecord | None:
        """See ports/ledger.py."""
        return await self._database.read(lambda db: find_spend(db, hold_id))

    async def spends(self, query: SpendQuery) -> tuple[list[SpendRecord], int]:
        """See ports/ledger.py."""
        where = ["h.owner_id = :owner"]
        values: dict[str, Value] = {"owner": query.owner_id}
        for name, value in (("session_id", query.session_id), ("state", query.state)):
            if value is not None:
                where.append(f"h.{name} = :{name}")
                values[name] = value
        found, total = await self._database.read(
            lambda db: page(db, _SPENDS, "holds h", where, values, "h.seq DESC", query.limit, query.offset)
        )
        return [spend_of(one) for one in found], total

    async def lapsed(self, limit: int) -> list[str]:
        """See ports/ledger.py."""
        now = self._database.clock.now()
        sql = "SELECT id FROM holds WHERE lapses = 1 AND expires_at <= ? ORDER BY expires_at LIMIT ?"
        return [one for (one,) in await self._database.read(lambda db: rows(db, sql, now, limit))]

    async def unproven(self, limit: int, lease_seconds: int) -> list[SpendRecord]:
        """See ports/ledger.py."""
        now = self._database.clock.now()
        sql = f"{_SPENDS}WHERE h.look_at <= ? ORDER BY h.look_at LIMIT ?"
        if not await self._database.read(lambda db: rows(db, sql, now, 1)):
            # Looking every second at nothing must cost no write.
            return []

        def work(db: apsw.Connection, now: int) -> list[Row]:
            due = rows(db, sql, now, limit)
            for one in due:
                db.execute("UPDATE holds SET look_at = ? WHERE id = ?", (now + lease_seconds, one[0]))
            return due

        return readable(spend_of, await self._database.write(work))

    async def oldest_unknown(self) -> int | None:
        """See ports/ledger.py."""
        sql = "SELECT min(placed_at) FROM holds WHERE state = 'unknown'"
        found = await self._database.read(lambda db: row(db, sql))
        return found[0] if found else None
