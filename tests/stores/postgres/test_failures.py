"""A database that goes away: callers learn it at once, what was acknowledged stays, and the store comes back."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.cluster import Cluster
from tests.stores.conftest import Market
from tests.stores.making import NOW, SystemTime, a_key, a_purchase, a_session, allowed, digest
from tests.stores.postgres.conftest import Open
from tests.stores.postgres.standing import assert_sums_agree, make_market, run
from valetkey.core.errors import EnvironmentFailure
from valetkey.core.session import Usage
from valetkey.core.transaction import Transaction
from valetkey.stores.failures import StoreFailed, StoreUnreadable
from valetkey.stores.postgres import batcher, open_postgres
from valetkey.stores.postgres.schema import MIGRATIONS


@pytest.fixture
def market(url: str) -> Market:
    return make_market(url)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_in_between(
    cluster: Cluster, open_again: Open, url: str, market: Market, mode: str
) -> None:
    store = open_again()
    record = a_session(market.owner, None)
    store.add_session(record, digest("token"))

    async def through() -> tuple[list[str], list[BaseException]]:
        acknowledged: list[str] = []
        failures: list[BaseException] = []
        ending = asyncio.Event()

        async def spend() -> None:
            while not ending.is_set():
                one = a_purchase(market.service, market.owner, record, 1)
                try:
                    acknowledged.append(allowed(await store.store.place(one, a_key(one.id))).id)
                except EnvironmentFailure as failure:
                    failures.append(failure)
                    await asyncio.sleep(0.02)

        callers = [asyncio.ensure_future(spend()) for _ in range(8)]
        await asyncio.sleep(0.3)
        await asyncio.to_thread(cluster.stop, mode)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(cluster.start)
        await asyncio.sleep(0.5)
        ending.set()
        await asyncio.gather(*callers)
        return acknowledged, failures

    acknowledged, failures = store.run(through())
    assert failures
    assert all(isinstance(one, StoreFailed) and one.retryable for one in failures), failures
    for transaction_id in acknowledged:
        assert store.transaction(transaction_id) is not None, "acknowledged and lost"
    allowed(store.place(a_purchase(market.service, market.owner, record, 1), None))
    kept = assert_sums_agree(url)
    assert kept >= len(acknowledged) + 1
    assert store.session(record.session.id).session.usage == Usage(held=kept)


@pytest.mark.parametrize("kept", [True, False])
def test_a_commit_whose_answer_was_lost_is_asked_after(
    open_again: Open, url: str, market: Market, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told as done when it was kept, and done once more when it was not: one purchase in both cases."""
    store = open_again()
    record = a_session(market.owner, None)
    store.add_session(record, digest("token"))
    monkeypatch.setattr(batcher, "ASK_SECONDS", (0.01,) * 5)
    commit = asyncpg.transaction.Transaction.commit
    lost = []

    async def lose_once(self: Any) -> None:
        if lost:
            return await commit(self)
        lost.append(self)
        if kept:
            await commit(self)
        self._connection.terminate()
        raise ConnectionResetError

    monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", lose_once)
    answers = store.together(
        *(store.store.place(a_purchase(market.service, market.owner, record, 1), None) for _ in range(5))
    )
    assert lost
    assert all(isinstance(one, Transaction) for one in answers), answers
    assert assert_sums_agree(url) == 5


def test_tables_of_another_version_and_what_is_no_database(cluster: Cluster, url: str) -> None:
    async def open_it(where: str) -> None:
        await (await open_postgres(where)).close()

    run(url, ("INSERT INTO valetkey_versions (version) VALUES ($1)", len(MIGRATIONS) + 1))
    with pytest.raises(StoreUnreadable, match="a newer one used it") as caught:
        asyncio.run(open_it(url))
    assert not caught.value.retryable
    with pytest.raises(StoreUnreadable, match="run `valetkey migrate`"):
        asyncio.run(open_it(cluster.url("postgres")))
    with pytest.raises(StoreUnreadable):
        asyncio.run(open_it(cluster.url("no_such_database")))
    with pytest.raises(StoreFailed):
        asyncio.run(open_it("postgresql://postgres:hunter2@127.0.0.1:1/nowhere"))


def test_SECRETS_STAY_SECRET_the_password_of_the_url(cluster: Cluster) -> None:
    for where in ("postgresql://u:hunter2@127.0.0.1:1/x", "postgresql://u:hunter2@127.0.0.1:nan/x"):
        with pytest.raises(EnvironmentFailure) as caught:
            asyncio.run(open_postgres(where))
        assert "hunter2" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"


def test_decisions_are_made_at_the_database_s_time(url: str, market: Market) -> None:
    async def look() -> tuple[int, int]:
        store = await open_postgres(url)
        record = a_session(market.owner, expires_at=NOW + 10**9)
        await store.add_session(record, digest("token"))
        now = store.clock.now()
        await store.close()
        ((at,),) = await asyncio.to_thread(lambda: run(url, ("SELECT at FROM audit",))[0])
        return now, at

    now, at = asyncio.run(look())
    ((database,),) = run(url, ("SELECT extract(epoch FROM clock_timestamp())::float8",))[0]
    assert 0 <= database - now < 60
    assert 0 <= now - at <= 2


def test_time_never_runs_backwards_in_a_tree(open_again: Open, market: Market, time: SystemTime) -> None:
    """Not even when the database itself is set back, and whoever knew better is gone."""
    store = open_again()
    record = a_session(market.owner)
    store.add_session(record, digest("token"))
    time.seconds += 3_600
    store.pause_session(record.session.id, paused=True)
    store.close()
    time.seconds -= 1_800
    again = open_again()
    assert again.pause_session(record.session.id, paused=False).session.paused_at is None
    assert again.pause_session(record.session.id, paused=True).session.paused_at == NOW + 3_600
