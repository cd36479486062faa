"""PostgreSQL and SQLite are asked the same, at random: every answer, every row that is told, every hash is the same."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stores.blocking import Blocking
from tests.stores.making import (
    NOW,
    USDC,
    SystemTime,
    a_hash,
    a_purchase,
    a_session,
    an_api_key,
    an_id,
    digest,
)
from tests.stores.postgres.conftest import Open
from tests.stores.postgres.standing import make_market
from tests.stores.test_change import expire, fund
from valetkey.core.commands import Capture, Expire, MarkUnknown, Void
from valetkey.core.ids import Kind
from valetkey.core.money import Money
from valetkey.core.spend import SpendRequest
from valetkey.core.windows import Window
from valetkey.ports.ledger import Payment, Spend
from valetkey.stores.sqlite import open_store

STEPS, TOGETHER = 40, 6


@pytest.fixture
def embedded(tmp_path: Path, time: SystemTime) -> Iterator[Blocking]:
    store = Blocking(open_store(tmp_path / "valetkey.db", system_time=time))
    yield store
    store.close()


def asked(chance: random.Random, market: Any, records: list[Any], known: list[Any]) -> tuple[str, Any, Any]:
    """One question: the name of a method, its arguments, and those that have names."""
    record = chance.choice(records)
    purchase = a_purchase(market.service, market.owner, record, chance.randrange(1, 3_000_000))
    request = SpendRequest(
        Money(chance.randrange(1, 3_000_000), USDC), None, market.seller.wallet_address, "pay"
    )
    kind = chance.randrange(9)
    old = chance.choice(known) if known else purchase
    if kind <= 2:
        return "place", (purchase, None), {}
    if kind == 3:
        return "hold_spend", (Spend(record.session.id, an_id(Kind.HOLD), request, NOW + 600), None), {}
    if kind == 4:
        return "mark_signed", (old.id,), {}
    if kind == 5:
        return "change", (old.id, fund(a_hash(), units=chance.randrange(1, 3_000_000))), {}
    if kind == 6:
        return "change", (old.id, expire(Expire(NOW + 7_200))), {}
    if kind == 7:
        command = chance.choice([Void(), MarkUnknown(), Capture(5)])
        payment = Payment(b"%d" % chance.randrange(2)) if isinstance(command, MarkUnknown) else None
        return "settle", (old.hold_id, command), {"by": "owner", "payment": payment}
    return "pause_session", (record.session.id,), {"paused": chance.random() < 0.3}


def like(answer: Any) -> Any:
    return type(answer) if isinstance(answer, Exception) else answer


@pytest.mark.parametrize("seed", range(6))
def test_the_same_questions_have_the_same_answers(
    open_again: Open, url: str, embedded: Blocking, time: SystemTime, seed: int
) -> None:
    chance, store, market = random.Random(seed), open_again(), make_market(url)
    for number, agent in enumerate((market.owner, market.seller)):
        key = an_api_key(agent)
        embedded.add_agent(agent, digest(f"key {number}"), key)
        store.add_api_key(key, digest(f"key {number}"))
    embedded.add_service(market.service)
    records = [a_session(market.owner, 9_000_000, windows=(Window(60, 4_000_000),)) for _ in range(3)]
    for record in records:
        for one in (store, embedded):
            one.add_session(record, digest(record.alias))
    made: list[Any] = []
    for _ in range(STEPS):
        time.seconds += chance.randrange(40)
        # Nobody asks about a purchase before it is acknowledged.
        known = list(made)
        questions = [asked(chance, market, records, known) for _ in range(TOGETHER)]
        made += [given[0] for name, given, _ in questions if name == "place"]
        here, there = (
            one.together(*(getattr(one.store, name)(*given, **named) for name, given, named in questions))
            for one in (store, embedded)
        )
        assert [like(one) for one in here] == [like(one) for one in there], questions
        for record in records:
            assert store.session(record.session.id) == embedded.session(record.session.id)
        for one in made:
            assert store.transaction(one.id) == embedded.transaction(one.id)
            assert store.spend_record(one.hold_id) == embedded.spend_record(one.hold_id)
    maker, made_key = an_api_key(market.owner), an_api_key(market.owner)
    for one in (store, embedded):
        assert one.add_api_key(maker, digest("maker"), revoke_others=True) is None
        assert one.make_key(made_key, digest("made"), maker.id) is None
        assert one.revoke_key(market.owner.id, maker.id, "owner").revoked_at is not None
        assert one.make_key(an_api_key(market.owner), digest("late"), maker.id) is not None
    assert store.keys(market.owner.id, 10, 0) == embedded.keys(market.owner.id, 10, 0)
    assert store.key(market.owner.id, made_key.id) == made_key
    heads = store.heads(market.owner.id)
    assert heads == embedded.heads(market.owner.id)
    assert sum(head.seq for head in heads) > STEPS
