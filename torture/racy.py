"""A gate that must be caught: it reads, decides and writes in three steps instead of one. A test double."""

import asyncio
from typing import Any

from valetkey.core.audit import Kind
from valetkey.core.commands import PlaceHold
from valetkey.core.ledger import State, apply
from valetkey.core.refusal import Refused
from valetkey.core.session import Lineage
from valetkey.ports.ledger import Asking, Idempotency, Spend, SpendRecord
from valetkey.stores.book import placing, telling
from valetkey.stores.book.facts import Book

LATE_SECONDS = 0.005


def racy(store: Any) -> Any:
    """The same store, but what it decides on may be over by the time it writes."""

    async def hold_spend(
        spend: Spend, idempotency: Idempotency | None, asking: Asking | None = None
    ) -> SpendRecord | Refused:
        record = await store.session(spend.session_id)
        lineage: Lineage = (record.session, *record.ancestors)
        wanted = PlaceHold(spend.hold_id, spend.request, spend.expires_at)
        after = apply(State(lineage[0], None, lineage[1:]), wanted, store.clock.now())
        if isinstance(after, Refused):
            refused: SpendRecord | Refused = await honest(spend, idempotency, asking)
            return refused

        # Long enough for others to decide on the same facts.
        await asyncio.sleep(LATE_SECONDS)

        def write(book: Book) -> SpendRecord | Refused:
            known = None if idempotency is None else placing.subject(book, idempotency)
            if known is not None:
                return known if isinstance(known, Refused) else book.spend_record(known)
            assert after.hold is not None
            session = after.session
            # Books write what they have read. What was read here comes too late to be looked at.
            book.lineage(session.id)
            book.write_spent(after.lineage)
            book.add_hold(after.hold, session.owner_id, spend.note)
            facts = telling.placed(after.hold)
            book.append(session.owner_id, session.tree, Kind.HOLD_PLACED, session.id, facts)
            if idempotency is not None:
                book.remember(idempotency, after.hold.id)
            return SpendRecord(after.hold, session.owner_id, spend.note)

        done: SpendRecord | Refused = await written(spend, write)
        return done

    async def written(spend: Spend, write: Any) -> Any:
        database = store._database
        if hasattr(database, "keep"):
            return await database.keep(write)
        place = await database.session_place(spend.session_id)
        return await database.batch(place.owner_id, frozenset({place.tree_id}), write)

    honest = store.hold_spend
    store.hold_spend = hold_spend
    return store
