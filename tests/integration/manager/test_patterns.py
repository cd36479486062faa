"""Patterns in several processes that share one file: midnight, and a rotation that is killed."""

import random
import time
from typing import Any

from tests.integration.manager.processes import Process, processes
from tests.integration.manager.world import HOUR, PAYEE, USDC, World
from valetkey import refresh_daily_budget
from valetkey.sdk.days import day_at
from valetkey.sdk.manager.blocking import SessionKeyManager

BEFORE_SECONDS, AFTER_SECONDS = 3, 3


def test_NO_OVERSPEND_IDEMPOTENT_eight_processes_refresh_the_daily_budget_at_midnight(world: World) -> None:
    """Before midnight all of them see yesterday's session, from midnight on all of them one new one."""
    midnight = day_at(time.time()).ends
    early = midnight - 3600 - time.time()
    with world.manager(system_time=lambda: time.time() + early) as manager:
        yesterday = refresh_daily_budget(manager, "daily", "5", at=midnight - 3600).session_key_hash
    with processes(world, 8) as eight:
        shift = midnight - BEFORE_SECONDS - time.time()
        world.chain("evm_increaseTime", int(shift))
        for number, one in enumerate(eight):
            until, pause = midnight + AFTER_SECONDS, 0.05 + number / 100
            one.begin("days", label="daily", limit="5", shift=shift, until=until, pause=pause)
        seen: list[tuple[float, str]] = [(at, key) for one in eight for at, key in one.end()["is"]]
        before = {key for at, key in seen if at < midnight}
        after = {key for at, key in seen if at >= midnight}
        assert before == {yesterday}
        (today,) = after - before
        assert after == {today}
        assert sorted(eight[0].ask("list")) == sorted([yesterday, today])
        said: list[dict[str, Any]] = []
        for _ in range(2):
            for one in eight:
                one.begin("spend", key=today, to=PAYEE, amount=1)
            said += [one.end() for one in eight]
        assert sum("is" in one for one in said) == 5, said
        assert {one["error"] for one in said if "is" not in one} == {"budget_exceeded"}
        assert world.units() == 5 * USDC
        assert eight[0].refused("spend", key=yesterday, to=PAYEE, amount=1) == "session_expired"
        with world.manager(system_time=lambda: time.time() + shift) as manager:
            lives = sorted((one.not_before, one.expires_at) for one in manager.list_sessions(label="daily"))
        # One ends where the other begins: there is no moment with two.
        assert lives[0][1] == lives[1][0]
        assert int(lives[1][0].timestamp()) == midnight


def test_a_rotation_that_is_killed_anywhere_has_one_successor(
    world: World, manager: SessionKeyManager
) -> None:
    chance = random.Random(20261127)
    made = manager.create_session(label="bot", spending_limit=10, valid_until=HOUR)
    old = made.session_key_hash
    for _ in range(5):
        one = Process(world)
        one.ready()
        one.begin("rotate", key=old, grace=300)
        time.sleep(chance.uniform(0.0, 0.15))
        one.kill()
        # Whenever it was killed, somebody can pay: the old one, or both.
        assert "active" in {seen.status for seen in manager.list_sessions(label="bot")}
    with processes(world, 2) as two:
        for one in two:
            one.begin("rotate", key=old, grace=300)
        (new,) = {one.end()["is"] for one in two}
        assert two[0].ask("spend", key=old, to=PAYEE, amount=4)[1] == "captured"
        assert two[1].ask("spend", key=new, to=PAYEE, amount=6)[1] == "captured"
        assert two[0].refused("spend", key=new, to=PAYEE, amount=1) == "budget_exceeded"
    assert {one.session_key_hash for one in manager.list_sessions(label="bot")} == {old, new}
    assert world.units() == 10 * USDC
