"""What the writer remembers from one commit to the next is what the file says, whoever else writes to it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.stores.blocking import Blocking
from tests.stores.making import SystemTime, a_purchase, a_session, allowed, code, digest
from tests.stores.sqlite.conftest import Open
from tests.stores.sqlite.test_races import UNITS, assert_sums_agree, prepare
from valetkey.core.errors import Contradiction, EnvironmentFailure
from valetkey.core.session import Usage
from valetkey.core.transaction import Transaction
from valetkey.stores.sqlite import book, open_store
from valetkey.stores.sqlite.statements import insert, rows


def test_NO_OVERSPEND_two_writers_in_turn(open_again: Open, path: Path, time: SystemTime) -> None:
    here = open_again()
    there = Blocking(open_store(path, system_time=time))
    market, record = prepare(here)
    answers = [
        store.place(a_purchase(market.service, market.owner, record, UNITS), None)
        for _ in range(55)
        for store in (here, here, there)
    ]
    assert [isinstance(answer, Transaction) for answer in answers] == [True] * 100 + [False] * 65
    assert code(answers[-1]) == "budget_exceeded"
    there.close()
    assert assert_sums_agree(path) == 100


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        (lambda store, record: store.revoke_session(record.session.id), "session_revoked"),
        (lambda store, record: store.pause_session(record.session.id, paused=True), "session_paused"),
        (lambda store, record: store.freeze(record.session.owner_id, frozen=True), "session_paused"),
    ],
    ids=["revoked", "paused", "frozen"],
)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "elsewhere"])
def test_REVOKED_IS_DEAD_for_a_session_that_is_remembered(
    open_again: Open,
    path: Path,
    time: SystemTime,
    stop: Callable[[Any, Any], Any],
    said: str,
    elsewhere: bool,
) -> None:
    here = open_again()
    there = Blocking(open_store(path, system_time=time))
    market, record = prepare(here)
    allowed(here.place(a_purchase(market.service, market.owner, record, UNITS), None))
    stop(there if elsewhere else here, record)
    assert code(here.place(a_purchase(market.service, market.owner, record, UNITS), None)) == said
    there.close()


def test_what_a_job_writes_itself_is_read_again(open_again: Open) -> None:
    store = open_again()
    market, record = prepare(store)
    allowed(store.place(a_purchase(market.service, market.owner, record, UNITS), None))
    sql = "UPDATE sessions SET revoked_at = 1 WHERE id = ?"
    store.run(store.store._database.write(lambda db, _: db.execute(sql, (record.session.id,)).fetchall()))
    answer = store.place(a_purchase(market.service, market.owner, record, UNITS), None)
    assert code(answer) == "session_revoked"


def test_a_session_of_a_frozen_owner_begins_frozen(open_again: Open) -> None:
    store = open_again()
    market, _ = prepare(store)
    store.freeze(market.owner.id, frozen=True)
    record = a_session(market.owner)
    store.add_session(record, digest(record.session.id))
    assert code(store.place(a_purchase(market.service, market.owner, record, 1), None)) == "session_paused"


def test_NO_OVERSPEND_a_commit_that_failed_is_not_remembered(open_again: Open, path: Path) -> None:
    store = open_again()
    market, record = prepare(store)
    allowed(store.place(a_purchase(market.service, market.owner, record, UNITS), None))
    db = store.store._database.writer._db
    db.set_commit_hook(lambda: True)
    for _ in range(2):
        with pytest.raises(EnvironmentFailure):
            store.place(a_purchase(market.service, market.owner, record, UNITS), None)
    db.set_commit_hook(None)
    allowed(store.place(a_purchase(market.service, market.owner, record, UNITS), None))
    assert store.session(record.session.id).session.usage == Usage(held=2 * UNITS)
    assert assert_sums_agree(path) == 2


def test_what_is_remembered_is_bounded(open_again: Open, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "KEPT_MAX", 3)
    store = open_again()
    market, _ = prepare(store)
    records = [a_session(market.owner) for _ in range(8)]
    for record in records:
        store.add_session(record, digest(record.session.id))
    for record in records * 2:
        allowed(store.place(a_purchase(market.service, market.owner, record, 1), None))
        kept = store.store._database.writer._kept
        assert kept is not None
        assert 1 <= len(kept[0]._sessions) <= 4
        assert 1 <= len(kept[0]._ends) <= 4
    assert assert_sums_agree(path) == 16


def test_NO_OVERSPEND_an_id_that_is_taken_is_no_second_hold(open_again: Open, path: Path) -> None:
    store = open_again()
    market, record = prepare(store)
    first = a_purchase(market.service, market.owner, record, UNITS)
    again = replace(a_purchase(market.service, market.owner, record, UNITS), hold_id=first.hold_id)
    answers = store.together(store.store.place(first, None), store.store.place(again, None))
    assert sorted(type(answer).__name__ for answer in answers) == ["Contradiction", "Transaction"]
    with pytest.raises(Contradiction):
        store.place(again, None)
    assert store.session(record.session.id).session.usage == Usage(held=UNITS)
    assert assert_sums_agree(path) == 1


@pytest.mark.parametrize("count", [0, 1, 2, 3, 255, 256, 257, 700])
def test_rows_are_inserted_in_their_order(count: int) -> None:
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE pairs (a INTEGER PRIMARY KEY, b INTEGER NOT NULL) STRICT")
    insert(db, "pairs (a, b)", [(n, n * n) for n in range(count)])
    assert rows(db, "SELECT a, b FROM pairs ORDER BY a") == [(n, n * n) for n in range(count)]
    insert(
        db, "pairs (a, b)", [(n, 0) for n in range(count + 5)], "ON CONFLICT (a) DO UPDATE SET b = excluded.b"
    )
    assert rows(db, "SELECT count(*), total(b) FROM pairs") == [(count + 5, 0)]
    db.close()
