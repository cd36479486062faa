"""What goes on by itself on Solana: payments sent until they are proven, sessions ended, what was taken seen.

Any number of processes may do it on one file; one at a time does.
"""

import time
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from valetkey.core.errors import EnvironmentFailure
from valetkey.core.session import ends_at
from valetkey.core.spend import HoldState
from valetkey.engine.lapsing import Lapsing
from valetkey.engine.unknowns import Unknowns
from valetkey.ports.accounts import SessionQuery, SessionRecord
from valetkey.ports.ledger import SpendQuery, SpendRecord
from valetkey.ports.wallet import CallReverts
from valetkey.sdk.manager.keeping import Kept
from valetkey.sdk.manager.marks import Marks, Opened, Over, Presigned
from valetkey.sdk.manager.on_solana import OnSolana
from valetkey.sdk.manager.watching import Watching

RESEND_SECONDS = 2.0
PAGE = 1_000
ENDED, LIVING = ("revoked", "expired"), ("active", "exhausted", "paused", "pending")


class Stepping:
    """One manager's share of the work."""

    def __init__(self, local: OnSolana, kept: Kept, marks: Marks, watching: Watching) -> None:
        self._local = local
        self._kept = kept
        self._marks = marks
        self._watching = watching
        self._turn = local.turn("step")
        self._sent = dict[str, float]()
        self._over = set[str]()
        told = local.observer
        self._unknowns = Unknowns(
            local.store,
            local.store,
            {local.chain.chain_id: local.reader},
            observer=lambda what, record: told(what, record.hold.id),
        )
        self._lapsing = Lapsing(local.store, lambda hold_id: told("lapsed", hold_id))

    async def step(self) -> bool:
        """Bring everything a step further; False when another process is doing that now. Raises ChainUnavailable."""
        with self._turn.tried() as ours:
            if ours:
                await self._round()
            return ours

    def alone(self) -> AbstractAsyncContextManager[None]:
        """Nobody steps meanwhile."""
        return self._turn.alone()

    async def send(self, held: SpendRecord) -> str | None:
        """Send a signed payment, or prove what became of it; why the programs refuse it, when they do."""
        local, payment = self._local, held.payment
        if payment is None or held.hold.state is not HoldState.UNKNOWN:
            return None
        now = time.monotonic()
        try:
            record = await local.store.session(held.hold.session_id)
            assert record is not None
            is_over = any(one.revoked_at is not None for one in (record.session, *record.ancestors))
            just_sent = (
                payment.reference in self._sent and now - self._sent[payment.reference] < RESEND_SECONDS
            )
            if is_over or just_sent:
                slot = await local.delegations.landed(payment.payload)
                sent = None if slot is None else await local.delegations.send(payment.payload)
            else:
                sent = await local.delegations.send(payment.payload)
                if sent is None and payment.reference is not None:
                    self._sent[payment.reference] = now
        except CallReverts as refused:
            # Unless it lands after all, it is proven in time that it never did.
            return str(refused)
        if sent is not None and sent.is_final:
            self._sent.pop(payment.reference or "", None)
            await self._unknowns.look(held)
        return None

    async def open(self) -> int:
        """How many payments are signed and not proven, and sessions to be ended."""
        local = self._local
        _, count = await local.store.spends(SpendQuery(local.owner_id, None, HoldState.UNKNOWN, 1, 0))
        return count + len(await self.to_end())

    async def is_ended(self, record: SessionRecord) -> bool:
        """Whether a final block says that the key can move nothing; one whose account was never opened never could."""
        session_id = record.session.id
        if session_id in self._over:
            return True
        if await self._marks.get(session_id, Over) is None:
            return False
        self._over.add(session_id)
        return True

    async def to_end(self) -> list[SessionRecord]:
        """Sessions that are over here and not on chain."""
        found = list[SessionRecord]()
        for status in ENDED:
            query = SessionQuery(self._local.owner_id, status=status, limit=PAGE)
            while page := await self._kept.listed(query):
                # Another token's are ended by a manager of that token: here their accounts would not be found.
                here = [one for one in page if self._kept.is_here(one)]
                found += [one for one in here if not await self.is_ended(one)]
                query = replace(query, offset=query.offset + PAGE)
        return found

    # Inside

    async def _round(self) -> None:
        local = self._local
        for record in await self.to_end():
            try:
                await self._end(record)
            except (EnvironmentFailure, CallReverts):
                # A node that is away, or an owner without lamports: the others are ended, and this one next time.
                local.observer("not ended", record.session.id)
        query = SpendQuery(local.owner_id, None, HoldState.UNKNOWN, PAGE, 0)
        page, _ = await local.store.spends(query)
        for held in page:
            if held.hold.request.amount.asset == local.asset:
                await self.send(held)
        await self._unknowns.step()
        while await self._lapsing.step():
            continue
        for status in LIVING:
            listing = SessionQuery(local.owner_id, status=status, limit=PAGE)
            while records := await self._kept.listed(listing):
                await self._watching.changed([one for one in records if self._kept.is_here(one)])
                listing = replace(listing, offset=listing.offset + PAGE)

    async def _end(self, record: SessionRecord) -> None:
        """End a session on chain, by what was signed for that in advance; and see what it took until then."""
        local, session = self._local, record.session
        assert record.wallet_address is not None
        if await self._marks.get(session.id, Opened) is None:
            (state,) = await local.delegations.states([record.wallet_address])
            if not state.exists:
                await self._marks.keep(session.id, Over(None, state.slot, local.clock.now(), 0))
                return
        presigned = await self._marks.get(session.id, Presigned)
        done = await local.delegations.end(
            record.wallet_address, None if presigned is None else presigned.payment.encode()
        )
        # The revocation is final, and so is all that came before it.
        await self._watching.look(record)
        over = min(filter(None, (session.revoked_at, ends_at(session, record.ancestors))))
        late = max(0, done.at - over)
        await self._marks.keep(session.id, Over(done.signature, done.slot, done.at, late))
        local.observer("ended", f"{session.id} {late}")
