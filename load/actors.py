"""Who acts: delegates that spend, owners that list, make, revoke and approve, and what each knows of the money."""

import asyncio
import random
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from load.asking import LOST, Asker
from valetkey.crypto.keys import PrivateKey

PAYEE = "0x" + "22" * 20
UNIT = 1_000_000
HOLD_SECONDS = 20
"""How long a hold that a delegate forgets is kept for it."""


@dataclass
class Purse:
    """A session of a delegate, and what its delegate saw of its money, in base units.

    `open` is what was held and may since have lapsed; `unsure` what was asked for without an answer.
    """

    session_id: str
    token: str
    budget: int
    captured: int = 0
    open: int = 0
    unsure: int = 0
    holds: int = 0


@dataclass
class World:
    """What all actors share."""

    asker: Asker
    owner: str
    """The API key of the owner of everything."""
    purses: list[Purse] = field(default_factory=list)
    asking: list[Purse] = field(default_factory=list)
    """Sessions whose owner is asked first."""
    service_id: str = ""
    hook: str = ""
    questions: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(1_000))
    """Approvals that the owner was told of by webhook."""
    labels: int = 1
    holds: Counter[str] = field(default_factory=Counter)
    """What became of spends, as those who asked saw it."""
    ended: bool = False
    """Whether the closed loop is over: whoever acts finishes what was begun, so that all its money is known."""
    wrong: list[str] = field(default_factory=list)
    """Answers that must not be."""

    def heard(self, told: Any) -> None:
        """What a webhook told."""
        if told["event"] == "approval.requested" and not self.questions.full():
            self.questions.put_nowait(told["approvalId"])


async def make_session(world: World, kind: str = "create", **changes: Any) -> Any:
    """A session of the owner, with a wallet of its own; None when it was not made."""
    key = PrivateKey.generate()
    asked = {
        "expiry": 86_400,
        "allowedServiceIds": [],
        "sessionWallet": key.address,
        "e2ePublicKey": key.public_key_compressed.hex(),
        "budgetUsdc": 1_000,
        **changes,
    }
    status, made = await world.asker.ask(
        kind, "POST", "/agents/session", world.owner, asked, key=secrets.token_hex(12)
    )
    return made if status == 201 else None


async def spend(world: World, since: float | None = None) -> None:
    """A delegate holds money, mostly says that it signed and what moved, and sometimes lets it go, or forgets it."""
    purse = random.choice(world.purses)
    units = random.randint(1, 50) * 100
    asked = {"amount": f"{units / UNIT:.6f}", "payee": PAYEE, "seconds": HOLD_SECONDS}
    key = secrets.token_hex(12)
    status, spent = await world.asker.ask(
        "spend", "POST", "/spends", purse.token, asked, key=key, since=since
    )
    if status != 201:
        if status == 0:
            purse.unsure += units
        world.holds["refused" if status == 403 else "not held"] += 1
        return
    purse.open += units
    purse.holds += 1
    world.holds["held"] += 1
    if random.random() < 0.05:
        status, again = await world.asker.ask("spend again", "POST", "/spends", purse.token, asked, key=key)
        if status == 201 and again["spendId"] != spent["spendId"]:
            world.wrong.append("one key, two spends")
    await _end(world, purse, spent["spendId"], units)


async def _end(world: World, purse: Purse, spend_id: str, units: int) -> None:
    fate = random.random()
    path = f"/spends/{spend_id}"
    if fate < 0.1:
        world.holds["forgotten"] += 1
        return
    if fate < 0.3:
        # A write that is asked for again with its key is safe.
        status, _ = await world.asker.ask(
            "void", "POST", f"{path}/void", purse.token, key=secrets.token_hex(12)
        )
        if status == 200:
            purse.open -= units
        world.holds["voided" if status == 200 else "not voided"] += 1
        return
    status, _ = await world.asker.ask(
        "signed", "POST", f"{path}/signed", purse.token, {"payload": "AAAA"}, key=secrets.token_hex(12)
    )
    if status != 200:
        world.holds["not reported"] += 1
        return
    found = await world.asker.ask(
        "capture", "POST", f"{path}/capture", purse.token, key=secrets.token_hex(12)
    )
    if found == LOST:
        purse.unsure += units
    if found[0] == 200:
        purse.open -= units
        purse.captured += units
    world.holds["captured" if found[0] == 200 else "not captured"] += 1


