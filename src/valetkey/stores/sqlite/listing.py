"""Pages of transactions, each read through an index of one side, however many transactions an agent has.

The lengths of payloads are read before the payloads, so that no page takes more memory than is meant.
"""

import json

import apsw

from valetkey.core.transaction import Transaction
from valetkey.ports.ledger import PAGE_BYTES_MAX, TransactionQuery
from valetkey.stores.rows import TRANSACTION, Value, transaction_of
from valetkey.stores.sqlite.statements import rows

_ONE = f"SELECT {TRANSACTION} FROM transactions WHERE seq = ?"  # noqa: S608 - constants of ours
_LENGTH = (
    "SELECT coalesce(length(request_payload), 0) + coalesce(length(response_payload), 0) FROM transactions"
    " WHERE seq = ?"
)
_PAGE = "SELECT seq FROM transactions WHERE "
_COUNT = "SELECT count(*) FROM transactions WHERE "
_NEWEST = " ORDER BY seq DESC LIMIT :limit OFFSET :offset"
_OLDEST = " ORDER BY seq LIMIT :limit OFFSET :offset"

_SIDES = {
    "buyer": "buyer_id = :agent",
    "seller": "seller_id = :agent",
    "all": "(buyer_id = :agent OR seller_id = :agent)",
}
_OF_SERVICES = "service_id IN (SELECT value FROM json_each(:services)) AND +"
"""A service has one seller, so that its index is narrower than the seller's: `+` keeps from the latter."""

# `{0}` is the condition on the status. Whoever is on both sides of a purchase sees it once.
_PAGE_OF_BOTH = (
    "seq IN (SELECT seq FROM (SELECT seq FROM transactions WHERE buyer_id = :agent{0} ORDER BY seq DESC"
    " LIMIT :limit + :offset) UNION SELECT seq FROM (SELECT seq FROM transactions WHERE seller_id = :agent{0}"
    " ORDER BY seq DESC LIMIT :limit + :offset))"
)
_COUNT_OF_BOTH = (
    "SELECT (SELECT count(*) FROM transactions WHERE buyer_id = :agent{0})"
    " + (SELECT count(*) FROM transactions WHERE seller_id = :agent{0})"
    " - (SELECT count(*) FROM transactions WHERE buyer_id = :agent AND buyer_id = seller_id{0})"
)


def list_transactions(db: apsw.Connection, query: TransactionQuery) -> tuple[list[Transaction], int]:
    """A page, and how many there are in all. See ports/ledger.py for its order, and for where it ends."""
    values: dict[str, Value] = {
        "agent": query.agent_id,
        "session": query.session_id,
        "status": query.status,
        "services": None if query.service_ids is None else json.dumps(sorted(query.service_ids)),
        "limit": query.limit,
        "offset": query.offset,
    }
    status = "" if query.status is None else " AND status = :status"
    if query.session_id is not None:
        # The index of the session is the narrowest there is.
        condition = f"session_id = :session AND {_SIDES[query.role]}{status}"
        count = _COUNT + condition
    elif query.service_ids is not None:
        condition = _OF_SERVICES + _SIDES[query.role] + status
        count = _COUNT + condition
    elif query.role == "all":
        condition, count = _PAGE_OF_BOTH.format(status), _COUNT_OF_BOTH.format(status)
    else:
        condition = _SIDES[query.role] + status
        count = _COUNT + condition
    ((total,),) = db.execute(count, values).fetchall()
    assert isinstance(total, int)
    found: list[Transaction] = []
    length = 0
    # What a seller has to deliver is a queue: clients that read one page would starve the oldest.
    order = _OLDEST if (query.role, query.status) == ("seller", "escrowed") else _NEWEST
    for (seq,) in db.execute(_PAGE + condition + order, values).fetchall():
        assert isinstance(seq, int)
        ((more,),) = rows(db, _LENGTH, seq)
        length += more
        if found and length > PAGE_BYTES_MAX:
            break
        found += [transaction_of(one) for one in rows(db, _ONE, seq)]
    return found, total


_BARE = TRANSACTION.replace("request_payload", "NULL").replace("response_payload", "NULL")
# Hashes are unique, so that SQLite takes "IS NULL" for few rows: it would read everything that was never paid.
_UNNAMED = (
    f"SELECT {_BARE} FROM transactions INDEXED BY transactions_unnamed"  # noqa: S608 - ours
    " WHERE session_id = ? AND escrow_tx_hash IS NULL ORDER BY seq DESC LIMIT ?"
)


def unnamed(db: apsw.Connection, session_id: str, limit: int) -> list[Transaction]:
    """What a session bought whose payment's hash is not known. See ports/ledger.py."""
    return [transaction_of(one) for one in rows(db, _UNNAMED, session_id, limit)]
