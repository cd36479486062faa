"""kill -9 of a manager that pays over HTTP: another process of the file goes on, and it is paid once."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tests.integration.manager.shop import CENT, Shop, states
from tests.integration.manager.test_every_step import Killed, Runner
from tests.integration.manager.world import HOUR, MONEY, PASSPHRASE, World
from tests.x402.faults import Fault, FaultyProxy, fail, lose
from tests.x402.hostile import Asked, Reply
from valetkey.sdk.errors import PaymentNotAccepted
from valetkey.sdk.manager.blocking import SessionKeyManager
from valetkey.sdk.manager.manager import AsyncSessionKeyManager

ROOT = Path(__file__).parents[3]
MORTAL = """
import json, os, signal, sys
from tests.integration.manager.process import opened
from valetkey.sdk._sync import x402_payer
from valetkey.sdk.manager.paying_http import PayingSession
from valetkey.sdk.manager.top_ups import TopUps
from valetkey.sdk.manager.topping import Topping

told = json.loads(sys.stdin.readline())

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def dying_after(owner, name):
    whole = getattr(owner, name)
    async def last(*given, **named):
        await whole(*given, **named)
        die()
    setattr(owner, name, last)

match told["moment"]:
    case "held":
        PayingSession.supply = die
    case "draw written":
        dying_after(TopUps, "keep")
    case "draw queued":
        dying_after(Topping, "_queue")
    case "drawn":
        dying_after(Topping, "bring")
    case "signed":
        whole = x402_payer.make
        x402_payer.make = lambda *given: (whole(*given), die())
    case "kept":
        PayingSession.mark_signed = die
    case "marked":
        x402_payer.with_payment = die
    case "sent":
        x402_payer.Payment._answer = die

manager = opened(told)
with manager.http(told["key"]) as http:
    print(http.get(told["url"]).status_code)
"""


def killed(world: World, key: str, url: str, moment: str) -> None:
    """Another process asks, and ends there."""
    told = world.told() | {"passphrase": PASSPHRASE, "key": key, "url": url, "moment": moment}
    died = subprocess.run(
        [sys.executable, "-c", MORTAL],
        cwd=ROOT,
        input=json.dumps(told) + "\n",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert died.returncode == -signal.SIGKILL, died.stdout + died.stderr


SLOW = ("held", "draw written", "draw queued", "signed", "marked")


@pytest.mark.parametrize(
    "moment", [*(pytest.param(one, marks=pytest.mark.slow) for one in SLOW), "drawn", "kept", "sent"]
)
def test_IDEMPOTENT_a_manager_killed_at_any_step_pays_once(
    world: World, shop: Shop, manager: SessionKeyManager, moment: str
) -> None:
    key = manager.create_session(label="asks", spending_limit=1, valid_until=HOUR).session_key_hash
    killed(world, key, shop.weather, moment)
    # Nothing is given back, whatever was under way.
    manager.step()
    assert (len(states(world)), manager.restore_session(key).remaining_limit) == (1, Decimal("0.99"))
    with manager.http(key) as http:
        if moment == "sent":
            # It was paid and served; what is presented again is used up.
            with pytest.raises(PaymentNotAccepted):
                http.get(shop.weather)
        else:
            assert http.get(shop.weather).status_code == 200
    assert shop.payments() == [CENT]
    assert manager.settle(30)
    assert states(world) == ["captured"]
    assert (shop.paid(), world.units(world.owner.address)) == (CENT, MONEY - CENT)


@pytest.mark.parametrize("fault", [lose, fail])
def test_an_answer_lost_on_the_wire_is_paid_once(
    world: World, shop: Shop, manager: SessionKeyManager, fault: Fault
) -> None:
    key = manager.create_session(label="asks", spending_limit=1, valid_until=HOUR).session_key_hash
    with FaultyProxy(shop.seller.url, fault) as proxy:
        with manager.http(key) as http:
            try:
                assert http.get(f"{proxy.url}/weather").status_code == 500
            except httpx.HTTPError:
                assert fault is lose
        with world.manager() as other, other.http(key) as http, pytest.raises(PaymentNotAccepted):
            http.get(f"{proxy.url}/weather")
        assert len(proxy.paid) == 2
        assert len(set(proxy.paid)) == 1
    assert manager.settle(30)
    assert (states(world), shop.paid()) == (["captured"], CENT)


@pytest.mark.parametrize("every", [23, pytest.param(1, marks=pytest.mark.slow)])
def test_IDEMPOTENT_a_payment_over_http_is_made_once_wherever_it_is_killed(
    world: World, shop: Shop, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    runner = Runner(world, monkeypatch)
    keys: list[str] = []
    # One that remembers nothing of a chain that is turned back.
    seller = shop.hostile()

    def behave(asked: Asked) -> Reply:
        took = asked.payment is not None and seller.take(asked.payment) is not None
        return Reply() if took else seller.asks(seller.offer())

    seller.behaviour = behave

    async def make(manager: AsyncSessionKeyManager) -> None:
        made = await manager.create_session(label="asks", spending_limit="0.01", valid_until=HOUR)
        keys.append(made.session_key_hash)

    async def story(manager: AsyncSessionKeyManager) -> None:
        async with manager.http(keys[0]) as http:
            try:
                assert (
                    await http.get(f"{seller.url}/paid", headers={"Idempotency-Key": "k"})
                ).status_code == 200
            except PaymentNotAccepted:
                # Paid, and ended after that: what is presented again is used up.
                assert world.units(seller.pay_to) == CENT
        assert await manager.settle(30)

    def agree() -> None:
        assert states(world) == ["captured"]
        assert (world.units(seller.pay_to), world.units(world.owner.address)) == (CENT, MONEY - CENT)

    runner.run(make)
    assert runner.killed_everywhere(story, agree, every) >= 20


def test_NO_OVERSPEND_two_that_were_killed_share_what_a_dead_payment_left(
    world: World, shop: Shop, monkeypatch: pytest.MonkeyPatch, later: Callable[[int], None]
) -> None:
    """Each saw the other's hold, and wants to draw: the contract lets one, and the other finds what lies there."""
    runner = Runner(world, monkeypatch)
    keys: list[str] = []
    dead = shop.hostile(lambda asked: dead.asks(dead.offer()) if asked.payment is None else None)
    seller = shop.hostile(lambda asked: Reply() if asked.payment else seller.asks(seller.offer()))

    async def ask(manager: AsyncSessionKeyManager, url: str) -> int:
        async with manager.http(keys[0]) as http:
            return (await http.get(url)).status_code

    async def lose(manager: AsyncSessionKeyManager) -> None:
        made = await manager.create_session(label="asks", spending_limit="0.02", valid_until=HOUR)
        keys.append(made.session_key_hash)
        with pytest.raises(httpx.HTTPError):
            await ask(manager, dead.url)

    async def first(manager: AsyncSessionKeyManager) -> None:
        assert await ask(manager, f"{seller.url}/first") == 200

    async def second(manager: AsyncSessionKeyManager) -> None:
        assert await ask(manager, f"{seller.url}/second") == 200

    async def settle(manager: AsyncSessionKeyManager) -> None:
        assert await manager.settle(30)

    runner.run(lose)
    later(120)
    runner.run(settle)
    for story, last in ((first, "hold_spend"), (second, "remember")):
        with pytest.raises(Killed):
            runner.run(story, last)
    for story in (first, second):
        runner.run(story)
    assert len(seller.take_all()) == 2
    runner.run(settle)
    assert states(world) == ["voided", "captured", "captured"]
    assert world.units(world.owner.address) == MONEY - 2 * CENT
