"""The disturbances of a run, at their times: kills, restarts, jumping clocks, and what the owner does meanwhile."""

import asyncio
import json
import os
import random
import signal
from collections.abc import Sequence

from torture.arena import Arena, Caller
from torture.clients import Client
from torture.clocks import Slots
from torture.connection import request
from torture.plan import HOUR_SECONDS, JUMPS_MAX, Event
from torture.stores import Engine
from valetkey.crypto.keys import PrivateKey

FROZEN_SECONDS = 0.3
START_SECONDS = 30.0
GRACE_SECONDS = 60


class Chaos:
    """Does what the plan says. What the owner asks for waits for its answer beside the next disturbances."""

    def __init__(self, arena: Arena, slots: Slots, engine: Engine, clients: Sequence[Client]) -> None:
        self._arena = arena
        self._slots = slots
        self._engine = engine
        self._clients = clients
        self._numbers = iter(range(10**9))

    async def run(self) -> None:
        """All events of the plan, in their order, and what they began."""
        async with asyncio.TaskGroup() as owner:
            for event in self._arena.plan.events():
                await asyncio.sleep(max(0.0, event.at - self._arena.now()))
                self._arena.counts[event.what] += 1
                if event.what == "kill":
                    await self._kill(event.target)
                elif event.what == "jump_server":
                    self._jump(event)
                elif event.what == "jump_client":
                    self._clients[event.target].clock_seconds = event.value
                elif event.what == "restart_database":
                    await asyncio.to_thread(self._engine.restart, event.value)
                else:
                    owner.create_task(getattr(self, f"_{event.what}")(event))

    async def _kill(self, slot: int) -> None:
        """kill -9, in the middle of whatever it does; one that is just starting is killed when it has begun."""
        deadline = self._arena.now() + START_SECONDS
        while not (pid := self._slots.process(slot)):
            if self._arena.now() > deadline:
                self._arena.saw(f"UNEXPECTED: platform {slot} did not start again")
                return
            await asyncio.sleep(0.01)
        os.kill(pid, signal.SIGKILL)

    def _jump(self, event: Event) -> None:
        hours = self._slots.offset(event.target) + event.value
        self._slots.set_offset(event.target, max(-HOUR_SECONDS, min(hours, JUMPS_MAX * HOUR_SECONDS)))

    async def _ask(
        self, method: str, path: str, body: bytes = b"", key: str | None = None
    ) -> tuple[int, bytes]:
        caller = Caller(
            self._arena.ports, random.Random(f"{self._arena.plan.seed} owner {next(self._numbers)}")
        )
        try:
            return await caller.insist(request(method, path, self._arena.world.api_key, body, key))
        finally:
            caller.close()

    def _expect(self, what: str, status: int, *allowed: int) -> bool:
        if status not in (200, 201, *allowed):
            self._arena.saw(f"UNEXPECTED: {what} was answered {status}")
        return status in (200, 201)

    async def _revoke(self, event: Event) -> None:
        session_id = self._arena.world.places[event.target].session_id
        status, _ = await self._ask("DELETE", f"agents/session/{session_id}")
        if self._expect("revoke", status):
            self._arena.journal.write("stop", session_id, self._arena.now(), float(2**31))

    async def _pause(self, event: Event) -> None:
        session_id = self._arena.world.places[event.target].session_id
        status, _ = await self._ask("POST", f"agents/session/{session_id}/pause")
        since = self._arena.now()
        await asyncio.sleep(FROZEN_SECONDS)
        until = self._arena.now()
        if self._expect("pause", status):
            self._arena.journal.write("stop", session_id, since, until)
        status, _ = await self._ask("POST", f"agents/session/{session_id}/resume")
        self._expect("resume", status)

    async def _freeze(self, _: Event) -> None:
        status, _body = await self._ask("POST", "agents/sessions/freeze")
        since = self._arena.now()
        await asyncio.sleep(FROZEN_SECONDS)
        until = self._arena.now()
        if self._expect("freeze", status):
            self._arena.journal.write("stop", "", since, until)
        status, _body = await self._ask("POST", "agents/sessions/thaw")
        self._expect("thaw", status)

    async def _extend(self, event: Event) -> None:
        """A larger budget for a place that has one: who fights for the rest of it gets more to fight for."""
        place = self._arena.world.places[event.target]
        if place.budget is None:
            return
        place.budget += event.value
        body = json.dumps({"budgetUsdc": place.budget / 1_000_000}).encode()
        status, _ = await self._ask("POST", f"agents/session/{place.session_id}/extend", body)
        # It may have been revoked, or rotated just now.
        self._expect("extend", status, 401, 409)

    async def _rotate(self, event: Event) -> None:
        """New keys for a place, whose old token goes on for a while. The same key is answered the same token."""
        place = self._arena.world.places[event.target]
        key = PrivateKey.generate()
        wanted = {"sessionWallet": key.address, "graceSeconds": GRACE_SECONDS, "carryOver": event.value != 0}
        asked = (
            "POST",
            f"agents/session/{place.session_id}/rotate",
            json.dumps(wanted).encode(),
            f"rotate-{next(self._numbers)}",
        )
        status, body = await self._ask(*asked)
        if not self._expect("rotate", status, 409):
            return
        if event.value == 1:
            status, again = await self._ask(*asked)
            if again != body:
                self._arena.saw(
                    f"IDEMPOTENT: a rotation of {place.session_id} was answered differently again"
                )
        data = json.loads(body)["data"]
        place.old_token, place.token = place.token, data["token"]
        place.session_id, place.key = data["sessionId"], key
