"""NO_OVERSPEND among callers, threads and processes, and after a kill -9."""

import asyncio
import json
import os
import signal
import threading
from pathlib import Path

import apsw

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market, make_market
from tests.stores.making import SystemTime, a_purchase, a_session, allowed, code, digest
from tests.stores.sqlite.conftest import Open
from tests.stores.sqlite.processes import Spender
from valetkey.core.audit import GENESIS, Entry, Head, Kind, verify
from valetkey.core.refusal import Refused
from valetkey.core.session import Usage
from valetkey.core.transaction import Transaction
from valetkey.ports.accounts import SessionRecord
from valetkey.stores.sqlite import open_store

UNITS = 7_000
BUDGET = 100 * UNITS + UNITS - 1


def prepare(store: Blocking, budget: int | None = BUDGET) -> tuple[Market, SessionRecord]:
    market = make_market(store)
    record = a_session(market.owner, budget)
    store.add_session(record, digest("token"))
    return market, record


def assert_sums_agree(path: Path) -> int:
    """What the sessions say is held and captured is what their holds say; the number of holds."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    holds = db.execute("SELECT session_id, amount, state, captured FROM holds").fetchall()
    sessions = db.execute("SELECT id, figures, policy FROM sessions JOIN spent ON session_id = id").fetchall()
    assert_chains_hold(db)
    ((alone,),) = db.execute(
        "SELECT count(*) FROM holds WHERE id NOT IN (SELECT hold_id FROM transactions WHERE hold_id IS NOT NULL)"
    ).fetchall()
    assert alone == 0, "a hold and its transaction are there together"
    db.close()
    for session_id, figures, policy in sessions:
        _, (held, captured, _) = json.loads(figures)
        budget = json.loads(policy).get("budget")
        own = [hold for hold in holds if hold[0] == session_id]
        assert int(held) == sum(int(amount) for _, amount, state, _ in own if state in ("held", "unknown"))
        assert int(captured) == sum(int(moved) for *_, moved in own)
        assert budget is None or int(held) + int(captured) <= int(budget)
    return len(holds)


def assert_chains_hold(db: apsw.Connection) -> None:
    """Every hold is in the log once, and every chain verifies up to its head."""
    sql = "SELECT chain_id, number, at, kind, session_id, body, hash FROM audit ORDER BY chain_id, number"
    entries = [(Entry(*row[:3], Kind(row[3]), *row[4:6]), row[6]) for row in db.execute(sql).fetchall()]
    for chain_id, number, head in db.execute("SELECT id, number, head FROM chains").fetchall():
        own = [one for one in entries if one[0].chain_id == chain_id]
        assert verify(own, Head(chain_id, 0, GENESIS)) == Head(chain_id, number, head)
    told = [json.loads(entry.body)["hold"] for entry, _ in entries if entry.kind is Kind.HOLD_PLACED]
    kept = [hold_id for (hold_id,) in db.execute("SELECT id FROM holds").fetchall()]
    assert sorted(told) == sorted(kept), "AUDIT_IS_COMPLETE"


def test_NO_OVERSPEND_200_callers_at_once(open_again: Open, path: Path) -> None:
    store = open_again()
    market, record = prepare(store)
    tries = [a_purchase(market.service, market.owner, record, UNITS) for _ in range(200)]
    answers = store.together(*(store.store.place(one, None) for one in tries))
    assert sum(isinstance(answer, Transaction) for answer in answers) == 100
    assert {code(answer) for answer in answers if isinstance(answer, Refused)} == {"budget_exceeded"}
    assert store.session(record.session.id).session.usage == Usage(held=100 * UNITS)
    assert assert_sums_agree(path) == 100


def test_NO_OVERSPEND_event_loops_in_many_threads(open_again: Open, path: Path) -> None:
    store = open_again()
    market, record = prepare(store)
    accepted: list[int] = []

    async def spend() -> int:
        tries = [a_purchase(market.service, market.owner, record, UNITS) for _ in range(30)]
        answers = await asyncio.gather(*(store.store.place(one, None) for one in tries))
        return sum(isinstance(answer, Transaction) for answer in answers)

    threads = [threading.Thread(target=lambda: accepted.append(asyncio.run(spend()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(accepted) == 100
    assert assert_sums_agree(path) == 100


def test_REVOKED_IS_DEAD_while_others_spend(open_again: Open) -> None:
    store = open_again()
    market, record = prepare(store, None)

    async def race() -> tuple[int, int]:
        revoked = asyncio.Event()
        before = after = 0

        async def spend() -> None:
            nonlocal before, after
            while not revoked.is_set():
                answer = await store.store.place(a_purchase(market.service, market.owner, record, 1), None)
                before += isinstance(answer, Transaction)
            for _ in range(3):
                answer = await store.store.place(a_purchase(market.service, market.owner, record, 1), None)
                after += isinstance(answer, Transaction)

        async def revoke() -> None:
            await asyncio.sleep(0.1)
            await store.store.revoke_session(record.session.id)
            revoked.set()

        await asyncio.gather(revoke(), *(spend() for _ in range(16)))
        return before, after

    before, after = store.run(race())
    assert before > 0
    assert after == 0


def test_NO_OVERSPEND_two_processes_on_one_file(open_again: Open, path: Path) -> None:
    store = open_again()
    market, record = prepare(store)
    order = {
        "path": str(path),
        "service_id": market.service.id,
        "session_id": record.session.id,
        "units": UNITS,
        "tries": 120,
        "callers": 4,
    }
    spenders = [Spender(**order) for _ in range(2)]
    for spender in spenders:
        assert spender.line() == "ready"
    for spender in spenders:
        spender.tell("go")
    acknowledged = [spender.rest() for spender in spenders]
    assert [spender.process.returncode for spender in spenders] == [0, 0]
    assert sum(len(ids) for ids in acknowledged) == 100
    assert store.session(record.session.id).session.usage == Usage(held=100 * UNITS)
    assert assert_sums_agree(path) == 100


def test_REVOKED_IS_DEAD_in_another_process_too(path: Path, open_again: Open, time: SystemTime) -> None:
    here = open_again()
    market, record = prepare(here)
    there = Blocking(open_store(path, system_time=time))
    assert there.authenticate(digest("token")) == record
    here.revoke_session(record.session.id)
    assert there.authenticate(digest("token")).session.revoked_at is not None
    answer = there.place(a_purchase(market.service, market.owner, record, 1), None)
    assert code(answer) == "session_revoked"
    there.close()


def test_NO_OVERSPEND_nothing_acknowledged_is_lost_by_kill_9(open_again: Open, path: Path) -> None:
    store = open_again()
    market, record = prepare(store, None)
    spender = Spender(
        path=str(path),
        service_id=market.service.id,
        session_id=record.session.id,
        units=UNITS,
        tries=10**9,
        callers=32,
    )
    assert spender.line() == "ready"
    # Nobody else has the file open, so that the next one to open it has to recover it.
    store.close()
    spender.tell("go")
    acknowledged = [spender.line() for _ in range(1_000)]
    os.kill(spender.process.pid, signal.SIGKILL)
    acknowledged += spender.rest()
    assert spender.process.returncode == -signal.SIGKILL
    store = open_again()
    for transaction_id in acknowledged:
        assert store.transaction(transaction_id) is not None, "acknowledged and lost"
    kept = assert_sums_agree(path)
    assert kept >= len(acknowledged)
    assert store.session(record.session.id).session.usage == Usage(held=kept * UNITS)
    allowed(store.place(a_purchase(market.service, market.owner, record, UNITS), None))
