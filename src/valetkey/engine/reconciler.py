"""Follows the chain: proves or ends every open payment, and keeps settled ones in step with their escrow.

No client is needed for it: a purchase whose delegate died, or whose session ended, is settled here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from valetkey.core.errors import EnvironmentFailure, ValetkeyError
from valetkey.core.escrow import Escrow, EscrowStatus
from valetkey.core.ledger import HoldState
from valetkey.core.refusal import Refused
from valetkey.core.transaction import Party, Transaction, TransactionStatus
from valetkey.engine.funding import mismatch, same_address
from valetkey.engine.settlement import Settlement
from valetkey.ports.chain import Block, ChainReader
from valetkey.ports.ledger import LedgerStore

BATCH = 50
"""How many transactions are looked up before the reconciler starts over."""

Observer = Callable[[str, Transaction], None]
"""Told of each outcome (`captured`, `expired`, `released`, ...) and of each look-up that failed (`failed`)."""


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
    ) -> None:
        self._ledger = ledger
        self._settlement = settlement
        self._readers = readers
        self._observer = observer

    async def run(self, interval_seconds: float) -> None:
        """Run until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(interval_seconds)

    async def step(self) -> None:
        """Look once at every network: payments that wait for proof first, then escrows that may have changed."""
        finals: dict[str, Block | None] = {}
        for transaction in await self._ledger.awaiting_proof(BATCH):
            await self._look(transaction, finals, self._prove)
        for transaction in await self._ledger.unsettled(BATCH):
            await self._look(transaction, finals, self._follow)

    async def _look(self, transaction: Transaction, finals: dict[str, Block | None], look: "_Look") -> None:
        reader = self._readers.get(transaction.network)
        if reader is None:
            await self._ledger.looked_up(transaction.id)
            return
        outcome: str | Refused | None
        try:
            if transaction.network not in finals:
                # Stays None when no node answers: then the network's turn comes in the next step.
                finals[transaction.network] = None
                finals[transaction.network] = await reader.final()
            final = finals[transaction.network]
            if final is None:
                return
            escrow = await reader.escrow(transaction.id, at_block=final.number)
            outcome = await look(transaction, escrow, final, reader)
        except EnvironmentFailure:
            # Nothing is lost: what waits stays held.
            outcome = "unavailable"
        except ValetkeyError:
            # One transaction that contradicts itself must not stop the others from being settled.
            outcome = "failed"
        await self._ledger.looked_up(transaction.id)
        if isinstance(outcome, Refused):
            # Somebody else took the step between the look-up and the write.
            outcome = "raced"
        if outcome is not None:
            self._observer(outcome, transaction)

    async def _prove(
        self, transaction: Transaction, escrow: Escrow | None, final: Block, _reader: ChainReader
    ) -> str | Refused | None:
        if escrow is not None and mismatch(transaction, escrow) is None:
            done = await self._settlement.funded(transaction, escrow, None, Party.PLATFORM)
            return done if isinstance(done, Refused) else "captured"
        if final.timestamp < transaction.checkout_ends_at:
            return None
        if escrow is not None and _buyer_paid(transaction, escrow):
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
            return None
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
                done = await settlement.abandoned(transaction)
            case _:
                return None
        return done if isinstance(done, Refused) else escrow.status.name.lower()


_Look = Callable[[Transaction, Escrow | None, Block, ChainReader], Awaitable[str | Refused | None]]


def _buyer_paid(transaction: Transaction, escrow: Escrow) -> bool:
    return same_address(escrow.buyer, transaction.buyer_address) and same_address(
        escrow.token, transaction.total.asset.address
    )
