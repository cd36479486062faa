"""What a batch reads, all in one statement after its locks: each table's rows come as one array."""

from collections.abc import Iterable
from typing import Any

from valetkey.ports.ledger import SpendRecord
from valetkey.stores.postgres.allotment_book import read_allotments
from valetkey.stores.postgres.book import NEW_CHAIN, Bought, Chain, PostgresBook
from valetkey.stores.postgres.claim_book import read_claims
from valetkey.stores.postgres.columns import BOUGHT, LINEAGES, SPEND
from valetkey.stores.postgres.crowds import CROWD_MAX, PENDING, SIGNED, UNSETTLED, Place
from valetkey.stores.postgres.enrollment_book import read_enrollments
from valetkey.stores.postgres.grant_book import read_grants
from valetkey.stores.postgres.name_book import read_names
from valetkey.stores.postgres.overlay import Wanted
from valetkey.stores.postgres.schema import Connection
from valetkey.stores.rows import KEY, key_of, record_of, spend_of, transaction_of

_LOCK = (
    "SELECT id, number, head, at, sessions, anchored, ahead FROM chains"
    " WHERE owner_id = $1 AND id = ANY($2::text[]) ORDER BY id FOR UPDATE"
)
_OWN_CHAIN = (
    "INSERT INTO chains (owner_id, id, number, head, at, sessions, ahead)"
    " VALUES ($1, $1, 0, $2, 0, 0, false) ON CONFLICT DO NOTHING"
)
_CROWDS = (SIGNED, PENDING, UNSETTLED)

_KEYS = (
    f"SELECT ROW({KEY}) FROM api_keys k WHERE k.owner_id = $1"  # noqa: S608 - constants of ours
    " AND (k.id = ANY($14::text[]) OR ($15::bool AND k.revoked_at IS NULL)) ORDER BY k.seq"
)

# S608: the parts of this statement are constants of ours.
_READ = (
    "SELECT extract(epoch FROM clock_timestamp())::float8,"  # noqa: S608
    " ARRAY(SELECT ROW(id, frozen_at, unique_labels) FROM agents WHERE id = ANY($2::text[])),"
    " ARRAY(SELECT id FROM services WHERE id = ANY($3::text[])),"
    f" ARRAY({LINEAGES.format('$4::text[]')}),"
    f" ARRAY(SELECT ROW({SPEND}) FROM holds h WHERE h.owner_id = $1 AND h.id = ANY($5::text[])),"
    f" ARRAY(SELECT ROW({BOUGHT}, t.funded_at, w.queue) FROM transactions t LEFT JOIN waiting w"
    " ON w.buyer_id = t.buyer_id AND w.transaction_id = t.id WHERE t.buyer_id = $1 AND t.id = ANY($6::text[])),"
    f" ARRAY(SELECT ROW({SPEND}) FROM holds h WHERE h.owner_id = $1 AND h.session_id = ANY($7::text[])"
    " AND h.request = ANY($8::text[]) AND h.state IN ('pending_approval', 'approved')),"
    " ARRAY(SELECT ROW(i.scope, i.key, i.fingerprint, i.subject) FROM unnest($9::text[], $10::text[]) AS w (scope, key)"
    " JOIN LATERAL (SELECT * FROM idempotency WHERE owner_id = $1 AND scope = w.scope AND key = w.key"
    " OFFSET 0) AS i ON true),"
    " ARRAY(SELECT ROW(tx_hash, transaction_id) FROM fundings WHERE tx_hash = ANY($11::text[])),"
    " ARRAY(SELECT ROW(tree_id, id) FROM sessions WHERE owner_id = $1 AND tree_id = ANY($12::text[])"
    " AND revoked_at IS NULL ORDER BY seq),"
    " CASE WHEN $13::bool THEN ARRAY["
    + ", ".join(
        "(SELECT count(*) FROM (SELECT 1 FROM waiting WHERE buyer_id = $1"  # noqa: S608
        f" AND queue = '{queue}' LIMIT {CROWD_MAX}) AS crowd)"
        for queue in _CROWDS
    )
    + "] END,"
    # Keys are looked at by very few batches.
    f" CASE WHEN $15::bool OR cardinality($14::text[]) > 0 THEN ARRAY({_KEYS}) END"
)


