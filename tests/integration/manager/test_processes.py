"""Several processes, one file: what one makes another restores, what one takes back another refuses, and all agree."""

import random
import time
from decimal import Decimal

import apsw

from tests.integration.manager.processes import Process, processes
from tests.integration.manager.world import HOUR, PAYEE, USDC, World
from valetkey.sdk.manager.blocking import SessionKeyManager

SESSIONS = 50


def holds(world: World) -> list[tuple[str, int]]:
    """State and captured units of every hold in the file."""
    db = apsw.Connection(str(world.file), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [(state, int(captured)) for state, captured in db.execute("SELECT state, captured FROM holds")]
    finally:
        db.close()


def payments(world: World) -> int:
    """Transactions that paid, as the queue knows them; each purpose at most once."""
    db = apsw.Connection(str(world.file), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        done = [
            purpose
            for (purpose,) in db.execute("SELECT purpose FROM relays WHERE state = 'done'")
            if purpose.startswith("pay ")
        ]
    finally:
        db.close()
    assert len(done) == len(set(done))
    return len(done)


def test_fifty_sessions_of_a_killed_process_are_restored_spent_from_and_taken_back(world: World) -> None:
    first = Process(world)
    first.ready()
    keys = [first.ask("create", label=f"session {n}", limit="2") for n in range(SESSIONS)]
    assert world.allowed() == 2 * SESSIONS * USDC
    # In the middle of one more, which nobody was told of.
    first.begin("create", label="the last", limit="1")
    first.kill()
    with processes(world, 2) as (second, third):
        assert [second.ask("restore", key=key) for key in keys] == ["active"] * SESSIONS
        for key in keys:
            assert second.ask("spend", key=key, to=PAYEE, amount="0.5")[1] == "captured"
        assert world.units() == SESSIONS * USDC // 2
        taken, left = keys[::2], keys[1::2]
        for key in taken:
            assert third.ask("revoke", key=key) is True
        for key in taken:
            assert second.refused("spend", key=key, to=PAYEE, amount="0.5") == "session_revoked"
            assert second.refused("sign", key=key, message="hello") == "session_revoked"
            assert second.ask("restore", key=key) == "revoked"
        for key in left:
            assert second.ask("spend", key=key, to=PAYEE, amount="0.5")[1] == "captured"
        assert world.units() == SESSIONS * USDC // 2 + len(left) * USDC // 2
    assert {state for state, _ in holds(world)} == {"captured"}


def test_NO_OVERSPEND_eight_processes_share_one_session(world: World, manager: SessionKeyManager) -> None:
    """Budget for ten payments, eight processes that try for thirty-two."""
    key = manager.create_session(label="shared", spending_limit=10, valid_until=HOUR).session_key_hash
    said: list[dict[str, object]] = []
    with processes(world, 8) as eight:
        for _ in range(4):
            for one in eight:
                one.begin("spend", key=key, to=PAYEE, amount=1)
            said += [one.end() for one in eight]
    paid = [one for one in said if "is" in one]
    refused = [one for one in said if "is" not in one]
    assert len(paid) == 10, said
    assert {one["error"] for one in refused} == {"budget_exceeded"}
    assert world.units() == 10 * USDC
    assert sorted(holds(world)) == [("captured", USDC)] * 10
    # The contract's events may prove the last payment a round before the queue closes its transaction.
    assert manager.settle()
    assert payments(world) == 10
    seen = manager.restore_session(key)
    assert (seen.spent, seen.held, seen.remaining_limit) == (Decimal(10), Decimal(0), Decimal(0))
    assert seen.status == "exhausted"


def test_IDEMPOTENT_the_same_keys_in_eight_processes_pay_once(
    world: World, manager: SessionKeyManager
) -> None:
    key = manager.create_session(label="shared", spending_limit=50, valid_until=HOUR).session_key_hash
    names = [f"invoice-{n}" for n in range(5)]
    answers: dict[str, set[tuple[str, ...]]] = {name: set() for name in names}
    with processes(world, 8) as eight:
        for turn in range(len(names)):
            # Some ask for the same at the same time, and all ask for everything in the end.
            asked = [names[(turn + place // 2) % len(names)] for place in range(8)]
            for one, name in zip(eight, asked, strict=True):
                one.begin("spend", key=key, to=PAYEE, amount=2, idempotency_key=name)
            for one, name in zip(eight, asked, strict=True):
                answers[name].add(tuple(one.end()["is"]))
        # Another payment under a known key is another request.
        assert (
            eight[0].refused("spend", key=key, to=PAYEE, amount=3, idempotency_key=names[0])
            == "idempotency_mismatch"
        )
    assert all(len(one) == 1 for one in answers.values()), answers
    assert world.units() == 2 * len(names) * USDC
    assert manager.settle()
    assert payments(world) == len(names)


def test_IDEMPOTENT_sessions_of_one_key_in_four_processes_are_one_session(world: World) -> None:
    with processes(world, 4) as four:
        for one in four:
            one.begin("create", label="daily", limit="5", idempotency_key="2026-11-27")
        made = {one.end()["is"] for one in four}
        (key,) = made
        assert four[0].ask("list") == [key]
        assert four[1].refused("create", label="daily", limit="6", idempotency_key="2026-11-27") == (
            "idempotency_mismatch"
        )
        assert four[2].ask("spend", key=key, to=PAYEE, amount=1)[1] == "captured"
    assert world.allowed() == 4 * USDC


def test_a_process_killed_while_it_pays_is_gone_on_with_by_another_one(
    world: World, manager: SessionKeyManager
) -> None:
    """The same keys are asked for until all are answered; whoever asks is killed again and again."""
    key = manager.create_session(label="killed", spending_limit=50, valid_until=HOUR).session_key_hash
    chance = random.Random(20261127)
    left = [f"payment-{n}" for n in range(6)]
    kills = 0
    while left:
        one = Process(world)
        one.ready()
        one.begin("spend", key=key, to=PAYEE, amount=1, idempotency_key=left[0])
        time.sleep(chance.uniform(0.0, 0.4))
        if kills < 12 and chance.random() < 0.8:
            one.kill()
            kills += 1
            continue
        assert one.end()["is"][1] == "captured"
        one.stop()
        left.pop(0)
    assert kills >= 6
    assert manager.settle()
    assert world.units() == 6 * USDC
    assert sorted(holds(world)) == [("captured", USDC)] * 6
    assert payments(world) == 6
