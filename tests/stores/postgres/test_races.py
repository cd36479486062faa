"""NO_OVERSPEND among callers, stores and processes; nobody waits for ever, and one caller's mistake is its own."""

import asyncio
import os
import signal
from typing import Any

import asyncpg
import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import NOW, USDC, a_key, a_purchase, a_session, allowed, an_id, code, digest
from tests.stores.postgres.conftest import Open
from tests.stores.postgres.standing import assert_sums_agree, make_market
from tests.stores.sqlite.processes import Spender
from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.ids import Kind
from valetkey.core.money import Money
from valetkey.core.refusal import Refused
from valetkey.core.session import Usage
from valetkey.core.spend import SpendRequest
from valetkey.core.transaction import Transaction
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import Spend
from valetkey.stores.failures import StoreFull
from valetkey.stores.postgres import open_postgres

UNITS = 7_000
BUDGET = 100 * UNITS + UNITS - 1
USD = 1_000_000


@pytest.fixture
def market(url: str) -> Market:
    return make_market(url)


def sessions(
    store: Blocking, market: Market, count: int = 1, budget: int | None = BUDGET
) -> list[SessionRecord]:
    records = [a_session(market.owner, budget) for _ in range(count)]
    for record in records:
        store.add_session(record, digest(record.alias))
    return records


def spenders(url: str, market: Market, records: list[SessionRecord], **more: Any) -> list[Spender]:
    order = {
        "url": url,
        "service_id": market.service.id,
        "seller_id": market.seller.id,
        "session_ids": [record.session.id for record in records],
        "units": UNITS,
        "tries": 120,
        "callers": 8,
        **more,
    }
    started = [Spender("tests.stores.postgres.spender", **order) for _ in range(2)]
    for spender in started:
        assert spender.line() == "ready"
    return started


def test_NO_OVERSPEND_seven_of_20_against_100(open_again: Open, url: str, market: Market) -> None:
    here, there = open_again(), open_again()
    (record,) = sessions(here, market, budget=100 * USD)
    tries = [a_purchase(market.service, market.owner, record, 20 * USD) for _ in range(7)]
    answers = here.together(*(here.store.place(one, None) for one in tries[:4]))
    answers += there.together(*(there.store.place(one, None) for one in tries[4:]))
    assert sum(isinstance(answer, Transaction) for answer in answers) == 5
    assert {code(answer) for answer in answers if isinstance(answer, Refused)} == {"budget_exceeded"}
    assert assert_sums_agree(url) == 5


def test_NO_OVERSPEND_two_processes_and_several_trees(open_again: Open, url: str, market: Market) -> None:
    store = open_again()
    records = sessions(store, market, 3, 30 * UNITS)
    started = spenders(url, market, records)
    for spender in started:
        spender.tell("go")
    acknowledged = [spender.rest() for spender in started]
    assert [spender.process.returncode for spender in started] == [0, 0]
    assert sum(len(ids) for ids in acknowledged) == 90
    for record in records:
        assert store.session(record.session.id).session.usage == Usage(held=30 * UNITS)
    assert assert_sums_agree(url) == 90


def test_NO_OVERSPEND_nothing_acknowledged_is_lost_by_kill_9(
    open_again: Open, url: str, market: Market
) -> None:
    store = open_again()
    records = sessions(store, market, budget=None)
    victim, other = spenders(url, market, records, tries=400, callers=16)
    victim.tell("go")
    acknowledged = [victim.line() for _ in range(100)]
    os.kill(victim.process.pid, signal.SIGKILL)
    acknowledged += victim.rest()
    other.tell("go")
    acknowledged += other.rest()
    assert other.process.returncode == 0, "the locks of the dead are free"
    for transaction_id in acknowledged:
        assert store.transaction(transaction_id) is not None, "acknowledged and lost"
    kept = assert_sums_agree(url)
    assert kept >= len(acknowledged)
    assert store.session(records[0].session.id).session.usage == Usage(held=kept * UNITS)


