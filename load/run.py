"""One run on one store: real processes around one event loop that asks, listens, and samples."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bench.servers import platform, studio
from load import actors
from load.actors import Purse, World, make_session
from load.asking import Asker, Meter
from load.looking import AUDITED, EVENTS, Database, sample
from load.pages import PATHS, Console
from load.receiving import Receiver
from load.verdicts import Verdict, files, latency, memory, money, queue, webhooks
from tests.cluster import databases
from valetkey.chains.devchain import DevChain
from valetkey.chains.devchain.accounts import dev_private_key
from valetkey.chains.evm.deploy import Deployed, deploy
from valetkey.chains.evm.signer import LocalSigner
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.wire.registration import sign_registration

TITLES = {"sqlite": "SQLite, one platform", "postgres": "PostgreSQL, two platforms on one database"}
WEBHOOK_SECRET = "0" * 64
DRAIN_SECONDS = 120
HANGING_SECONDS = 30
CHECKOUT_SECONDS = 60
PAUSE_ON_CHAIN = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to be. `rate` is operations a second of the open loop; `leaks` and `loses` make it fail."""

    store: str
    seconds: float
    sessions: int = 10_000
    purses: int = 200
    spenders: int = 12
    followers: int = 6
    rate: float = 20.0
    window: float = 5.0
    console: bool = True
    chain: bool = True
    leaks: bool = False
    loses: bool = False

    @property
    def warm_up(self) -> float:
        """Seconds that are not measured."""
        return max(1.0, self.seconds / 10)


CLOSED = (
    (actors.look, 2, 0.25),
    (actors.sum_up, 1, 5.0),
    (actors.make_and_revoke, 2, 0.3),
    (actors.order, 1, 0.5),
    (actors.ask_approval, 1, 0.3),
)
"""What is done beside spending, by how many, and how long each thinks."""

SHARES = (
    (actors.spend, 0.6),
    (actors.look, 0.15),
    (actors.make_and_revoke, 0.1),
    (actors.order, 0.05),
    (actors.ask_approval, 0.1),
)
"""Shares of the arrivals of the open loop."""


def run(plan: Plan) -> dict[str, Any]:
    """The data of one run; `verdicts` say whether it was as wanted."""
    with tempfile.TemporaryDirectory(prefix="valetkey-load-") as name, ExitStack() as held:
        folder = Path(name)
        is_file = plan.store == "sqlite"
        database = str(folder / "platform.db") if is_file else databases().fresh()
        chain = held.enter_context(DevChain.start()) if plan.chain else None
        network = _network(chain)
        settings = {
            "NETWORKS": json.dumps([network]),
            "RECONCILE_SECONDS": "2",
            "CHECKOUT_SECONDS": str(CHECKOUT_SECONDS),
        }
        pids: dict[str, int] = {}
        ports: list[int] = []
        for number in range(1 if is_file else 2):
            port, pid = held.enter_context(platform(database, folder, **settings))
            ports.append(port)
            pids["platform" if is_file else f"platform {number + 1}"] = pid
        door = None
        if plan.console:
            door, pids["console"] = held.enter_context(studio(ports[0], folder))
        if chain is not None:
            pids["chain"] = chain.pid
        if plan.leaks:
            pids["leak"] = held.enter_context(_leak())
        begun = Begun(plan, Database(database), ports, pids, door, network, folder)
        return asyncio.run(begun.run())


def _network(chain: DevChain | None) -> dict[str, Any]:
    nobody = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
    if chain is None:
        told = {"rpcUrl": "http://127.0.0.1:1", "escrow": nobody, "score": nobody, "usdc": nobody}
    else:
        made: Deployed = deploy(chain.rpc_url, LocalSigner(PrivateKey(dev_private_key(0))))
        told = {"rpcUrl": chain.rpc_url, "escrow": made.escrow, "score": made.score, "usdc": made.usdc}
    return {"network": "base-sepolia", "confirmations": 1, **told}


@contextmanager
def _leak() -> Iterator[int]:
    """A process that grows, so that the verdict on memory can be seen to fail; its id."""
    code = "import time\nkept = []\nwhile True:\n    kept.append(bytearray(b'x' * 2**21)); time.sleep(0.1)"
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


