"""An older database becomes a newer one with everything that is in it."""

import asyncio

from tests.cluster import Cluster
from tests.stores.conftest import Market
from tests.stores.making import a_purchase, a_session, allowed, code, digest
from tests.stores.making_grants import a_grant
from tests.stores.postgres.conftest import Open
from tests.stores.postgres.standing import assert_sums_agree, make_market, run
from tests.stores.test_session_pages import listed_by_what_is_left, standings_of
from valetkey.core.commands import MarkUnknown
from valetkey.ports.accounts import Funding, SessionQuery
from valetkey.ports.ledger import Payment
from valetkey.stores.postgres import migrate_database
from valetkey.stores.postgres.schema import MIGRATIONS

_AS_VERSION_8 = (
    "DROP TABLE valetkey_lineage",
    "DROP TABLE refused_minutes",
    "DROP INDEX holds_unknown_session",
    "ALTER TABLE spent DROP COLUMN ends, DROP COLUMN near, DROP COLUMN currency, DROP COLUMN units, DROP COLUMN odd",
    "DELETE FROM valetkey_versions WHERE version > 8",
)
_AS_VERSION_6 = (
    *_AS_VERSION_8,
    "DROP TABLE alerts, tallies, spent_days, refused_days",
    "DROP INDEX holds_unknown_of, sessions_ending",
    "DROP INDEX sessions_warned, sessions_wallet, sessions_newest, sessions_named, sessions_children",
    "ALTER TABLE sessions DROP COLUMN warned_for, DROP COLUMN currencies, DROP COLUMN chains, DROP COLUMN rest,"
    " DROP COLUMN exhausted",
    "ALTER TABLE spent DROP COLUMN rest",
    "CREATE INDEX sessions_newest ON sessions (owner_id, created_at, seq)",
    "DELETE FROM valetkey_versions WHERE version > 6",
)
_AS_VERSION_2 = (
    *_AS_VERSION_6,
    "DROP TABLE enrollments",
    "ALTER TABLE sessions DROP COLUMN proof_key",
    "DROP TABLE claims",
    "DROP TABLE allotments",
    "ALTER TABLE agents DROP COLUMN unique_labels",
    "DROP INDEX sessions_label",
    "ALTER TABLE sessions DROP COLUMN key_hash, DROP COLUMN sole",
    "DELETE FROM valetkey_versions WHERE version > 2",
)
_AS_VERSION_1 = (
    *_AS_VERSION_2,
    "DROP TABLE grants, relays, relayers, counted, followed",
    "DROP INDEX holds_reference",
    "DROP INDEX transactions_unnamed",
    "ALTER TABLE sessions DROP COLUMN funding",
    "ALTER TABLE transactions DROP COLUMN session_key",
    "DELETE FROM valetkey_versions WHERE version > 1",
)
_COLUMNS = (
    "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
    " WHERE table_schema = 'public' ORDER BY 1, 2"
)
_INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"


def test_sessions_and_purchases_of_an_older_database_go_on(open_again: Open, url: str) -> None:
    """Version 1 knew no grants: its sessions pay with their wallets, and may be given one."""
    market: Market = make_market(url)
    store = open_again()
    record = a_session(market.owner)
    store.add_session(record, digest("token"))
    purchase = allowed(store.place(a_purchase(market.service, market.owner, record, 7_000), None))
    store.settle(purchase.hold_id, MarkUnknown(), by="owner", payment=Payment(b"signed", "0x12"))
    store.close()
    before = run(url, (_COLUMNS,), (_INDEXES,))
    run(url, *((one,) for one in _AS_VERSION_1))
    assert asyncio.run(migrate_database(url)) == (1, len(MIGRATIONS))
    assert asyncio.run(migrate_database(url)) == (len(MIGRATIONS), len(MIGRATIONS))
    assert run(url, (_COLUMNS,), (_INDEXES,)) == before
    again = open_again()
    assert again.authenticate(digest("token")).funding is Funding.WALLET
    assert again.transaction(purchase.id) == purchase
    assert again.spend_of_reference(record.session.id, "0x12").hold.id == purchase.hold_id
    assert [one.id for one in again.unnamed_purchases(record.session.id, 10)] == [purchase.id]
    assert again.add_grant(a_grant(market.owner, record), "owner").session_id == record.session.id
    assert again.session(record.session.id).funding is Funding.GRANT
    assert assert_sums_agree(url) == 1


def test_names_of_an_older_database_go_on(open_again: Open, url: str) -> None:
    """Version 2 knew no keys, sole labels or policy."""
    market: Market = make_market(url)
    store = open_again()
    record = a_session(market.owner, label="daily")
    store.add_session(record, digest("token"))
    store.close()
    before = run(url, (_COLUMNS,), (_INDEXES,))
    run(url, *((one,) for one in _AS_VERSION_2))
    assert asyncio.run(migrate_database(url)) == (2, len(MIGRATIONS))
    assert run(url, (_COLUMNS,), (_INDEXES,)) == before
    again = open_again()
    assert again.session(record.session.id) == record
    assert again.agent(market.owner.id).unique_labels is False
    named = a_session(market.owner, label="daily", sole=True, key_hash=digest("key"))
    assert code(again.add_session(named, digest("named"))) == "label_taken"
    again.revoke_session(record.session.id)
    assert again.add_session(named, digest("named")) == named


def test_lists_of_an_older_database_go_on(open_again: Open, url: str) -> None:
    """Version 6 did not keep what is left beside a session, and told nobody of anything."""
    market: Market = make_market(url)
    store = open_again()
    ids = standings_of(store, market)
    store.close()
    before, (kept, at_risk) = run(url, (_COLUMNS,), (_INDEXES,)), run(url, (_RANKS,), (_AT_RISK,))
    run(url, *((one,) for one in _AS_VERSION_6))
    assert asyncio.run(migrate_database(url)) == (6, len(MIGRATIONS))
    assert run(url, (_COLUMNS,), (_INDEXES,)) == before
    now_kept, now_at_risk = run(url, (_RANKS,), (_AT_RISK,))
    assert now_kept == kept
    assert sorted(now_at_risk) == sorted(at_risk)
    assert now_at_risk == at_risk
    again = open_again()
    assert listed_by_what_is_left(again, market) == ids
    assert again.sessions(SessionQuery(market.owner.id, status="exhausted"))[1] == 2


_AT_RISK = "SELECT session_id, ends, near, currency, units FROM spent ORDER BY 1"
_RANKS = (
    "SELECT s.id, s.rest, u.rest, s.exhausted FROM sessions s JOIN spent u ON u.session_id = s.id ORDER BY 1"
)


def test_two_that_migrate_at_once_do_it_once(cluster: Cluster, url: str) -> None:
    run(url, *((one,) for one in _AS_VERSION_1))

    async def both() -> list[tuple[int, int]]:
        return list(await asyncio.gather(*(migrate_database(url) for _ in range(4))))

    newest = len(MIGRATIONS)
    assert sorted(asyncio.run(both())) == [(1, newest)] + [(newest, newest)] * 3