async def order(world: World, since: float | None = None) -> None:
    """A delegate orders a service and never pays: the hold lapses with the checkout."""
    purse = random.choice(world.purses)
    asked = {"serviceId": world.service_id, "paymentMethod": "crypto", "callbackUrl": world.hook}
    status, made = await world.asker.ask(
        "order", "POST", "/checkout", purse.token, asked, key=secrets.token_hex(12), since=since
    )
    if status == 201:
        purse.open += round(float(made["totalCharged"]) * UNIT)
        purse.holds += 1
    elif status == 0:
        purse.unsure += UNIT
    world.holds["ordered" if status == 201 else "not ordered"] += 1


async def ask_approval(world: World, since: float | None = None) -> None:
    """A delegate asks for more than it may spend alone: the owner is told by webhook."""
    purse = random.choice(world.asking)
    # Another amount each time: the same question is not asked twice, and goes through once it was approved.
    asked = {
        "amount": f"{random.randint(200_000, 900_000) / UNIT:.6f}",
        "payee": PAYEE,
        "seconds": HOLD_SECONDS,
    }
    status, spent = await world.asker.ask(
        "ask approval", "POST", "/spends", purse.token, asked, key=secrets.token_hex(12), since=since
    )
    if status == 201 and spent["state"] not in ("pending_approval", "held"):
        world.wrong.append(f"above the threshold and {spent['state']}")
    world.holds["asked" if status == 201 else "not asked"] += 1


async def answer(world: World) -> None:
    """The owner answers what a webhook asked."""
    approval = await world.questions.get()
    word = random.choice(("approve", "reject"))
    await world.asker.ask(
        word, "POST", f"/approvals/{approval}/{word}", world.owner, key=secrets.token_hex(12)
    )


async def look(world: World, since: float | None = None) -> None:
    """The owner looks at its sessions: a page, by words, by status, or what needs a look."""
    path = random.choice(
        (
            f"/agents/sessions?limit=25&offset={25 * random.randint(0, 100)}",
            f"/agents/sessions?limit=25&search=label+{random.randrange(world.labels)}",
            "/agents/sessions?limit=25&status=active",
            "/agents/sessions?limit=25&sort=remaining",
            "/spends?limit=50",
        )
    )
    await world.asker.ask("list", "GET", path, world.owner, since=since)


async def sum_up(world: World) -> None:
    """The owner's overview."""
    await world.asker.ask("overview", "GET", "/overview", world.owner)


async def make_and_revoke(world: World, since: float | None = None) -> None:
    """A session is made, is revoked, and is dead."""
    del since
    made = await make_session(world, label=f"label {random.randrange(world.labels)}")
    if made is None:
        return
    status, _ = await world.asker.ask(
        "revoke", "DELETE", f"/agents/session/{made['sessionId']}", world.owner, key=secrets.token_hex(12)
    )
    if status == 200:
        asked = {"amount": "0.01", "payee": PAYEE}
        after, _ = await world.asker.ask("spend when revoked", "POST", "/spends", made["token"], asked)
        if after not in (0, 401, 503):
            world.wrong.append(f"revoked, and answered {after}")


async def over_and_over(world: World, act: Any, pause: float) -> None:
    """One actor of a closed loop: it acts, thinks, and acts again."""
    while not world.ended:
        await act(world)
        await asyncio.sleep(random.uniform(0.5, 1.5) * pause)


async def at_a_rate(world: World, act: Any, rate: float, running: set[asyncio.Task[None]]) -> None:
    """Arrivals of an open loop: so many a second whatever the answers do; each is timed from when it was due."""
    loop, clock = asyncio.get_running_loop(), time.perf_counter
    due = clock()
    while True:
        due += random.expovariate(rate)
        if due > clock():
            await asyncio.sleep(due - clock())
        task = loop.create_task(act(world, due))
        running.add(task)
        task.add_done_callback(running.discard)
