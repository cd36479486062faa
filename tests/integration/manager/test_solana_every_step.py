"""NO_OVERSPEND and IDEMPOTENT with kill -9 in mind, on Solana: wherever making and paying is killed, it goes on."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.manager.solana_world import MONEY, USDC, SolanaWorld
from tests.integration.manager.test_every_step import Fate, Killed, Mortal, Story
from valetkey.crypto.ed25519 import SigningKey
from valetkey.sdk.manager import manager as home
from valetkey.sdk.manager.local import Local
from valetkey.sdk.manager.manager import AsyncSessionKeyManager
from valetkey.sdk.manager.on_solana import OnSolana

END = time.time() + 3_600


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

    def run(self, story: Story, at: int | str | None = None) -> int:
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


def killed(runner: Runner, story: Story, last: str) -> None:
    """A process ends when something took effect and before its answer came; another one does the same again."""
    with pytest.raises(Killed):
        runner.run(story, last)
    runner.run(story)
    runner.run(story)


@pytest.mark.parametrize(
    "last",
    ["put", "add_session", "open", "remember", "presign", "hold_spend", "sign", "settle", "landed", "send"],
)
def test_IDEMPOTENT_a_session_is_made_and_pays_once_wherever_it_is_killed(
    solana: SolanaWorld, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    payee = SigningKey.generate().address

    async def story(manager: AsyncSessionKeyManager) -> None:
        made = await manager.create_session(
            label="once", spending_limit=3, valid_until=int(END), idempotency_key="make"
        )
        paid = await manager.spend(made.session_key_hash, to=payee, amount=2, idempotency_key="pay")
        assert paid.state == "captured"
        (found,) = await manager.list_sessions()
        assert found.spent == 2

    killed(Runner(solana, monkeypatch), story, last)
    assert solana.units(payee) == 2 * USDC
    assert solana.rpc.units(solana.home) == MONEY - 3 * USDC


@pytest.mark.parametrize("last", ["rotate_session", "move", "revoke_session", "end", "reclaim"])
def test_a_session_is_rotated_and_reclaimed_once_wherever_it_is_killed(
    solana: SolanaWorld, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    async def story(manager: AsyncSessionKeyManager) -> None:
        made = await manager.create_session(
            label="turns", spending_limit=3, valid_until=int(END), idempotency_key="make"
        )
        if made.status == "active":
            await manager.rotate(made.session_key_hash, grace_seconds=0)
        both = await manager.list_sessions()
        assert len(both) == 2
        left = [await manager.exposure(one.session_key_hash) for one in both]
        assert sum(left) <= 3
        for one in both:
            await manager.reclaim(one.session_key_hash)

    killed(Runner(solana, monkeypatch), story, last)
    assert solana.rpc.units(solana.home) == MONEY
