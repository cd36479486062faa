"""What goes on by itself: transactions sent, blocks followed, what is unknown proven. Here, while somebody waits.

Any number of processes may drive one file; one at a time does, and the others wait for what it brings about.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from valetkey.engine.drawing import Drawing
from valetkey.engine.following import Follower
from valetkey.engine.lapsing import Lapsing
from valetkey.engine.relaying import Relayer
from valetkey.engine.revoking import Revoking
from valetkey.engine.settlement import Settlement
from valetkey.engine.unknowns import Unknowns
from valetkey.ports.ledger import SpendRecord
from valetkey.ports.sender import ChainSender
from valetkey.sdk.manager.on_evm import OnEvm
from valetkey.sdk.manager.top_ups import TopUps
from valetkey.sdk.manager.waiting import until

LEASE_SECONDS = 2
"""One process drives at a time: who waits looks at what is unknown every so often."""


class Driver:
    """One manager's share of the work."""

    def __init__(self, local: OnEvm) -> None:
        self._local = local
        self._turn = local.turn("step")
        told = local.observer
        chain_id, store = local.chain.chain_id, local.store
        senders = {one.address: one for one in (local.owner_sender, local.sender)}
        self._relayers = [self._relayer(one) for one in senders.values()]
        self._follower = Follower(
            store,
            Settlement(store, store, store.clock),
            local.reader,
            local.asset,
            local.contract,
            observer=told,
            brought=TopUps(store).is_one,
        )
        self._revoking = Revoking(
            store, local.sender, chain_id, store.clock, observer=lambda whom: told("revoking", whom)
        )
        self._unknowns = Unknowns(
            store,
            store,
            {chain_id: local.reader},
            observer=lambda what, record: told(what, record.hold.id),
            following=store,
            contracts={chain_id: local.contract},
            lease_seconds=LEASE_SECONDS,
        )
        self._lapsing = Lapsing(store, lambda hold_id: told("lapsed", hold_id))

    @property
    def drawing(self) -> Drawing:
        """What writes payments down and queues them."""
        local = self._local
        return Drawing(local.store, local.sender, local.limits, local.clock, lambda: None)

    async def step(self) -> bool:
        """Bring everything a step further; False when another process is doing that now. Raises ChainUnavailable."""
        with self._turn.tried() as ours:
            if ours:
                await self.round()
            return ours

    async def round(self) -> None:
        """As `step`, for who has the turn already."""
        await self._revoking.step()
        # The second look is for chains that make a block for each transaction.
        for relayer in (*self._relayers, *self._relayers):
            await relayer.step()
        while await self._follower.step():
            continue
        await self._unknowns.step()
        while await self._lapsing.step():
            continue

    async def look(self, held: SpendRecord) -> None:
        """Ask the chain now what became of a payment that others send; nothing while that proves nothing."""
        await self._unknowns.look(held)

    async def open(self) -> int:
        """How many transactions are under way."""
        store, chain_id = self._local.store, self._local.chain.chain_id
        senders = {self._local.sender.address, self._local.owner_sender.address}
        return sum([len(await store.open_relays(chain_id, one, 1_000)) for one in senders])

    async def until(self, there: Callable[[], Awaitable[bool]], seconds: float) -> bool:
        """Drive until it is there; False when that took too long. Raises what a node that stays away raised last."""
        return await until(there, self.step, seconds)

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Nobody drives meanwhile."""
        return self._turn.alone()

    def _relayer(self, sender: ChainSender) -> Relayer:
        local = self._local
        return Relayer(
            local.store,
            sender,
            local.reader,
            local.chain.chain_id,
            local.clock,
            fee_wei_max=local.fee_wei_max,
            observer=lambda what, relay: local.observer(what, relay.purpose),
        )
