"""Pages of transactions, each read through an index of one side, however many transactions an agent has.

The lengths of payloads are read before the payloads, so that no page takes more memory than is meant.
"""

from valetkey.core.transaction import Transaction
from valetkey.ports.ledger import PAGE_BYTES_MAX, TransactionQuery
from valetkey.stores.postgres.columns import BOUGHT
from valetkey.stores.postgres.database import Tables
from valetkey.stores.rows import transaction_of

# S608: the parts of these statements are constants of ours.
_LENGTH = "coalesce(length(t.request_payload), 0) + coalesce(length(t.response_payload), 0)"
_ALL = f"SELECT {BOUGHT} FROM transactions t WHERE t.id = ANY($1::text[])"  # noqa: S608
_MORE = (
    " AND ($2::text IS NULL OR t.session_id = $2) AND ($3::text[] IS NULL OR t.service_id = ANY($3))"
    " AND ($4::text IS NULL OR t.status = $4)"
)
_BARE = BOUGHT.replace("t.request_payload", "NULL").replace("t.response_payload", "NULL")
_UNNAMED = (
    f"SELECT {_BARE} FROM transactions t WHERE t.buyer_id = $1 AND t.session_id = $2"  # noqa: S608
    " AND t.escrow_tx_hash IS NULL ORDER BY t.seq DESC LIMIT $3"
)
_SIDES = {
    "buyer": "t.buyer_id = $1",
    "seller": "t.seller_id = $1",
    "all": "(t.buyer_id = $1 OR t.seller_id = $1)",
}
# Whoever is on both sides of a purchase sees it once; each side is read through its own index.
_OF_BOTH = (
    "SELECT id, length FROM (SELECT * FROM ({0}) AS bought UNION SELECT * FROM ({1}) AS sold) AS either"
    " ORDER BY seq DESC LIMIT $5 OFFSET $6"
)


class PostgresListing(Tables):
    """The part of the ledger store that lists transactions."""

    async def transactions(self, query: TransactionQuery) -> tuple[list[Transaction], int]:
        """See ports/ledger.py."""
        values = (
            query.agent_id,
            query.session_id,
            None if query.service_ids is None else sorted(query.service_ids),
            query.status,
        )
        condition = _SIDES[query.role] + _MORE
        count = await self._database.row(f"SELECT count(*) FROM transactions t WHERE {condition}", *values)  # noqa: S608
        assert count is not None
        page = await self._database.rows(_page_of(query), *values, query.limit, query.offset)
        wanted: list[str] = []
        length = 0
        for transaction_id, more in page:
            length += more
            if wanted and length > PAGE_BYTES_MAX:
                break
            wanted.append(transaction_id)
        found = {one.id: one for one in map(transaction_of, await self._database.rows(_ALL, wanted))}
        return [found[name] for name in wanted], count[0]

    async def unnamed_purchases(self, session_id: str, limit: int) -> list[Transaction]:
        """See ports/ledger.py."""
        place = await self._database.find_session(session_id)
        if place is None:
            return []
        return [
            transaction_of(one) for one in await self._database.rows(_UNNAMED, *place[:1], session_id, limit)
        ]


def _page_of(query: TransactionQuery) -> str:
    # What a seller has to deliver is a queue: clients that read one page would starve the oldest.
    oldest = (query.role, query.status) == ("seller", "escrowed")
    if query.role == "all":
        one, other = (
            f"SELECT t.id, t.seq, {_LENGTH} AS length FROM transactions t WHERE {_SIDES[side]}{_MORE}"  # noqa: S608
            " ORDER BY t.seq DESC LIMIT $5::int8 + $6::int8"
            for side in ("buyer", "seller")
        )
        return _OF_BOTH.format(one, other)
    order = "t.seq" if oldest else "t.seq DESC"
    return (
        f"SELECT t.id, {_LENGTH} FROM transactions t WHERE {_SIDES[query.role]}{_MORE}"  # noqa: S608
        f" ORDER BY {order} LIMIT $5 OFFSET $6"
    )
