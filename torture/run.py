"""One run from its beginning to its verdict: platforms, world, clients and disturbances, then the checker."""

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import uvloop

from torture import checking, journal
from torture.arena import Arena, Caller, Ended
from torture.chaos import Chaos
from torture.clients import Client
from torture.clocks import Slots
from torture.facts import Facts
from torture.plan import CLIENTS, SESSIONS, Plan
from torture.serving import NOT_STARTED, Config
from torture.stores import Engine, engine
from torture.world import prepare

NOWHERE = "http://127.0.0.1:1"
ADDRESS = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
BACKLOG = 512
STOP_SECONDS = 30
_BUGS = ('"event": "bug"', "background_task_broke", "ended by itself", "broke: ")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run was, and every violation that it found."""

    plan: Plan
    store: str
    counts: Counter[str]
    facts: Facts
    violations: list[str]
    prepared_seconds: float
    checked_seconds: float


def torture(
    store: str, seconds: float, seed: int, *, racy: bool = False, sessions: int = SESSIONS
) -> Outcome:
    """Run and check. Raises Ended when the platforms stop answering before anything was disturbed."""
    with tempfile.TemporaryDirectory(prefix="valetkey-torture-") as name:
        folder = Path(name)
        database = engine(store, folder)
        try:
            plan = Plan(seed, seconds, database.processes, database.can_restart, sessions)
            return _tortured(database, folder, plan, racy=racy)
        finally:
            database.close()


def _tortured(database: Engine, folder: Path, plan: Plan, *, racy: bool) -> Outcome:
    slots_file, journal_file, log = folder / "slots", folder / "journal", folder / "log"
    slots = Slots(slots_file, plan.processes)
    began, clock = time.monotonic(), time.time()
    with _platforms(database, folder, slots_file, log, racy=racy) as ports:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            arena = runner.run(_prepare(plan, ports, journal_file))
            prepared = time.monotonic() - began
            runner.run(_fight(arena, slots, database))
    arena.journal.close()
    checked = time.monotonic()
    facts = database.read()
    with journal_file.open("rb") as lines:
        told = journal.read(lines)
    violations = checking.check(facts, told) + list(_bugs(log, can_miss=database.can_restart))
    if database.has_clock:
        violations += checking.placed_between(facts, clock, clock + time.monotonic() - began)
    return Outcome(plan, database.name, arena.counts, facts, violations, prepared, time.monotonic() - checked)


async def _prepare(plan: Plan, ports: list[int], path: Path) -> Arena:
    callers = [Caller(ports, random.Random(f"{plan.seed} prepare {number}")) for number in range(32)]
    free = asyncio.Queue[Caller]()
    for one in callers:
        free.put_nowait(one)

    async def ask(asked: bytes) -> tuple[int, bytes]:
        caller = await free.get()
        try:
            return await caller.insist(asked)
        finally:
            free.put_nowait(caller)

    world = await prepare(ask, plan.places)
    for one in callers:
        one.close()
    return Arena(plan, ports, journal.Journal(path), world)


async def _fight(arena: Arena, slots: Slots, database: Engine) -> None:
    arena.began = time.monotonic()
    clients = [Client(arena, number) for number in range(CLIENTS)]
    chaos = Chaos(arena, slots, database, clients)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(chaos.run())
            for one in clients:
                group.create_task(one.run())
    except* Ended as ended:
        arena.saw(f"UNEXPECTED: {ended.exceptions[0]}")


@contextmanager
def _platforms(database: Engine, folder: Path, slots: Path, log: Path, *, racy: bool) -> Iterator[list[int]]:
    """Platforms that are put up again whenever they die, behind listening sockets that stay."""
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) for _ in range(database.processes)]
    config = Config(
        racy=racy,
        slots=str(slots),
        listeners=[one.fileno() for one in listeners],
        environ=_environ(folder, database.url),
    )
    path = folder / "config.json"
    path.write_bytes(msgspec.json.encode(config))
    with log.open("wb") as file:
        nursery = subprocess.Popen(
            [sys.executable, "-m", "torture.serving", str(path)],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            pass_fds=config.listeners,
            cwd=Path(__file__).parents[1],
        )
        try:
            yield [one.getsockname()[1] for one in listeners]
        finally:
            assert nursery.stdin is not None
            nursery.stdin.close()
            nursery.wait(STOP_SECONDS)
            for one in listeners:
                one.close()


def _environ(folder: Path, url: str) -> dict[str, str]:
    network = {"network": "base-sepolia", "rpcUrl": NOWHERE}
    network |= {"escrow": ADDRESS, "score": ADDRESS, "usdc": ADDRESS}
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(os.urandom(32).hex())
    return {
        "VALETKEY_DATABASE": url,
        "VALETKEY_NETWORKS": json.dumps([network]),
        "VALETKEY_MASTER_SECRET_FILE": str(secret),
        "VALETKEY_WEBHOOK_SECRET_FILE": str(secret),
        "VALETKEY_TEST_MODE": "1",
        "VALETKEY_RECONCILE_SECONDS": "10",
    }


def _bugs(log: Path, *, can_miss: bool) -> Iterator[str]:
    """What the platforms themselves call a bug, and whatever ended one of them that nobody killed.

    can_miss: the database was not always there.
    """
    missed = (f"ended by itself: {NOT_STARTED}", "StoreFailed at ") if can_miss else ()
    with log.open("r", errors="replace") as lines:
        for line in lines:
            told = line.strip()
            if any(one in told for one in _BUGS) and not any(one in told for one in missed):
                yield f"PLATFORM: {told[:300]}"
