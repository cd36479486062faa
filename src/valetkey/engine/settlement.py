"""What becomes true when the chain shows something: payments captured, escrows released, refunded, abandoned."""

from valetkey.core.escrow import Escrow
from valetkey.core.ledger import Capture, Expire
from valetkey.core.money import CURRENCY_DECIMALS, rescale
from valetkey.core.refusal import Refused
from valetkey.core.transaction import Party, PaymentStatus, Step, Transaction, TransactionStatus
from valetkey.engine import events
from valetkey.ports.clock import Clock
from valetkey.ports.ledger import Change, Event, Facts, LedgerStore
from valetkey.ports.market import MarketStore


class Settlement:
    """Writes what a proof shows, hold and transaction together. It never asks a chain: the caller did."""

    def __init__(self, ledger: LedgerStore, market: MarketStore, clock: Clock) -> None:
        self._ledger = ledger
        self._market = market
        self._clock = clock

    async def funded(
        self, transaction: Transaction, escrow: Escrow, tx_hash: str | None, party: Party
    ) -> Transaction | Refused:
        """The escrow is proven: capture the hold. `tx_hash` is None when only the escrow was looked up."""
        return await self._ledger.change(
            transaction.id,
            Change(
                step=Step.FUND,
                party=party,
                facts=Facts(payment_status=PaymentStatus.PAID, escrow_tx_hash=tx_hash),
                command=_capture(transaction, escrow),
                events=await self._event(events.ESCROW_FUNDED, transaction, escrow),
            ),
        )

    async def ended_unpaid(self, transaction: Transaction, block_time: int) -> Transaction | Refused:
        """A final block at `block_time` (unix seconds), past the checkout's end, shows no such escrow."""
        return await self._ledger.change(
            transaction.id,
            Change(
                step=Step.EXPIRE,
                party=Party.PLATFORM,
                facts=Facts(payment_status=PaymentStatus.FAILED),
                command=Expire(block_time) if transaction.hold_id else None,
            ),
        )

    async def ended_mispaid(self, transaction: Transaction, escrow: Escrow) -> Transaction | Refused:
        """The buyer's wallet paid an escrow that is not the agreed one: what moved is debited, nothing is owed."""
        return await self._ledger.change(
            transaction.id,
            Change(
                step=Step.EXPIRE,
                party=Party.PLATFORM,
                facts=Facts(payment_status=PaymentStatus.FAILED),
                command=_capture(transaction, escrow),
            ),
        )

    async def released(self, transaction: Transaction, escrow: Escrow, party: Party) -> Transaction | Refused:
        """The seller was paid: by the buyer (`released`), or by anyone after the window (`finalized`)."""
        step = Step.CONFIRM
        if transaction.status is TransactionStatus.DISPUTED:
            step, party = Step.RESOLVE_SELLER, Party.PLATFORM
        name = events.ESCROW_RELEASED if party is Party.BUYER else events.ESCROW_FINALIZED
        return await self._ledger.change(
            transaction.id,
            Change(
                step=step,
                party=party,
                facts=Facts(completed_at=self._clock.now()),
                events=await self._event(name, transaction, escrow),
            ),
        )

    async def disputed(self, transaction: Transaction, reason: str) -> Transaction | Refused:
        """The buyer disputed the escrow on chain."""
        return await self._ledger.change(
            transaction.id,
            Change(step=Step.DISPUTE, party=Party.BUYER, facts=Facts(dispute_reason=reason)),
        )

    async def refunded(self, transaction: Transaction) -> Transaction | Refused:
        """The dispute was decided for the buyer. The budget stays debited: the money did move."""
        return await self._ledger.change(
            transaction.id,
            Change(
                step=Step.RESOLVE_BUYER,
                party=Party.PLATFORM,
                facts=Facts(completed_at=self._clock.now()),
            ),
        )

    async def abandoned(self, transaction: Transaction) -> Transaction | Refused:
        """The buyer took the money of an undelivered escrow back."""
        return await self._ledger.change(
            transaction.id,
            Change(
                step=Step.ABANDON,
                party=Party.PLATFORM,
                facts=Facts(completed_at=self._clock.now()),
            ),
        )

    async def _event(self, name: str, transaction: Transaction, escrow: Escrow) -> tuple[Event, ...]:
        service = await self._market.service(transaction.service_id)
        return events.escrow_event(name, transaction, service, escrow)


def _capture(transaction: Transaction, escrow: Escrow) -> Capture | None:
    """The debit of what moved, in the precision of the session's limits; None when no session paid."""
    if transaction.hold_id is None:
        return None
    asset = transaction.total.asset
    units = rescale(escrow.amount, asset.decimals, CURRENCY_DECIMALS[asset.currency], up=True)
    return Capture(units)
