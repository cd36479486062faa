"""The feed while many write: whoever follows it by its cursors gets every entry once, in one order."""

import asyncio

import asyncpg
import pytest

from tests.stores.conftest import Market
from tests.stores.making import a_purchase, a_session, digest
from tests.stores.postgres.conftest import Open
from tests.stores.postgres.standing import make_market, run
from valetkey.core.errors import InvalidInput
from valetkey.ports.auditing import FEED_BEGINNING, FeedEntry
from valetkey.stores.postgres import open_postgres


@pytest.fixture
def market(url: str) -> Market:
    return make_market(url)


def test_no_entry_appears_behind_a_cursor(open_again: Open, url: str, market: Market) -> None:
    store = open_again()
    records = [a_session(market.owner, None) for _ in range(6)]
    for record in records:
        store.add_session(record, digest(record.alias))

    async def follow() -> list[FeedEntry]:
        other = await open_postgres(url, system_time=store.store.clock.now)
        got: list[FeedEntry] = []

        async def write(writer: object, number: int) -> None:
            for _ in range(15):
                one = a_purchase(market.service, market.owner, records[number], 1)
                await writer.place(one, None)  # type: ignore[attr-defined]

        async def read() -> None:
            while True:
                cursor = got[-1].cursor if got else FEED_BEGINNING
                got.extend(await store.store.feed(market.owner.id, cursor, 7))
                await asyncio.sleep(0)

        reader = asyncio.ensure_future(read())
        await asyncio.gather(*(write((store.store, other)[n % 2], n) for n in range(6)))
        while len(got) < 6 + 6 * 15:
            await asyncio.sleep(0.05)
        reader.cancel()
        await other.close()
        return got

    got = store.run(follow())
    told = [(one.entry.chain_id, one.entry.seq) for one in got]
    kept = run(url, ("SELECT chain_id, number FROM audit",))[0]
    assert sorted(told) == sorted(kept)
    assert store.feed(market.owner.id, FEED_BEGINNING, 1_000) == got, "the same order for ever"


def test_what_follows_an_unfinished_transaction_waits_for_it(
    open_again: Open, url: str, market: Market
) -> None:
    store = open_again()

    async def overtake() -> tuple[list[FeedEntry], list[FeedEntry]]:
        slow = await asyncpg.connect(url)
        begun = slow.transaction()
        await begun.start()
        await slow.fetchval("SELECT pg_current_xact_id()")
        await store.store.add_session(a_session(market.owner), digest("token"))
        before = await store.store.feed(market.owner.id, FEED_BEGINNING, 10)
        await begun.rollback()
        await slow.close()
        return before, await store.store.feed(market.owner.id, FEED_BEGINNING, 10)

    before, after = store.run(overtake())
    assert before == []
    assert len(after) == 1
    assert store.feed(market.owner.id, None, 10) == after
    assert store.feed(market.owner.id, after[0].cursor, 10) == []


@pytest.mark.parametrize(
    "cursor", ["", "x", "1", "1-", "-1", "1-x", "-1-1", "9" * 25 + "-1", "1-" + "9" * 25, "²-1"]
)
def test_what_is_no_cursor_is_said_so(open_again: Open, market: Market, cursor: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_again().feed(market.owner.id, cursor, 10)
    assert caught.value.field == "cursor"
