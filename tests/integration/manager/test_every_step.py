"""NO_OVERSPEND and IDEMPOTENT with kill -9 in mind: a session is made, and a payment is made, wherever it is killed."""

import asyncio
import inspect
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import apsw
import pytest

from tests.integration.manager.world import HOUR, MONEY, PAYEE, USDC, World, cheap_lock
from valetkey.sdk.errors import SessionRevoked
from valetkey.sdk.manager import manager as home
from valetkey.sdk.manager.local import Local
from valetkey.sdk.manager.manager import AsyncSessionKeyManager

Story = Callable[[AsyncSessionKeyManager], Awaitable[None]]
STEPS_LEAST = 20


class Killed(BaseException):
    """The process ended here. Not an Exception: nothing of ours may catch it."""


@dataclass
class Fate:
    """Kills after so many calls, or after the first of a name: when it took effect, and before its answer came."""

    at: int | str | None = None
    count: int = 0

    def passed(self, name: str) -> None:
        self.count += 1
        if self.at in (self.count, name):
            raise Killed(name)


class Mortal:
    """Something outside whose every call may be the last."""

    def __init__(self, what: Any, fate: Fate) -> None:
        self._what = what
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._what, name)
        if not callable(found) or name == "close":
            return found
        if not inspect.iscoroutinefunction(found):

            def call(*given: Any, **named: Any) -> Any:
                answer = found(*given, **named)
                self._fate.passed(name)
                return answer

            return call

        async def later(*given: Any, **named: Any) -> Any:
            answer = await found(*given, **named)
            self._fate.passed(name)
            return answer

        return later


