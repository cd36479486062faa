"""Follows the chain: proves or ends every open payment, and keeps settled ones in step with their escrow.

No client is needed for it: a purchase whose delegate died, or whose session ended, is settled here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from valetkey.core.errors import EnvironmentFailure, ValetkeyError
from valetkey.core.escrow import Escrow, EscrowStatus
from valetkey.core.refusal import Refused
from valetkey.core.spend import HoldState
from valetkey.core.transaction import Party, PaymentStatus, Transaction, TransactionStatus
from valetkey.engine.funding import acted, same_address, unlike
from valetkey.engine.settlement import Settlement
from valetkey.ports.chain import Block, ChainReader
from valetkey.ports.ledger import LedgerStore, Waiting
from valetkey.ports.watching import begin_round

BATCH = 50
"""How many transactions of each kind are looked up before the reconciler asks anew what is due."""

LEASE_SECONDS = 30
"""For how long no other platform on the same database looks at what is looked at here."""

LOOKING_MAX = 8
"""Look-ups that may be under way at once: a slow node does not stand them in a row."""

LOOKS_PER_SECOND = 50
"""Look-ups that begin within a second, at most, of all nodes together."""

INTERVAL_SECONDS = 15.0

PENDING_PAUSE_SECONDS_MAX = 30
UNSETTLED_PAUSE_SECONDS_MAX = 5 * 60
ENDED_PAUSE_SECONDS_MAX = 6 * 3_600

PATIENCE = 8
"""A pause is an eighth of the time since something happened: what is old can wait a little longer."""

Observer = Callable[[str, Transaction], None]
"""Told of each outcome (`captured`, `expired`, `released`, ...), of each look-up that failed (`failed`), and of a
paid escrow that is gone from the chain (`vanished`: a reorganisation; somebody has to look, nothing is changed)."""


class Reconciler:
    """Looks escrows up at final blocks only, so that what it writes stays true.

    `readers` are by network name; a transaction of a network that is not served any more waits.
    """

    def __init__(
        self,
        ledger: LedgerStore,
        settlement: Settlement,
        readers: Mapping[str, ChainReader],
        *,
        observer: Observer,
        looks_per_second: int = LOOKS_PER_SECOND,
    ) -> None:
        self._ledger = ledger
        self._settlement = settlement
        self._readers = readers
        self._observer = observer
        self._spacing = 1 / looks_per_second
        self._next_look = 0.0
        self._looking = asyncio.Semaphore(LOOKING_MAX)
        self._away_until: dict[str, float] = {}

    async def run(self, interval_seconds: float) -> None:
        """Run until cancelled; looks every so often, and at once while there is more that is due."""
        while True:
            begin_round()
            if not await self.step(interval_seconds):
                await asyncio.sleep(interval_seconds)

    async def step(self, interval_seconds: float = INTERVAL_SECONDS) -> bool:
        """Look a batch up: payments that wait for proof, and escrows that may have changed. Whether more is due.

        What still waits comes again after the interval at the earliest; see `pause_seconds`.
        """
        waiting = await self._ledger.awaiting_proof(BATCH, LEASE_SECONDS)
        unsettled = await self._ledger.unsettled(BATCH, LEASE_SECONDS)
        finals = await self._finals([*waiting, *unsettled], interval_seconds)
        looks = [self._look(one, finals, self._prove, interval_seconds) for one in waiting]
        looks += [self._look(one, finals, self._follow, interval_seconds) for one in unsettled]
        # A bug with one transaction: the others are finished before it is told.
        for done in await asyncio.gather(*looks, return_exceptions=True):
            if isinstance(done, BaseException):
                raise done
        return BATCH in (len(waiting), len(unsettled))

    async def _finals(self, due: Sequence[Waiting], interval_seconds: float) -> dict[str, Block]:
        """The final block of each network that something is due on; a network that is away is missing."""
        finals: dict[str, Block] = {}
        now = asyncio.get_running_loop().time()
        for network, first in {one.transaction.network: one.transaction for one in reversed(due)}.items():
            reader = self._readers.get(network)
            if reader is None or now < self._away_until.get(network, 0):
                continue
            try:
                finals[network] = await reader.final()
            except EnvironmentFailure:
                # Left alone for an interval, so that it costs the other networks no time.
                self._away_until[network] = now + interval_seconds
                self._observer("unavailable", first)
        return finals

    async def _look(
        self, waiting: Waiting, finals: Mapping[str, Block], look: "_Look", interval_seconds: float
    ) -> None:
        transaction = waiting.transaction
        reader, final = self._readers.get(transaction.network), finals.get(transaction.network)
        soon = waiting.now + max(1, int(interval_seconds))
        if reader is not None and final is None:
            await self._ledger.looked_up(transaction.id, soon)
            return
        # Written before the look: what happens meanwhile may bring the next one forward.
        await self._ledger.looked_up(transaction.id, waiting.now + pause_seconds(waiting, interval_seconds))
        if reader is None or final is None:
            return
        outcome: str | Refused | None
        async with self._looking:
            await self._pace()
            try:
                escrow = await reader.escrow(transaction.id, at_block=final.number)
                outcome = await look(transaction, escrow, final, reader)
            except EnvironmentFailure:
                # Nothing is lost: what waits stays held.
                await self._ledger.looked_up(transaction.id, soon)
                outcome = "unavailable"
            except ValetkeyError:
                # One transaction that contradicts itself must not stop the others from being settled.
                outcome = "failed"
        if isinstance(outcome, Refused):
            # Somebody else took the step between the look-up and the write.
            outcome = "raced"
        if outcome is not None:
            self._observer(outcome, transaction)

    async def _pace(self) -> None:
        """Wait for a place among the looks of this second."""
        now = asyncio.get_running_loop().time()
        begins = max(self._next_look, now)
        self._next_look = begins + self._spacing
        await asyncio.sleep(begins - now)

    async def _prove(
        self, transaction: Transaction, escrow: Escrow | None, final: Block, reader: ChainReader
    ) -> str | Refused | None:
        if escrow is not None and await unlike(reader, transaction, escrow) is None:
            done = await self._settlement.funded(transaction, escrow, None, Party.PLATFORM)
            return done if isinstance(done, Refused) else "captured"
        if final.timestamp < transaction.checkout_ends_at:
            return None
        if escrow is not None and _buyer_paid(transaction, escrow) and await acted(reader, transaction):
            if await self._is_captured(transaction):
                return None
            done = await self._settlement.ended_mispaid(transaction, escrow)
            return done if isinstance(done, Refused) else "mispaid"
        if transaction.status is not TransactionStatus.PENDING:
            return None
        done = await self._settlement.ended_unpaid(transaction, final.timestamp)
        return done if isinstance(done, Refused) else "expired"

    async def _is_captured(self, transaction: Transaction) -> bool:
        """Whether what was paid wrongly is debited already; nobody's session pays for an owner's own purchase."""
        if transaction.hold_id is None:
            return transaction.status is not TransactionStatus.PENDING
        hold = await self._ledger.hold(transaction.hold_id)
        return hold is not None and hold.state is HoldState.CAPTURED

    async def _follow(
        self, transaction: Transaction, escrow: Escrow | None, final: Block, reader: ChainReader
    ) -> str | Refused | None:
        if escrow is None:
            # A node that lags shows a block from before the payment, which proves nothing.
            return "vanished" if final.timestamp >= transaction.updated_at else None
        settlement = self._settlement
        done: Transaction | Refused | None = None
        match escrow.status:
            case EscrowStatus.RELEASED:
                # Before the window's end only the buyer can have released it.
                accepted = final.timestamp < escrow.delivered_at + escrow.dispute_window
                done = await settlement.released(transaction, escrow, Party.PLATFORM, accepted=accepted)
            case EscrowStatus.RESOLVED | EscrowStatus.REFUNDED:
                resolution = await reader.resolution(transaction.id, at_block=final.number)
                done = await settlement.resolved(transaction, escrow, resolution)
            case EscrowStatus.DISPUTED if transaction.status is not TransactionStatus.DISPUTED:
                done = await settlement.disputed(transaction, None, Party.PLATFORM)
            case EscrowStatus.ABANDONED:
                done = await settlement.abandoned(transaction, escrow)
            case _:
                return None
        return done if isinstance(done, Refused) else escrow.status.name.lower()


_Look = Callable[[Transaction, Escrow | None, Block, ChainReader], Awaitable[str | Refused | None]]


def pause_seconds(waiting: Waiting, interval_seconds: float) -> int:
    """How long a transaction waits for its next look when this one changes nothing, in seconds.

    An interval when its payment was signed, or its checkout is over and waits for the final block that says so.
    Otherwise an eighth of the time since it was made, ended or last changed, within bounds.
    """
    transaction, interval = waiting.transaction, max(1, int(interval_seconds))
    if transaction.payment_status is PaymentStatus.PAID:
        since, longest = transaction.updated_at, UNSETTLED_PAUSE_SECONDS_MAX
    elif transaction.status is not TransactionStatus.PENDING:
        since, longest = transaction.checkout_ends_at, ENDED_PAUSE_SECONDS_MAX
    elif waiting.signed or waiting.now >= transaction.checkout_ends_at:
        return interval
    else:
        # Whoever does not announce a payment proves it by itself, with the fund call.
        since, longest = transaction.created_at, PENDING_PAUSE_SECONDS_MAX
    return max(interval, min(longest, (waiting.now - since) // PATIENCE))


def _buyer_paid(transaction: Transaction, escrow: Escrow) -> bool:
    return same_address(escrow.buyer, transaction.buyer_address) and same_address(
        escrow.token, transaction.total.asset.address
    )