def test_IDEMPOTENT_in_two_stores_at_once(open_again: Open, url: str, market: Market) -> None:
    """Also for an owner's purchase, which is in no session's tree."""
    here, there = open_again(), open_again()
    (record,) = sessions(here, market)

    async def both(session: SessionRecord | None, key: str) -> set[str]:
        tries = [a_purchase(market.service, market.owner, session, UNITS) for _ in range(20)]
        other = await open_postgres(url, system_time=here.store.clock.now)
        answers = await asyncio.gather(
            *((here.store if n % 2 else other).place(one, a_key(key)) for n, one in enumerate(tries))
        )
        await other.close()
        return {allowed(answer).id for answer in answers}

    for session in (record, None):
        assert len(here.run(both(session, f"of {session is None}"))) == 1
    assert there.session(record.session.id).session.usage == Usage(held=UNITS)


def stopping(store: Any, how: str, owner_id: str, session_id: str) -> Any:
    return {
        "revoke": lambda: store.revoke_session(session_id),
        "revoke all": lambda: store.revoke_sessions(owner_id),
        "pause": lambda: store.pause_session(session_id, paused=True),
        "freeze": lambda: store.freeze(owner_id, frozen=True),
    }[how]()


@pytest.mark.parametrize("how", ["revoke", "revoke all", "pause", "freeze"])
def test_REVOKED_IS_DEAD_while_another_store_spends(
    open_again: Open, url: str, market: Market, how: str
) -> None:
    """Once it returned, nobody's decision that had begun before comes after it."""
    here = open_again()
    records = sessions(here, market, 4, None)

    async def race() -> tuple[int, list[object]]:
        other = await open_postgres(url, system_time=here.store.clock.now)
        stopped = asyncio.Event()
        before = 0

        async def spend(record: SessionRecord) -> list[object]:
            nonlocal before
            while not stopped.is_set():
                answer = await other.place(a_purchase(market.service, market.owner, record, 1), None)
                before += isinstance(answer, Transaction)
            late = [a_purchase(market.service, market.owner, record, 1) for _ in range(3)]
            return [await other.place(one, None) for one in late]

        async def stop() -> int:
            while before < 20:
                await asyncio.sleep(0.01)
            await stopping(here.store, how, market.owner.id, records[0].session.id)
            usage = (await here.store.session(records[0].session.id)).session.usage
            stopped.set()
            return int(usage.held)

        held, *late = await asyncio.gather(stop(), *(spend(records[0]) for _ in range(8)))
        # What was durable when it returned is all there ever is.
        after = (await here.store.session(records[0].session.id)).session.usage
        assert after.held == held
        await other.close()
        return before, [one for some in late for one in some]

    before, late = here.run(race())
    assert before > 0
    assert {code(one) for one in late} <= {"session_revoked", "session_paused"}
    assert assert_sums_agree(url) == before


def test_a_freeze_waits_for_decisions_that_began_before_it(
    open_again: Open, url: str, market: Market
) -> None:
    """A batch that took its lock before may have read that nothing is frozen."""
    store = open_again()
    records = sessions(store, market, 3)

    async def freeze() -> tuple[bool, object, bool]:
        deciding = await asyncpg.connect(url)
        begun = deciding.transaction()
        await begun.start()
        await deciding.fetch("SELECT 1 FROM chains WHERE id = $1 FOR UPDATE", records[1].session.tree)
        asked = asyncio.ensure_future(store.store.freeze(market.owner.id, frozen=True))
        await asyncio.sleep(0.3)
        done_too_early = asked.done()
        # It is a fact already: whoever takes a lock from now on reads it.
        seen = await deciding.fetchval("SELECT frozen_at FROM agents WHERE id = $1", market.owner.id)
        await begun.commit()
        await deciding.close()
        return done_too_early, seen, await asked == seen

    assert store.run(freeze()) == (False, NOW, True)


def test_nobody_deadlocks_whatever_the_order(open_again: Open, url: str, market: Market) -> None:
    """Spends of every tree, anchors and stops of all of them, in two stores and opposite orders."""
    here = open_again()
    records = sessions(here, market, 12, None)

    async def storm() -> list[object]:
        other = await open_postgres(url, system_time=here.store.clock.now)

        async def spend(store: Any, some: list[SessionRecord]) -> None:
            for _ in range(5):
                for record in some:
                    await store.place(a_purchase(market.service, market.owner, record, 1), None)

        async def stop(store: Any) -> None:
            for _ in range(5):
                await store.anchor(100)
                await store.freeze(market.owner.id, frozen=True)
                await store.freeze(market.owner.id, frozen=False)
            await store.revoke_sessions(market.owner.id)

        answers = await asyncio.gather(
            *(spend(store, some) for store in (here.store, other) for some in (records, records[::-1])),
            stop(here.store),
            stop(other),
            return_exceptions=True,
        )
        await other.close()
        return answers

    assert here.run(storm()) == [None] * 6
    assert {code(here.place(a_purchase(market.service, market.owner, one, 1), None)) for one in records} == {
        "session_revoked"
    }
    assert_sums_agree(url)


