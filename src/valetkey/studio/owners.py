"""Owners who are signed in: an agent of the SDK for each API key, shared by its sittings, and its feed of events."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Any

from valetkey.core.errors import ValetkeyError
from valetkey.crypto.secret import Secret
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.studio.feed import Feed
from valetkey.studio.pace import Pace
from valetkey.studio.plan import Plan
from valetkey.studio.recent import Recent
from valetkey.studio.standing import Standing
from valetkey.studio.unknowns import Unknowns
from valetkey.wire.agents import OwnerView
from valetkey.wire.audit import Event
from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import SessionPage


class Owner:
    """One API key and what is open for it. The key is in the agent's connection, and nowhere else."""

    def __init__(self, agent: AsyncBuyerAgent, told: OwnerView, name: bytes) -> None:
        self.agent = agent
        self.wallet = told.wallet_address
        self.standing = Standing(agent, told)
        self.name = name
        self.feed = Feed(agent)
        self.pace = Pace()
        self.recent = Recent()
        self.unknowns = Unknowns(agent)
        self.since = time.time()
        self.sittings = 0
        self._news = 0
        self._pages: dict[str, tuple[int, asyncio.Future[SessionPage]]] = {}
        self.feed.listen(self._hear)
        self._networks: dict[int, NetworkView] | None = None

    async def networks(self) -> dict[int, NetworkView]:
        """What the platform serves, by the numbers of the chains. Raises what the SDK raises."""
        if self._networks is None:
            self._networks = {one.chain_id: one for one in await self.agent.networks()}
        return self._networks

    async def sessions(self, asked: dict[str, Any]) -> SessionPage:
        """A page of sessions. Pages of the studio that look at the same thing after the same news ask once."""
        name = repr(sorted(asked.items()))
        known = self._pages.get(name)
        if known is not None and known[0] == self._news and not known[1].cancelled():
            return await asyncio.shield(known[1])
        self._pages = {one: at for one, at in self._pages.items() if at[0] == self._news}
        asking = asyncio.ensure_future(self.agent.list_sessions(**asked))
        self._pages[name] = (self._news, asking)
        try:
            return await asyncio.shield(asking)
        except ValetkeyError:
            self._pages.pop(name, None)
            raise

    def changed(self) -> None:
        """Something was done here: what was asked before is old."""
        self._news += 1

    def _hear(self, event: Event | None) -> None:
        self._news += 1
        self.recent.hear(event)
        self.unknowns.hear(event)
        self.standing.hear(event)

    def __repr__(self) -> str:
        return f"<Owner {self.wallet}>"


class Owners:
    """Opens and closes them. `gone` is called with an owner whose key opens nothing any more."""

    def __init__(self, plan: Plan, gone: Callable[[Owner], None]) -> None:
        self._plan = plan
        self._gone = gone
        self._open: dict[bytes, Owner] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def enter(self, key: Secret) -> Owner:
        """The owner of a key, asked for on the platform each time. Raises Unauthenticated and what the SDK raises."""
        agent = AsyncBuyerAgent(key, base_url=self._plan.base_url, state_dir=self._plan.state_dir)
        kept = False
        try:
            told = await agent.itself()
            name = hashlib.sha256(key.reveal().encode()).digest()
            owner = self._open.get(name)
            if owner is None:
                owner = self._open[name] = Owner(agent, told, name)
                kept = True
                owner.feed.start(lambda: self._gone(owner))
            owner.sittings += 1
            return owner
        finally:
            if not kept:
                await agent.close()

    async def leave(self, owner: Owner) -> None:
        """One sitting less; after the last one its connections are closed."""
        owner.sittings -= 1
        if owner.sittings == 0:
            del self._open[owner.name]
            await owner.feed.stop()
            owner.standing.stop()
            await owner.agent.close()
