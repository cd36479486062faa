"""What an operator is told of a database: queues, living sessions, load; each read from an index that is its own."""

import asyncio
from pathlib import Path

import apsw
import asyncpg

from tests.cluster import databases
from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import HOUR, NOW, SystemTime, a_purchase, a_session, allowed, an_event, digest
from tests.stores.making_grants import FREE, a_relay
from tests.stores.test_change import fund
from tests.stores.test_spends import a_spend
from valetkey.core.commands import MarkUnknown
from valetkey.ports.ledger import Payment
from valetkey.ports.measuring import Measured, Queue
from valetkey.stores import measures
from valetkey.stores.postgres.database import _PLANS
from valetkey.stores.postgres.measuring import _LIVING as POSTGRES_LIVING
from valetkey.stores.sqlite import SqliteStore, open_store
from valetkey.stores.sqlite.measuring import _LIVING as SQLITE_LIVING

NOTHING = Queue(0, None)
INDEXES = {
    measures.WEBHOOKS: "events_due",
    measures.RELAYS: "relays_open",
    measures.UNKNOWNS: "holds_unknown",
}


def test_what_waits_is_counted_with_its_age(store: Blocking, market: Market, time: SystemTime) -> None:
    assert store.measure() == Measured(NOTHING, NOTHING, NOTHING, 0)
    session = a_session(market.owner)
    assert store.add_session(session, digest("token"))
    assert store.measure() == Measured(NOTHING, NOTHING, NOTHING, 1)
    bought = allowed(store.place(a_purchase(market.service, market.owner), None))
    store.change(bought.id, fund(events=tuple(an_event(market.seller, bought) for _ in range(3))))
    store.queue_relay(a_relay("fund 1"), FREE)
    time.seconds += 60
    spend = a_spend(session)
    store.hold_spend(spend, None)
    store.settle(spend.hold_id, MarkUnknown(), by="session", payment=Payment(b"signed"))
    found = store.measure()
    assert (found.webhooks, found.unknowns, found.sessions_living) == (
        Queue(3, NOW),
        Queue(1, NOW + 60),
        1,
    )
    assert found.relays.length == 1
    for delivery in store.claim_due(10, 60):
        store.sent(delivery.event.id, 200)
    time.seconds += HOUR
    assert (store.measure().webhooks, store.measure().sessions_living) == (NOTHING, 0)


def test_a_revoked_session_lives_no_more(store: Blocking, market: Market) -> None:
    session = a_session(market.owner)
    store.add_session(session, digest("token"))
    store.revoke_session(session.session.id, by=market.owner.id)
    assert store.measure().sessions_living == 0


def test_the_load_is_told_without_asking_anybody(store: Blocking) -> None:
    load = store.store.load()
    assert (load.waiting, load.busy) == (0, 0)
    assert load.connections >= 1
    # SQLite keeps pages in this process; PostgreSQL in its own.
    on_a_file = isinstance(store.store, SqliteStore)
    assert (load.memory > 0) == on_a_file


def test_a_long_queue_is_counted_to_a_bound_from_its_index_alone(tmp_path: Path) -> None:
    path = tmp_path / "plans.db"
    Blocking(open_store(path)).close()
    db = apsw.Connection(str(path))
    for sql, index in {**INDEXES, SQLITE_LIVING: "sessions_warned"}.items():
        values = (NOW,) if "?" in sql else ()
        plan = " ".join(str(row[3]) for row in db.execute("EXPLAIN QUERY PLAN " + sql, values).fetchall())
        assert f"INDEX {index}" in plan, plan
        assert "TEMP B-TREE" not in plan
        assert "LIMIT 10000)" in sql
    db.close()


def test_postgresql_reads_them_from_the_same_indexes() -> None:
    url = databases().fresh()

    async def plans() -> dict[str, str]:
        connection = await asyncpg.connect(url, server_settings={"jit": "off", **_PLANS})
        found = {}
        for sql, index in {**INDEXES, POSTGRES_LIVING: "sessions_warned"}.items():
            asked = "EXPLAIN " + sql.replace("$1", str(NOW))
            found[index] = "\n".join(row[0] for row in await connection.fetch(asked))
        await connection.close()
        return found

    for index, plan in asyncio.run(plans()).items():
        assert f" {index} " in plan, plan
        assert "Sort" not in plan
        assert "Seq Scan" not in plan
