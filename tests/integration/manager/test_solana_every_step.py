"""NO_OVERSPEND and IDEMPOTENT with kill -9 in mind, on Solana: wherever making and paying is killed, it goes on."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.manager.solana_world import MONEY, USDC, SolanaWorld
from tests.integration.manager.test_every_step import Fate, Killed, Mortal, Story
from tests.integration.manager.world import HOUR
from valetkey.crypto.ed25519 import SigningKey
from valetkey.sdk.manager import manager as home
from valetkey.sdk.manager.local import Local
from valetkey.sdk.manager.manager import AsyncSessionKeyManager
from valetkey.sdk.manager.on_solana import OnSolana

STEPS_LEAST = 15


class Runner:
    """Runs stories in processes that end where a fate says so."""

    def __init__(self, world: SolanaWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        self._world = world
        self._fate = Fate()
        open_local = home.open_local

        def mortal(*given: Any, **named: Any) -> Local:
            local = open_local(*given, **named)
            assert isinstance(local, OnSolana)
            store: Any = Mortal(local.store, self._fate)
            keystore: Any = Mortal(local.keystore, self._fate)
            delegations: Any = Mortal(local.delegations, self._fate)
            return replace(local, store=store, keystore=keystore, delegations=delegations)

        monkeypatch.setattr(home, "open_local", mortal)

    def run(self, story: Story, at: int | None = None) -> int:
        """One process, from its start to its end; how many calls it made."""
        self._fate = Fate(at)

        async def live() -> None:
            manager = AsyncSessionKeyManager(self._world.owner, **self._world.named())
            try:
                await story(manager)
            finally:
                await manager.close()

        asyncio.run(live())
        return self._fate.count


def killed_everywhere(
    runner: Runner, story: Story, fresh: Callable[[], None], sound: Callable[[], None]
) -> int:
    """Kill a story after its first call, its second, and so on, and let another process do the same again."""
    at = 0
    while True:
        at += 1
        fresh()
        try:
            runner.run(story, at)
        except Killed:
            runner.run(story)
            sound()
            continue
        return at


def test_a_session_is_made_and_pays_once_wherever_it_is_killed(
    solana: SolanaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    payee = SigningKey.generate().address
    runner, number = Runner(solana, monkeypatch), 0

    def fresh() -> None:
        nonlocal number
        number += 1

    async def story(manager: AsyncSessionKeyManager) -> None:
        made = await manager.create_session(
            label=f"n{number}", spending_limit=3, valid_until=HOUR, idempotency_key=f"make {number}"
        )
        paid = await manager.spend(made.session_key_hash, to=payee, amount=2, idempotency_key=f"pay {number}")
        assert paid.state == "captured"

    def sound() -> None:
        assert solana.units(payee) == 2 * USDC * number
        assert solana.rpc.units(solana.home) == MONEY - 3 * USDC * number

    steps = killed_everywhere(runner, story, fresh, sound)
    assert steps > STEPS_LEAST, steps

    async def all_of_them(manager: AsyncSessionKeyManager) -> None:
        found = await manager.list_sessions(limit=1_000)
        assert len({one.label for one in found}) == len(found) == number
        assert {one.spent for one in found} == {2}

    runner.run(all_of_them)


def test_a_session_is_rotated_and_ended_once_wherever_it_is_killed(
    solana: SolanaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, number = Runner(solana, monkeypatch), 0

    def fresh() -> None:
        nonlocal number
        number += 1

    async def story(manager: AsyncSessionKeyManager) -> None:
        made = await manager.create_session(
            label=f"n{number}", spending_limit=3, valid_until=HOUR, idempotency_key=f"make {number}"
        )
        new = await manager.rotate(made.session_key_hash, grace_seconds=0)
        left = [await manager.exposure(one) for one in (made.session_key_hash, new.session_key_hash)]
        assert left in ([0, 3], [0, 0])
        assert (await manager.reclaim(new.session_key_hash)).amount in (0, 3)

    def sound() -> None:
        assert solana.rpc.units(solana.home) == MONEY

    assert killed_everywhere(runner, story, fresh, sound) > STEPS_LEAST
