"""What becomes true when the chain shows something: payments captured, escrows released, refunded, abandoned."""

from valetkey.core.commands import Capture, Expire, Refund
from valetkey.core.escrow import DisputeOutcome, Escrow, EscrowStatus, Resolution
from valetkey.core.money import CURRENCY_DECIMALS, rescale
from valetkey.core.refusal import Refused
from valetkey.core.transaction import Party, PaymentStatus, Step, Transaction, TransactionStatus
from valetkey.engine import events
from valetkey.ports.clock import Clock
from valetkey.ports.ledger import Change, Event, Facts, LedgerStore
from valetkey.ports.market import MarketStore

CHAIN_DISPUTE = "disputed on chain"
"""The reason that is kept as long as the platform knows of a dispute from the chain alone."""

REFUND = Resolution(DisputeOutcome.BUYER_REFUND, 100)
PAYMENT = Resolution(DisputeOutcome.SELLER_PAID, 0)
"""What a status says of a dispute when the contract does not tell more."""


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
                step=Step.EXPIRE if transaction.status is TransactionStatus.PENDING else Step.DEBIT,
                party=Party.PLATFORM,
                facts=Facts(payment_status=PaymentStatus.FAILED),
                command=_capture(transaction, escrow),
            ),
        )

    async def released(
        self, transaction: Transaction, escrow: Escrow, party: Party, *, accepted: bool
    ) -> Transaction | Refused:
        """The seller was paid: the buyer accepted (`released`), or anyone ended it after the window (`finalized`)."""
        name = events.ESCROW_RELEASED if accepted else events.ESCROW_FINALIZED
        return await self._ledger.change(
            transaction.id,
            Change(
                step=Step.CONFIRM,
                party=party,
                facts=Facts(completed_at=self._clock.now()),
                events=await self._event(name, transaction, escrow),
            ),
        )

    async def disputed(
        self, transaction: Transaction, reason: str | None, party: Party
    ) -> Transaction | Refused:
        """The buyer disputed the escrow on chain; `reason` is None as long as only the chain said so."""
        facts = Facts(dispute_reason=reason or CHAIN_DISPUTE, disputed_at=self._clock.now())
        return await self._ledger.change(transaction.id, Change(step=Step.DISPUTE, party=party, facts=facts))

    async def explained(self, transaction: Transaction, reason: str) -> Transaction | Refused:
        """The buyer says why it disputed. A reason that was given stays."""
        if transaction.dispute_reason != CHAIN_DISPUTE:
            return transaction
        change = Change(step=Step.EXPLAIN_DISPUTE, party=Party.BUYER, facts=Facts(dispute_reason=reason))
        return await self._ledger.change(transaction.id, change)

    async def resolved(
        self, transaction: Transaction, escrow: Escrow, resolution: Resolution | None
    ) -> Transaction | Refused:
        """The dispute was decided on chain. What the buyer got back is told to the hold; see `_refund`."""
        to_buyer = escrow.status is EscrowStatus.REFUNDED
        if resolution is None:
            resolution = REFUND if to_buyer else PAYMENT
        now = self._clock.now()
        return await self._ledger.change(
            transaction.id,
            Change(
                step=Step.RESOLVE_BUYER if to_buyer else Step.RESOLVE_SELLER,
                party=Party.PLATFORM,
                facts=Facts(
                    completed_at=now,
                    disputed_at=transaction.disputed_at or now,
                    dispute_reason=transaction.dispute_reason or CHAIN_DISPUTE,
                    dispute_outcome=resolution.outcome,
                    buyer_percent=resolution.buyer_percent,
                ),
                command=_refund(transaction, escrow, resolution.buyer_percent),
                events=() if to_buyer else await self._event(events.ESCROW_FINALIZED, transaction, escrow),
            ),
        )

    async def named(self, transaction: Transaction, tx_hash: str) -> Transaction | Refused:
        """Keep the hash of a payment that was proven by its escrow alone."""
        if transaction.escrow_tx_hash is not None:
            return transaction
        change = Change(step=Step.NAME_PAYMENT, party=Party.BUYER, facts=Facts(escrow_tx_hash=tx_hash))
        return await self._ledger.change(transaction.id, change)

    async def abandoned(self, transaction: Transaction, escrow: Escrow) -> Transaction | Refused:
        """The buyer took the money of an undelivered escrow back."""
        return await self._ledger.change(
            transaction.id,
            Change(
                step=Step.ABANDON,
                party=Party.PLATFORM,
                facts=Facts(completed_at=self._clock.now()),
                command=_refund(transaction, escrow, 100),
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


def _refund(transaction: Transaction, escrow: Escrow, buyer_percent: int) -> Refund | None:
    """What came back to the buyer: its part of what was locked, without the fee. None when that is nothing.

    The hold remembers it; a budget gets it back only where its policy says so (`refunds_restore`).
    """
    if transaction.hold_id is None:
        return None
    locked = escrow.locked_amount
    asset = transaction.total.asset
    # As the contract divides: the seller's part is rounded down, and the dust is the buyer's.
    to_buyer = locked - locked * (100 - buyer_percent) // 100
    units = rescale(to_buyer, asset.decimals, CURRENCY_DECIMALS[asset.currency], up=False)
    return Refund(units) if units else None