def test_what_the_database_refuses_of_one_is_nobody_else_s(
    open_again: Open, url: str, market: Market
) -> None:
    """An id that is taken is seen only when the batch is written: the others are written without it."""
    store = open_again()
    (record,) = sessions(store, market)
    taken = allowed(store.place(a_purchase(market.service, market.owner, record, UNITS), None))
    tries = [
        a_purchase(market.service, market.owner, record, UNITS, **({"id": taken.id} if n == 7 else {}))
        for n in range(20)
    ]
    answers = store.together(*(store.store.place(one, None) for one in tries))
    assert [isinstance(one, Contradiction) for one in answers] == [n == 7 for n in range(20)]
    assert sum(isinstance(one, Transaction) for one in answers) == 19
    assert assert_sums_agree(url) == 20


def test_what_a_decision_raises_takes_back_that_decision_alone(
    open_again: Open, url: str, market: Market
) -> None:
    """The hold was placed when the purchase of nobody's service is found out: it is taken back."""
    store = open_again()
    (record,) = sessions(store, market)
    tries = [
        a_purchase(
            market.service,
            market.owner,
            record,
            UNITS,
            **({"service_id": "svc_0000000000000000000000000"} if n % 2 else {}),
        )
        for n in range(20)
    ]
    answers = store.together(*(store.store.place(one, None) for one in tries))
    assert [isinstance(one, Contradiction) for one in answers] == [bool(n % 2) for n in range(20)]
    assert assert_sums_agree(url) == 10
    assert store.session(record.session.id).session.usage == Usage(held=10 * UNITS)


@pytest.mark.parametrize("fields", [{"note": "a\0b"}, {"note": "\ud800"}, {"expires_at": 2**63}])
def test_a_value_that_cannot_be_kept_is_its_sender_s_mistake_alone(
    open_again: Open, url: str, market: Market, fields: dict[str, Any]
) -> None:
    store = open_again()
    (record,) = sessions(store, market)
    request = SpendRequest(Money(UNITS, USDC), None, market.seller.wallet_address, "transfer")
    spends = [
        Spend(
            record.session.id,
            an_id(Kind.HOLD),
            request,
            **{"expires_at": NOW + 60, **(fields if n == 3 else {})},
        )
        for n in range(6)
    ]
    answers = store.together(*(store.store.hold_spend(one, None) for one in spends))
    assert [isinstance(one, InvalidInput) for one in answers] == [n == 3 for n in range(6)], answers
    assert store.session(record.session.id).session.usage == Usage(held=5 * UNITS)


def test_more_than_may_wait_is_refused_at_once(open_again: Open, url: str, market: Market) -> None:
    store = open_again()
    (record,) = sessions(store, market, budget=None)
    store.store._database.batcher._queue_max = 10
    tries = [a_purchase(market.service, market.owner, record, 1) for _ in range(30)]
    answers = store.together(*(store.store.place(one, None) for one in tries))
    full = [one for one in answers if isinstance(one, StoreFull)]
    assert len(full) == 20
    assert all(one.retryable and one.code == "over_capacity" for one in full)
    assert assert_sums_agree(url) == 10


def test_closing_finishes_what_was_asked_for(open_again: Open, url: str, market: Market) -> None:
    store = open_again()
    (record,) = sessions(store, market, budget=None)

    async def ask_and_close() -> list[object]:
        tries = [a_purchase(market.service, market.owner, record, 1) for _ in range(600)]
        asked = [asyncio.ensure_future(store.store.place(one, None)) for one in tries]
        await asyncio.sleep(0)
        await store.store.close()
        return list(await asyncio.gather(*asked, return_exceptions=True))

    answers = store.run(ask_and_close())
    assert all(isinstance(one, Transaction) for one in answers)
    assert assert_sums_agree(url) == 600