class Begun:
    """A run whose processes are there."""

    def __init__(
        self,
        plan: Plan,
        database: Database,
        ports: list[int],
        pids: dict[str, int],
        door: int | None,
        network: dict[str, Any],
        folder: Path,
    ) -> None:
        self._plan, self._database, self._ports, self._pids = plan, database, ports, pids
        self._door, self._network, self._folder = door, network, folder
        self._meter = Meter()
        self._asker = Asker(ports, self._meter)
        self._samples: list[dict[str, Any]] = []
        self._followed = 0
        self._bought: list[dict[str, float]] = []
        self._broken: list[str] = []

    async def run(self) -> dict[str, Any]:
        """Set up, warm up, measure both loops, let the queues run empty, and judge."""
        before, began = os.getloadavg()[0], time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        world = World(self._asker, await self._register())
        receiver = Receiver(
            Secret(WEBHOOK_SECRET),
            world.heard,
            loses=self._plan.loses,
            hangs=self._plan.seconds >= HANGING_SECONDS,
        )
        world.hook = await receiver.start()
        await self._set_up(world)
        async with AsyncExitStack() as stack:
            console = await self._console(stack, world)
            buying = await self._buying(world)
            self._meter.taken()
            await self._measure(world, console, buying)
            chain = await self._bought_all(buying)
            receiver.behaves = True
            left = await self._drain()
        verdicts = await self._judge(world, receiver, console, chain, left)
        await receiver.stop()
        self._asker.close()
        return {
            "store": self._plan.store,
            "title": TITLES[self._plan.store],
            "began": began,
            "load average before": before,
            "mix": self._mix(),
            "verdicts": [msgspec.to_builtins(one) for one in verdicts],
            "webhooks": f"{sum(receiver.got.values()):,} taken, of {len(receiver.got):,} events, while the receiver"
            f" answered {dict(receiver.answers)}",
            "followed": self._followed,
            "on chain": self._told_of_chain(),
            "spends": dict(world.holds),
            "samples": self._samples,
        }

    # Setting up

    async def _register(self) -> str:
        key = PrivateKey.generate()
        message, signature = sign_registration(key, int(time.time()))
        body = {
            "walletAddress": key.address,
            "message": message,
            "signature": signature,
            "agentName": f"load {time.time_ns()}",
        }
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._ports[0]}/api/v1/agents/register",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with await asyncio.to_thread(urllib.request.urlopen, request) as answer:
            return str(json.load(answer)["apiKey"])

    async def _set_up(self, world: World) -> None:
        """A hook, a service of another owner, the delegates' sessions, and many that only stand there."""
        status, _ = await self._asker.ask(
            "set up", "PUT", "/agents/webhook", world.owner, {"url": world.hook}
        )
        assert status == 200, status
        seller = await self._register()
        offered = {
            "title": "Summaries",
            "description": "One paragraph",
            "category": "summarization",
            "price": 0.01,
            "priceUnit": "per_document",
        }
        status, service = await self._asker.ask("set up", "POST", "/services", seller, offered)
        assert status == 201, service
        world.service_id = service["id"]
        world.labels = max(10, self._plan.sessions // 10)
        # A tenth have so little that it runs out while they are asked.
        budgets = [2 if number % 10 == 0 else 1_000 for number in range(self._plan.purses)]
        world.purses = await asyncio.gather(*(self._purse(world, budget) for budget in budgets))
        world.asking = await asyncio.gather(
            *(self._purse(world, 10**6, approvalAboveUsdc=0.1) for _ in range(10))
        )
        numbers = iter(range(self._plan.sessions))

        async def make() -> None:
            for number in numbers:
                assert await make_session(world, label=f"label {number % world.labels}") is not None

        await asyncio.gather(*(make() for _ in range(16)))

    async def _purse(self, world: World, budget: int, **rules: Any) -> Purse:
        made = await make_session(world, budgetUsdc=budget, label="delegate", **rules)
        assert made is not None
        return Purse(made["sessionId"], made["token"], budget * actors.UNIT)

    async def _console(self, stack: AsyncExitStack, world: World) -> Console | None:
        if self._door is None:
            return None
        from tests.browser.conftest import chromium_path

        console = Console(f"http://127.0.0.1:{self._door}", self._meter, chromium_path())
        stack.push_async_callback(console.close)
        await console.open(world.owner)
        return console

    async def _buying(self, world: World) -> Any:
        if not self._plan.chain:
            return None
        outer = {name: value for name, value in os.environ.items() if not name.startswith("VALETKEY_")}
        with open(self._folder / "buying.log", "wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "load.buying"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=outer,
            )
        told = {
            "base_url": f"http://127.0.0.1:{self._ports[-1]}",
            "home": str(self._folder / "buyer"),
            "rpc_url": self._network["rpcUrl"],
            "usdc": self._network["usdc"],
            "hook": world.hook,
            "pause": PAUSE_ON_CHAIN,
        }
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(told).encode() + b"\n")
        line = await process.stdout.readline()
        assert line, (self._folder / "buying.log").read_text()[-2_000:]
        return process

    # Measuring

    async def _measure(self, world: World, console: Console | None, buying: Any) -> None:
        plan, began = self._plan, time.monotonic()
        always = [asyncio.create_task(actors.over_and_over(world, actors.answer, 0.0)) for _ in range(2)]
        always += [asyncio.create_task(self._follow(world, n)) for n in range(plan.followers)]
        if console is not None:
            always.append(asyncio.create_task(console.run()))
        if buying is not None:
            always.append(asyncio.create_task(self._read(buying)))
        half = (plan.seconds - plan.warm_up) / 2
        closed = [
            asyncio.create_task(actors.over_and_over(world, actors.spend, 0.1)) for _ in range(plan.spenders)
        ]
        for act, many, pause in CLOSED:
            closed += [asyncio.create_task(actors.over_and_over(world, act, pause)) for _ in range(many)]
        # What this load makes a process keep is there before it is measured: both loops, once at the same time.
        await self._sampling("warm-up", began, plan.warm_up / 2)
        running: set[asyncio.Task[None]] = set()
        first = self._arriving(world, running)
        await self._sampling("warm-up", began, plan.warm_up / 2)
        await _end(first)
        await self._sampling("closed", began, half)
        world.ended = True
        await asyncio.gather(*closed, return_exceptions=True)
        arriving = self._arriving(world, running)
        await self._sampling("open", began, half)
        await _end(arriving)
        # What arrived is answered: its money counts.
        await asyncio.gather(*running)
        self._broken += [
            f"{type(one.exception()).__name__}: {one.exception()}"
            for one in [*always, *closed, *first, *arriving]
            if one.done() and not one.cancelled() and one.exception() is not None
        ]
        await _end(always)

    def _arriving(self, world: World, running: set[asyncio.Task[None]]) -> list[asyncio.Task[None]]:
        """The open loop: `running` has what arrived and is not answered."""
        return [
            asyncio.create_task(actors.at_a_rate(world, act, share * self._plan.rate, running))
            for act, share in SHARES
        ]

    async def _sampling(self, phase: str, began: float, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            await asyncio.sleep(min(self._plan.window, left))
            if left < self._plan.window / 2:
                # Too short a window says nothing; what it saw is in the next one.
                return
            found = await sample(phase, began, self._pids, self._ports, self._database, self._meter.taken())
            self._samples.append(found)

    async def _follow(self, world: World, number: int) -> None:
        """One reader of the owner's events, who comes again when it is cut off."""
        port = self._ports[number % len(self._ports)]
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    head = f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {world.owner}\r\n"
                    writer.write(f"{head}Accept: text/event-stream\r\n\r\n".encode())
                    while line := await reader.readline():
                        self._followed += line.startswith(b"event: ")
                finally:
                    writer.close()
            await asyncio.sleep(1)

    async def _read(self, buying: Any) -> None:
        while line := await buying.stdout.readline():
            told = json.loads(line)
            self._bought.append(told)
            if "paid" in told:
                self._meter.count("paid on chain", told["paid"] / 1e3, 200, "")

    # The end

    async def _bought_all(self, buying: Any) -> dict[str, Any] | None:
        """What the process that bought says in the end; None when it broke."""
        if buying is None:
            return None
        buying.stdin.close()
        async with asyncio.timeout(60):
            await self._read(buying)
            await buying.wait()
        return self._bought[-1] if self._bought and "spent" in self._bought[-1] else None

    async def _drain(self) -> int:
        """Until nothing waits to be sent; how much still does after all patience."""
        ends = time.monotonic() + DRAIN_SECONDS
        while (left := (await self._database.queues())["outbox"]) and time.monotonic() < ends:
            await asyncio.sleep(0.5)
        return left

    async def _judge(
        self, world: World, receiver: Receiver, console: Console | None, chain: Any, left: int
    ) -> list[Verdict]:
        measured = [one for one in self._samples if one["phase"] != "warm-up"]
        verdicts: list[Verdict] = []
        for name in self._pids:
            seen = [one["processes"][name] for one in measured]
            # Pages of a file that grows are kept up to a bound of SQLite's own: filling it is no leak. The one
            # platform on a file is the only process that has any.
            kept = [one["megabytes"]["pages in memory"] if name == "platform" else 0.0 for one in measured]
            verdicts.append(
                memory(
                    name,
                    [
                        (one["at"], had["mb"] - pages)
                        for one, had, pages in zip(measured, seen, kept, strict=True)
                    ],
                    beside=f"; pages of the file {kept[0]:.0f} to {kept[-1]:.0f} MB" if any(kept) else "",
                )
            )
            verdicts.append(files(name, [had["files"] for had in seen]))
        for phase in ("closed", "open"):
            windows = [one["answers"] for one in measured if one["phase"] == phase]
            for kind in ("spend", "signed", "capture", "revoke", "list"):
                p95s = [one[kind]["p95"] for one in windows if kind in one]
                verdicts += [one for one in [latency(kind, f"{phase} loop", p95s)] if one is not None]
        for name in ("outbox", "relayer", "unknown", "lapsing"):
            lengths = [one["queues"][name] for one in measured]
            verdicts.append(queue(name, lengths, left if name == "outbox" else None))
        emitted = {(name, subject): state for name, subject, state in await self._database.rows(EVENTS)}
        verdicts += webhooks(emitted, receiver.got, receiver.unsigned)
        verdicts += money(await self._books(world))
        verdicts.append(await self._audited(world, emitted))
        if self._plan.chain:
            whole = chain is not None and chain["spent"] == round(float(chain["ledger"]) * actors.UNIT)
            found = (
                self._told_of_chain() if chain is None else f"paid {chain['spent']}, ledger {chain['ledger']}"
            )
            verdicts.append(
                Verdict("purchases on chain", "what was paid is what the ledger has", found, whole)
            )
        broken = [*world.wrong, *self._broken, *(console.problems if console else [])]
        verdicts.append(
            Verdict("answers that must not be", "none", ", ".join(broken[:5]) or "none", not broken)
        )
        bugs = sum(count for one in self._samples for code, count in one["codes"].items() if ": 500" in code)
        verdicts.append(Verdict("answers with status 500", "0", str(bugs), bugs == 0))
        return verdicts

    async def _books(self, world: World) -> list[tuple[int, int, int, int, int, int]]:
        rows = []
        for purse in world.purses:
            status, view = await self._asker.ask(
                "books", "GET", f"/agents/session/{purse.session_id}", world.owner
            )
            assert status == 200, view
            captured, held = (round(float(view[name]) * actors.UNIT) for name in ("spentUsdc", "heldUsdc"))
            rows.append((purse.budget, captured, held, purse.captured, purse.open, purse.unsure))
        return rows

    async def _audited(self, world: World, emitted: dict[tuple[str, str], str]) -> Verdict:
        """The audit log against the outbox and against what clients saw of holds."""
        kinds = {kind: int(count) for kind, count in await self._database.rows(AUDITED)}
        asked = sum(name == "approval.requested" for name, _ in emitted)
        told = kinds.get("approval_asked", 0)
        held = world.holds["held"] + world.holds["ordered"]
        unsure = sum(purse.unsure > 0 for purse in world.purses)
        in_log = kinds.get("hold_placed", 0) - len([one for one in self._bought if "paid" in one])
        found = f"{told} approvals asked in the log, {asked} webhooks; {in_log} holds in the log, {held} seen"
        holds = told == asked and held <= in_log <= held + unsure + 1
        return Verdict("the audit log agrees", "with the outbox, and with what clients saw", found, holds)

    def _told_of_chain(self) -> str:
        paid = [one["paid"] for one in self._bought if "paid" in one]
        if not paid:
            return "no purchase was paid"
        return f"{len(paid)} purchases paid and delivered, {sorted(paid)[len(paid) // 2]:,.0f} ms each until funded"

    def _mix(self) -> dict[str, Any]:
        plan = self._plan
        chain = (
            "one delegate buys, pays the escrow on the embedded chain, gets its delivery and releases, over and over"
            " (the chain does tens of transactions a second, so the others do not pay on chain)"
            if plan.chain
            else "nobody pays on chain"
        )
        told = (
            f"{plan.spenders} delegates at a time, over {plan.purses} sessions, hold money through `POST /spends`;"
            " seven of ten then report a payload as signed and capture, two void, one lets the hold lapse; a tenth of"
            " these sessions has a budget that runs out. Orders at the checkout are not paid and lapse."
            f" On chain, {chain}. Owners list, search and add up their sessions, make and revoke some, and answer"
            " approvals that a webhook tells them of. The closed loop thinks between its acts; the open loop is"
            f" {plan.rate:g} operations a second, whatever the answers do. The receiver answers 500 to one webhook in"
            " thirty, hangs for one in two hundred, and checks every signature."
        )
        return {
            "platforms": len(self._ports),
            "sessions": plan.sessions,
            "followers": plan.followers,
            "pages": len(PATHS) if plan.console else 0,
            "told": told,
        }


async def _end(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
