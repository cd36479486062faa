"""Holds and the transactions they pay for: decided by core under their tree's lock. Nothing is decided here."""

from valetkey.core.commands import Command
from valetkey.core.errors import Contradiction, EnvironmentFailure
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
)
from valetkey.stores.book import placing, settling
from valetkey.stores.damage import readable
from valetkey.stores.postgres.book import PostgresBook
from valetkey.stores.postgres.columns import BOUGHT, SPEND
from valetkey.stores.postgres.database import Place, Tables
from valetkey.stores.postgres.overlay import Wanted
from valetkey.stores.postgres.standing import fold
from valetkey.stores.rows import spend_of, transaction_of

# S608: the parts of these statements are constants of ours.
_SPENDS = f"SELECT {SPEND} FROM holds h"  # noqa: S608
_DUE = f"{_SPENDS} WHERE h.look_at <= $1 ORDER BY h.look_at LIMIT $2 FOR UPDATE OF h SKIP LOCKED"
_LEASE = (
    "UPDATE holds AS h SET look_at = $1 FROM unnest($2::text[], $3::text[]) AS w (owner_id, id)"
    " WHERE h.owner_id = w.owner_id AND h.id = w.id"
)


class PostgresLedger(Tables):
    """The ledger store on PostgreSQL."""

    async def place(
        self, transaction: Transaction, idempotency: Idempotency | None, asking: Asking | None = None
    ) -> Transaction | Refused:
        """See ports/ledger.py. Raises Contradiction when an id is taken or names nothing."""
        owner_id, session_id = transaction.buyer_id, transaction.session_id
        tree_id = owner_id
        if session_id is not None:
            owner_id, tree_id, *_ = await self._database.session_place(session_id)
        wanted = Wanted(
            agents={transaction.seller_id},
            services={transaction.service_id},
            sessions=set() if session_id is None else {session_id},
            keys=_keys(idempotency),
            crowds=True,
        )
        placed = await self._database.batch(
            owner_id,
            frozenset({tree_id}),
            lambda book: placing.place(book, transaction, idempotency, asking),
            wanted,
        )
        if not isinstance(placed, Refused) and placed.buyer_id == owner_id:
            self._know(placed, tree_id)
        return placed

    async def hold_spend(
        self, spend: Spend, idempotency: Idempotency | None, asking: Asking | None = None
    ) -> SpendRecord | Refused:
        """See ports/ledger.py. Raises Contradiction when an id is taken or names nothing."""
        place = self._database.known(spend.session_id) or await self._database.session_place(spend.session_id)
        held = await self._database.batch(
            place.owner_id,
            frozenset({place.tree_id}),
            lambda book: placing.hold_spend(book, spend, idempotency, asking),
            Wanted(sessions={spend.session_id}, keys=_keys(idempotency)),
        )
        if isinstance(held, SpendRecord) and held.hold.session_id == spend.session_id:
            self._database.know(held.hold.id, place._replace(hold_id=held.hold.id))
        return held

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
        place = await self._database.find_hold(hold_id)
        if place is None:
            raise Contradiction("there is no such hold")
        return await self._database.batch(
            place.owner_id,
            frozenset({place.tree_id}),
            lambda book: settling.settle(book, hold_id, command, by, payment, events),
            _of(place),
        )

    async def observe(self, spend: Spend, *, by: str) -> SpendRecord:
        """See ports/ledger.py. Raises Contradiction when there is no such session."""
        place = await self._database.session_place(spend.session_id)
        return await self._database.batch(
            place.owner_id,
            frozenset({place.tree_id}),
            lambda book: placing.observe(book, spend, by),
            Wanted(sessions={spend.session_id}, holds={spend.hold_id}),
        )

    async def spend_of_reference(self, session_id: str, reference: str) -> SpendRecord | None:
        """See ports/ledger.py."""
        place = await self._database.find_session(session_id)
        if place is None:
            return None
        sql = (
            f"{_SPENDS} WHERE h.owner_id = $1 AND h.session_id = $2 AND h.reference = $3"
            " ORDER BY h.seq DESC LIMIT 1"
        )
        found = await self._database.row(sql, place.owner_id, session_id, reference)
        return spend_of(found) if found else None

    async def paid_by(self, tx_hash: str) -> str | None:
        """See ports/ledger.py."""
        sql = "SELECT transaction_id FROM fundings WHERE tx_hash = $1"
        found = await self._database.row(sql, tx_hash.lower())
        return found[0] if found else None

    async def remembered(self, idempotency: Idempotency) -> Transaction | Refused | None:
        """See ports/ledger.py."""
        sql = "SELECT fingerprint, subject FROM idempotency WHERE scope = $1 AND key = $2"
        found = await self._database.row(sql, idempotency.scope, idempotency.key)
        if found is None:
            return None
        if found[0] != idempotency.fingerprint or found[1] is None:
            return placing.MISMATCH
        return await self.transaction(found[1])

    async def change(self, transaction_id: str, change: Change) -> Transaction | Refused:
        """See ports/ledger.py. Raises Contradiction for an unknown id, and for a step that core calls impossible."""
        tx_hash = change.facts.escrow_tx_hash

        def work(book: PostgresBook) -> tuple[Transaction | Refused, bool]:
            before = len(book.news.changed)
            return settling.change(book, transaction_id, change), len(book.news.changed) > before

        place = await self._transaction_place(transaction_id)
        wanted = _of(place)
        wanted.transactions.add(transaction_id)
        wanted.crowds = True
        if tx_hash is not None:
            wanted.fundings.add(tx_hash.lower())
        changed, is_news = await self._database.batch(
            place.owner_id, frozenset({place.tree_id}), work, wanted
        )
        if is_news:
            await self._fold()
        return changed

    async def mark_signed(self, transaction_id: str) -> None:
        """See ports/ledger.py; a hold that is not open stays as it is."""
        place = await self._transaction_place(transaction_id)
        wanted = _of(place)
        wanted.transactions.add(transaction_id)
        wanted.crowds = True
        await self._database.batch(
            place.owner_id,
            frozenset({place.tree_id}),
            lambda book: settling.mark_signed(book, transaction_id),
            wanted,
        )

    async def transaction(self, transaction_id: str) -> Transaction | None:
        """See ports/ledger.py."""
        sql = f"SELECT {BOUGHT} FROM transactions t WHERE t.id = $1"  # noqa: S608
        found = await self._database.row(sql, transaction_id)
        return transaction_of(found) if found else None

    async def hold(self, hold_id: str) -> Hold | None:
        """See ports/ledger.py."""
        found = await self.spend_record(hold_id)
        return found.hold if found else None

    async def spend_record(self, hold_id: str) -> SpendRecord | None:
        """See ports/ledger.py."""
        found = await self._database.row(f"{_SPENDS} WHERE h.id = $1", hold_id)
        return spend_of(found) if found else None

    async def spends(self, query: SpendQuery) -> tuple[list[SpendRecord], int]:
        """See ports/ledger.py."""
        where = "h.owner_id = $1 AND ($2::text IS NULL OR h.session_id = $2) AND ($3::text IS NULL OR h.state = $3)"
        values = (query.owner_id, query.session_id, query.state)
        count = await self._database.row(f"SELECT count(*) FROM holds h WHERE {where}", *values)  # noqa: S608
        assert count is not None
        found = await self._database.rows(
            f"{_SPENDS} WHERE {where} ORDER BY h.seq DESC LIMIT $4 OFFSET $5",
            *values,
            query.limit,
            query.offset,
        )
        return [spend_of(one) for one in found], count[0]

    async def lapsed(self, limit: int) -> list[str]:
        """See ports/ledger.py."""
        sql = "SELECT id FROM holds WHERE lapses AND expires_at <= $1 ORDER BY expires_at LIMIT $2"
        return [one for (one,) in await self._database.rows(sql, self._database.clock.now(), limit)]

    async def unproven(self, limit: int, lease_seconds: int) -> list[SpendRecord]:
        """See ports/ledger.py."""
        now = self._database.clock.now()

        async def take() -> list[SpendRecord]:
            async with self._database.writing() as connection:
                due = readable(spend_of, map(tuple, await connection.fetch(_DUE, now, limit)))
                owners, ids = [one.owner_id for one in due], [one.hold.id for one in due]
                await connection.execute(_LEASE, now + lease_seconds, owners, ids)
            return due

        # Looking every second at nothing must cost no write.
        idle = await self._database.row("SELECT 1 FROM holds WHERE look_at <= $1 LIMIT 1", now) is None
        return [] if idle else await self._database.again(take)

    async def oldest_unknown(self) -> int | None:
        """See ports/ledger.py."""
        found = await self._database.row("SELECT min(placed_at) FROM holds WHERE state = 'unknown'")
        return found[0] if found else None

    async def _fold(self) -> None:
        """Add what became known of services to them, when that can be done now."""
        try:
            await self._database.again(lambda: fold(self._database))
        except EnvironmentFailure:
            # The step is durable, and so is its news: whoever folds next takes it along.
            return

    async def _transaction_place(self, transaction_id: str) -> Place:
        place = await self._database.find_transaction(transaction_id)
        if place is None:
            raise Contradiction("there is no such transaction")
        return place

    def _know(self, transaction: Transaction, tree_id: str) -> None:
        place = Place(transaction.buyer_id, tree_id, transaction.session_id, transaction.hold_id)
        self._database.know(transaction.id, place)
        if transaction.hold_id is not None:
            self._database.know(transaction.hold_id, place)


def _keys(idempotency: Idempotency | None) -> set[tuple[str, str]]:
    return set() if idempotency is None else {(idempotency.scope, idempotency.key)}


def _of(place: Place) -> Wanted:
    """The rows of a hold and its session."""
    return Wanted(
        sessions=set() if place.session_id is None else {place.session_id},
        holds=set() if place.hold_id is None else {place.hold_id},
    )
