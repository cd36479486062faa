"""Owners who are signed in: an agent of the SDK for each API key, shared by its sittings, and its feed of events."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from typing import Any

from valetkey.core.errors import ValetkeyError
from valetkey.crypto.secret import Secret
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.studio.feed import Feed
from valetkey.studio.pace import Pace
from valetkey.studio.plan import Plan
from valetkey.studio.standing import Standing
from valetkey.wire.agents import OwnerView
from valetkey.wire.audit import Event
from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import SessionPage

log = logging.getLogger(__name__)

SIGN_OUT_SECONDS = 10.0
"""How long ending a key may take; it ends by itself in any case."""


class Owner:
    """One API key and what is open for it. The key is in the agent's connection, and nowhere else.

    ends_key: the key came by a sign-in of the owner's wallet, for a sitting here, and ends with it.
    """

    def __init__(
        self, agent: AsyncBuyerAgent, told: OwnerView, name: bytes, *, ends_key: bool = False
    ) -> None:
        self.agent = agent
        self.ends_key = ends_key
        self.wallet = told.wallet_address
        self.standing = Standing(agent, told)
        self.name = name
        self.feed = Feed(agent)
        self.pace = Pace()
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
            owner = self._open.get(_name(key))
            if owner is None:
                owner = self._began(Owner(agent, told, _name(key)))
                kept = True
            owner.sittings += 1
            return owner
        finally:
            if not kept:
                await agent.close()

    async def enter_signed(self, agent: AsyncBuyerAgent) -> Owner:
        """The owner whose wallet has just signed in with this agent: its key is one sitting's, and ends with it.

        Raises what the SDK raises; the key is then ended at once.
        """
        assert agent.api_key is not None, "a sign-in brings a key"
        told: OwnerView | None = None
        try:
            told = await agent.itself()
        finally:
            if told is None:
                await _end_key(agent)
                await agent.close()
        owner = self._began(Owner(agent, told, _name(agent.api_key), ends_key=True))
        owner.sittings += 1
        return owner

    async def leave(self, owner: Owner) -> None:
        """One sitting less; after the last one its connections are closed, and a key that was made for it is ended."""
        owner.sittings -= 1
        if owner.sittings == 0:
            del self._open[owner.name]
            await owner.feed.stop()
            owner.standing.stop()
            if owner.ends_key:
                await _end_key(owner.agent)
            await owner.agent.close()

    def _began(self, owner: Owner) -> Owner:
        self._open[owner.name] = owner
        owner.feed.start(lambda: self._gone(owner))
        return owner


def _name(key: Secret) -> bytes:
    return hashlib.sha256(key.reveal().encode()).digest()


async def _end_key(agent: AsyncBuyerAgent) -> None:
    try:
        async with asyncio.timeout(SIGN_OUT_SECONDS):
            await agent.sign_out()
    except (ValetkeyError, TimeoutError) as error:
        log.warning("the key of a sitting that is over ends by itself: %s", error or type(error).__name__)
