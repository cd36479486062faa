"""Allotments kept: what a session's key moved is in the ledger, and a session that is over is revoked on its cluster.

The revocation was signed by the owner in advance, and is submitted before anything else is looked at: the ledger can be
told of what moved afterwards, the money cannot be fetched back.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from valetkey.core.commands import Capture
from valetkey.core.errors import Contradiction, EnvironmentFailure
from valetkey.core.ids import Kind, make_id
from valetkey.core.money import CURRENCY_DECIMALS, Asset, Money, rescale
from valetkey.core.refusal import Refused
from valetkey.core.session import Lineage
from valetkey.core.spend import HoldState, SpendRequest
from valetkey.core.transaction import Party
from valetkey.crypto.keys import keccak256
from valetkey.ports.accounts import AccountStore, SessionRecord
from valetkey.ports.allotments import (
    Allotment,
    AllotmentChain,
    AllotmentEnd,
    AllotmentStore,
    Moved,
    RevocationDead,
)
from valetkey.ports.clock import Clock
from valetkey.ports.ledger import LedgerStore, Spend
from valetkey.ports.wallet import CallReverts
from valetkey.ports.watching import begin_round

BATCH = 50
LEASE_SECONDS = 45
"""For how long nobody else looks at what is looked at here: longer than one try to revoke."""

LOOKING_MAX = 8
RETRY_SECONDS = 2
"""After how long what did not work is tried again, for a session that is over."""

MOVED = "allotment"
"""The operation of what a key moved without asking."""

Observer = Callable[[str, Allotment], None]
"""Told of each outcome: `revoked`, or `closed` when somebody else had done it, `dead`, `waits` and `unavailable`;
`unasked` for money that the key moved around the gate, and `captured` for money that a hold stood for."""

Ended = Callable[[Allotment, AllotmentEnd], None]


class AllotmentStores(AllotmentStore, AccountStore, LedgerStore, Protocol):
    """What is asked and written."""


class AllotmentKeeper:
    """One cluster. Any number of replicas may run it: an allotment is leased, and a revocation done twice is one."""

    def __init__(
        self,
        store: AllotmentStores,
        chain: AllotmentChain,
        asset: Asset,
        clock: Clock,
        *,
        poll_seconds: int,
        observer: Observer,
        ended: Ended,
    ) -> None:
        """`poll_seconds`: how often an open account is looked at. `ended` is told of each end that is recorded here."""
        self._store = store
        self._chain = chain
        self._asset = asset
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._observer = observer
        self._ended = ended
        self._looking = asyncio.Semaphore(LOOKING_MAX)

    async def run(self, interval_seconds: float) -> None:
        """Run until cancelled; looks every so often, and at once while there is more that is due."""
        while True:
            begin_round()
            if not await self.step():
                await asyncio.sleep(interval_seconds)

    async def step(self) -> bool:
        """Look a batch up. Whether more is due."""
        due = await self._store.allotments_due(self._asset.chain_id, BATCH, LEASE_SECONDS)
        looks = await asyncio.gather(*map(self._look, due), return_exceptions=True)
        # A bug with one account: the others are finished before it is told.
        for done in looks:
            if isinstance(done, BaseException):
                raise done
        return len(due) == BATCH

    async def _look(self, allotment: Allotment) -> None:
        record = await self._store.session(allotment.session_id)
        assert record is not None, "an allotment is of a session that is there"
        assert record.wallet_address is not None, "an allotment is given to a key"
        async with self._looking:
            line, now = (record.session, *record.ancestors), self._clock.now()
            due_at = over_since(line, now)
            again_at = now + RETRY_SECONDS
            if due_at is None:
                again_at = min(now + self._poll_seconds, min(one.policy.expires_at for one in line))
            try:
                if due_at is None:
                    await self._watch(allotment, record, record.wallet_address, again_at)
                else:
                    await self._end(allotment, record, record.wallet_address, due_at, again_at)
            except (EnvironmentFailure, CallReverts, Contradiction):
                # Of a cluster that refuses: somebody closed the account meanwhile, which the next look shows.
                self._observer("unavailable", allotment)
                await self._again(allotment, again_at)

    async def _watch(self, allotment: Allotment, record: SessionRecord, key: str, again_at: int) -> None:
        seen = await self._follow(allotment, record, key)
        state = await self._chain.state(allotment, key)
        is_dead = state.delegated > 0 and not state.is_alive
        if is_dead and not allotment.is_dead:
            self._observer("dead", allotment)
        await self._store.allotment_looked_at(allotment, look_at=again_at, seen=seen, is_dead=is_dead)

    async def _end(
        self, allotment: Allotment, record: SessionRecord, key: str, due_at: int, again_at: int
    ) -> None:
        end: AllotmentEnd | None = None
        is_dead = False
        try:
            end = await self._chain.revoke(allotment, due_at)
        except RevocationDead:
            is_dead = True
        seen = await self._follow(allotment, record, key)
        if end is not None:
            if await self._store.end_allotment(allotment, end, seen=seen):
                self._observer("closed" if end.signature is None else "revoked", allotment)
                self._ended(allotment, end)
            return
        if is_dead:
            # Nothing can be done but to see whether its owner does something.
            again_at = self._clock.now() + self._poll_seconds
            if not allotment.is_dead:
                self._observer("dead", allotment)
        else:
            self._observer("waits", allotment)
        await self._store.allotment_looked_at(allotment, look_at=again_at, seen=seen, is_dead=is_dead)

    async def _again(self, allotment: Allotment, look_at: int) -> None:
        await self._store.allotment_looked_at(
            allotment, look_at=look_at, seen=allotment.seen, is_dead=allotment.is_dead
        )

    async def _follow(self, allotment: Allotment, record: SessionRecord, key: str) -> str | None:
        """Tell the ledger what the key moved; the newest transaction that it knows now."""
        moves, seen = await self._chain.moved(allotment, key)
        for one in moves:
            if not await self._is_asked_for(allotment, record, one):
                await self._debit(allotment, one, one.units)
        return seen

    async def _is_asked_for(self, allotment: Allotment, record: SessionRecord, moved: Moved) -> bool:
        """Whether a hold stands for it; what passes that hold is debited beside it."""
        spend = await self._store.spend_of_reference(allotment.session_id, moved.signature)
        if spend is None or spend.hold.request.amount.asset != self._asset:
            return False
        decimals = CURRENCY_DECIMALS[self._asset.currency]
        units = rescale(moved.units, self._asset.decimals, decimals, up=True)
        limits = record.session.policy.limits(self._asset.currency)
        counted = units if limits is None else limits.counted(units)
        hold = spend.hold
        if hold.state is not HoldState.CAPTURED:
            if counted < hold.amount:
                # Less than was held is given back by whoever proves that nothing else was signed: the hold stays.
                return hold.state is HoldState.UNKNOWN
            done = await self._store.settle(hold.id, Capture(counted), by=str(Party.PLATFORM))
            if isinstance(done, Refused):
                return False
            self._observer("captured", allotment)
            return True
        beyond = units - hold.captured
        if beyond > 0:
            await self._debit(allotment, moved, rescale(beyond, decimals, self._asset.decimals, up=True))
        return True

    async def _debit(self, allotment: Allotment, moved: Moved, units: int) -> None:
        hold_id = observed_id(allotment, moved.signature)
        known = await self._store.spend_record(hold_id)
        request = SpendRequest(Money(units, self._asset), None, moved.payee, MOVED)
        spend = Spend(allotment.session_id, hold_id, request, 0, moved.signature)
        await self._store.observe(spend, by=str(Party.PLATFORM))
        if known is None:
            self._observer("unasked", allotment)


def over_since(line: Lineage, now: int) -> int | None:
    """Since when a session is over, by itself or by one above it; None while it is not. Unix seconds."""
    ends = [one.policy.expires_at for one in line if one.policy.expires_at <= now]
    ends += [one.revoked_at for one in line if one.revoked_at is not None]
    return min(ends, default=None)


def observed_id(allotment: Allotment, signature: str) -> str:
    """The hold of money that nobody asked for: the same for the same transaction."""
    named = f"{allotment.chain_id} {allotment.account} {signature}"
    return make_id(Kind.HOLD, keccak256(named.encode("ascii")).hex()[:32])