class Runner:
    """Runs stories in processes that end where a fate says so."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self._world = world
        self._fate = Fate()
        open_local = home.open_local

        def mortal(*given: Any, **named: Any) -> Local:
            local = open_local(*given, **named)
            sender: Any = Mortal(local.sender, self._fate)
            store: Any = Mortal(local.store, self._fate)
            return replace(
                local,
                store=store,
                keystore=Mortal(local.keystore, self._fate),
                reader=Mortal(local.reader, self._fate),
                sender=sender,
                owner_sender=sender,
            )

        monkeypatch.setattr(home, "open_local", mortal)

    def run(self, story: Story, at: int | str | None = None) -> int:
        """One process, from its start to its end; how many calls it made."""
        self._fate = Fate(at)

        async def live() -> None:
            world = self._world
            manager = AsyncSessionKeyManager(
                world.owner.to_hex(),
                world.at.allowance,
                chain=84532,
                rpc_url=world.chain.rpc_url,
                path=world.file,
                lock=cheap_lock(),
                wait_seconds=30.0,
            )
            try:
                await story(manager)
            finally:
                await manager.close()

        asyncio.run(live())
        return self._fate.count

    def killed_everywhere(self, story: Story, agree: Callable[[], None], every: int) -> int:
        """Kill a story after each n-th call, let another process finish it, and look; how many calls there are."""
        world = self._world
        original = world.file.read_bytes() if world.file.exists() else None
        before = world.chain("evm_snapshot")

        def again() -> None:
            nonlocal before
            assert world.chain("evm_revert", before) is True
            before = world.chain("evm_snapshot")
            for part in world.folder.glob("manager.db*"):
                shutil.rmtree(part) if part.is_dir() else part.unlink()
            if original is not None:
                world.file.write_bytes(original)
                world.file.chmod(0o600)

        calls = self.run(story)
        agree()
        for number in range(1, calls + 1, every):
            again()
            try:
                self.run(story, number)
            except Killed:
                self.run(story)
            agree()
        return calls


@pytest.fixture
def runner(world: World, monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(world, monkeypatch)


def rows(world: World, sql: str) -> list[tuple[Any, ...]]:
    db = apsw.Connection(str(world.file), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


EVERY = [3, pytest.param(1, marks=pytest.mark.slow)]


@pytest.mark.parametrize("every", EVERY)
def test_IDEMPOTENT_a_session_is_made_once_wherever_it_is_killed(
    world: World, runner: Runner, every: int
) -> None:
    async def story(manager: AsyncSessionKeyManager) -> None:
        made = await manager.create_session(
            label="once", spending_limit=10, valid_until=HOUR, idempotency_key="k"
        )
        await manager.step()
        assert (await manager.restore_session(made.session_key_hash)).status == "active"

    def agree() -> None:
        assert rows(world, "SELECT count(*) FROM sessions") == [(1,)]
        assert rows(world, "SELECT count(*) FROM grants") == [(1,)]
        assert rows(world, "SELECT count(*) FROM keystore_records") == [(1,)], "no key is left behind"
        assert world.allowed() == 10 * USDC
        assert rows(world, "SELECT count(*) FROM relays WHERE state NOT IN ('done', 'dropped')") == [(0,)]

    steps = runner.killed_everywhere(story, agree, every)
    print(f"{steps} calls")
    assert steps >= STEPS_LEAST


@pytest.mark.parametrize("every", EVERY)
def test_UNKNOWN_STAYS_HELD_a_payment_is_made_once_wherever_it_is_killed(
    world: World, runner: Runner, every: int
) -> None:
    keys: list[str] = []

    async def make(manager: AsyncSessionKeyManager) -> None:
        made = await manager.create_session(label="pays", spending_limit=10, valid_until=HOUR)
        keys.append(made.session_key_hash)

    async def story(manager: AsyncSessionKeyManager) -> None:
        spent = await manager.spend(keys[0], to=PAYEE, amount=3, idempotency_key="k")
        assert spent.state == "captured"
        assert await manager.settle()

    def agree() -> None:
        assert rows(world, "SELECT state, captured FROM holds") == [("captured", str(3 * USDC))]
        assert world.units() == 3 * USDC == MONEY - world.units(world.owner.address)
        purposes = [one for (one,) in rows(world, "SELECT purpose FROM relays WHERE state = 'done'")]
        assert len(purposes) == len(set(purposes)) == 3, "approved, registered, paid"

    runner.run(make)
    steps = runner.killed_everywhere(story, agree, every)
    print(f"{steps} calls")
    assert steps >= 2 * STEPS_LEAST


@pytest.mark.parametrize("every", EVERY)
def test_REVOKED_IS_DEAD_a_revocation_reaches_the_chain_wherever_it_is_killed(
    world: World, runner: Runner, every: int
) -> None:
    keys: list[str] = []

    async def make(manager: AsyncSessionKeyManager) -> None:
        made = await manager.create_session(label="ends", spending_limit=10, valid_until=HOUR)
        keys.append(made.session_key_hash)
        await manager.spend(keys[0], to=PAYEE, amount=1)

    async def story(manager: AsyncSessionKeyManager) -> None:
        assert (await manager.revoke_session(keys[0])).on_chain

    def agree() -> None:
        assert rows(world, "SELECT count(*) FROM grants WHERE revoked_at IS NOT NULL") == [(1,)]
        assert world.units() == USDC

    runner.run(make)
    assert runner.killed_everywhere(story, agree, every) >= STEPS_LEAST


@pytest.mark.parametrize("every", [8, pytest.param(2, marks=pytest.mark.slow)])
def test_a_rotation_is_made_once_wherever_it_is_killed(world: World, runner: Runner, every: int) -> None:
    keys: list[str] = []

    async def make(manager: AsyncSessionKeyManager) -> None:
        made = await manager.create_session(label="turns", spending_limit=10, valid_until=HOUR)
        keys.append(made.session_key_hash)
        await manager.spend(keys[0], to=PAYEE, amount=4)

    async def story(manager: AsyncSessionKeyManager) -> None:
        new = await manager.rotate(keys[0])
        spent = await manager.spend(new.session_key_hash, to=PAYEE, amount=6, idempotency_key="k")
        assert spent.remaining == 0
        await manager.step()

    def agree() -> None:
        assert rows(world, "SELECT count(*) FROM sessions") == [(2,)]
        assert rows(world, "SELECT count(*) FROM keystore_records") == [(2,)]
        assert world.units() == 10 * USDC

    runner.run(make)
    assert runner.killed_everywhere(story, agree, every) >= STEPS_LEAST


@pytest.mark.parametrize("last", ["hold_spend", "settle"])
def test_REVOKED_IS_DEAD_what_was_not_sent_when_a_session_was_revoked_never_is(
    world: World, runner: Runner, last: str
) -> None:
    """A process ends with a payment held, or signed and written down; then the session is taken back."""
    keys: list[str] = []

    async def make(manager: AsyncSessionKeyManager) -> None:
        made = await manager.create_session(label="ends", spending_limit=10, valid_until=HOUR)
        keys.append(made.session_key_hash)

    async def pay(manager: AsyncSessionKeyManager) -> None:
        await manager.spend(keys[0], to=PAYEE, amount=3, idempotency_key="k")

    async def revoke(manager: AsyncSessionKeyManager) -> None:
        assert (await manager.revoke_session(keys[0])).on_chain

    async def again(manager: AsyncSessionKeyManager) -> None:
        with pytest.raises(SessionRevoked):
            await pay(manager)

    runner.run(make)
    with pytest.raises(Killed):
        runner.run(pay, last)
    runner.run(revoke)
    runner.run(again)
    assert world.units() == 0
    assert rows(world, "SELECT count(*) FROM relays WHERE purpose LIKE 'pay %'") == [(0,)]