async def lock(
    connection: Connection, genesis: bytes, owner_id: str, trees: Iterable[str]
) -> dict[str, Chain]:
    """Lock these trees of an owner in the order of their ids, which is everybody's: where their chains end.

    A tree that does not exist yet locks nothing; its first session's id keeps it from being made twice.
    """
    wanted = sorted(trees)
    found = await connection.fetch(_LOCK, owner_id, wanted)
    if owner_id in wanted and all(one[0] != owner_id for one in found):
        await connection.execute(_OWN_CHAIN, owner_id, genesis)
        found = await connection.fetch(_LOCK, owner_id, wanted)
    chains = {one[0]: Chain(*one[1:]) for one in found}
    return {tree: chains.get(tree, NEW_CHAIN) for tree in wanted}


async def read(connection: Connection, book: PostgresBook, wanted: Wanted) -> float:
    """Fill the book with what is wanted, as it is now; the database's time, unix seconds.

    What was asked for and is not there is known not to be there.
    """
    undecided = list(wanted.undecided)
    keys = list(wanted.keys)
    found = await connection.fetchrow(
        _READ,
        book.owner_id,
        [*wanted.agents],
        [*wanted.services],
        [*wanted.sessions],
        [*wanted.holds],
        [*wanted.transactions],
        [session_id for session_id, _ in undecided],
        [request for _, request in undecided],
        [scope for scope, _ in keys],
        [key for _, key in keys],
        [*wanted.fundings],
        [*wanted.living],
        wanted.crowds,
        [*wanted.api_keys],
        wanted.living_keys,
    )
    (
        now,
        agents,
        services,
        sessions,
        spends,
        bought,
        waiting,
        remembered,
        fundings,
        living,
        crowds,
        api_keys,
    ) = found
    _load_agents(book, wanted, agents, services)
    for row in sessions:
        book.load_session(row[0], record_of(row))
    for session_id in wanted.sessions:
        book.load_session(session_id, None)
    for spend in map(spend_of, [*spends, *waiting]):
        book.spends.load(spend.hold.id, spend)
    for hold_id in wanted.holds:
        book.spends.load(hold_id, None)
    _load_undecided(book, wanted, [spend_of(row) for row in waiting], waiting)
    _load_bought(book, wanted, bought)
    for scope, key, fingerprint, subject in remembered:
        # What has an answer and no subject was another kind of write: no fingerprint fits it.
        book.keys.load((scope, key), (fingerprint if subject else b"", subject or ""))
    for pair in keys:
        book.keys.load(pair, None)
    for tx_hash, transaction_id in fundings:
        book.fundings.load(tx_hash, transaction_id)
    for tx_hash in wanted.fundings:
        book.fundings.load(tx_hash, None)
    for tree_id in wanted.living:
        book.living_sessions.load(tree_id, [one for tree, one in living if tree == tree_id])
    for queue, count in zip(_CROWDS, crowds or (), strict=False):
        book.crowds.load(queue, count)
    for row in api_keys or ():
        book.api_keys.load(row[0], key_of(row))
    for key_id in wanted.api_keys:
        book.api_keys.load(key_id, None)
    book.knows_living_keys |= wanted.living_keys
    await read_grants(connection, book, wanted)
    await read_allotments(connection, book, wanted)
    await read_claims(connection, book, wanted)
    await read_names(connection, book, wanted)
    await read_enrollments(connection, book, wanted)
    seconds: float = now
    return seconds


def _load_agents(book: PostgresBook, wanted: Wanted, agents: list[Any], services: list[str]) -> None:
    for agent_id, frozen_at, unique in agents:
        book.agents.load(agent_id, True)
        if agent_id == book.owner_id:
            book.frozen.load(agent_id, frozen_at)
            book.unique.load(agent_id, unique)
    for agent_id in wanted.agents:
        book.agents.load(agent_id, False)
    book.frozen.load(book.owner_id, None)
    for service_id in services:
        book.services.load(service_id, True)
    for service_id in wanted.services:
        book.services.load(service_id, False)


def _load_undecided(book: PostgresBook, wanted: Wanted, found: list[SpendRecord], rows: list[Any]) -> None:
    waiting: dict[tuple[str, str], tuple[str, ...]] = dict.fromkeys(wanted.undecided, ())
    for spend, row in zip(found, rows, strict=True):
        key = (spend.hold.session_id, row[2])
        waiting[key] = (*waiting.get(key, ()), spend.hold.id)
    for key, holds in waiting.items():
        book.undecided_holds.load(key, holds)


def _load_bought(book: PostgresBook, wanted: Wanted, rows: list[Any]) -> None:
    for row in rows:
        transaction = transaction_of(row[:-2])
        book.bought.load(transaction.id, Bought(transaction, row[-2]))
        book.waiting.load(transaction.id, None if row[-1] is None else Place(row[-1]))
    for transaction_id in wanted.transactions:
        book.bought.load(transaction_id, None)
        book.waiting.load(transaction_id, None)
