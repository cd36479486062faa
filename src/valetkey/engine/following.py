"""The follower: reads what SessionAllowance told in final blocks, and tells ledger and grants, each event once.

Everything that is told is harmless to tell again, and how far it came is written last: so a kill anywhere, a second
replica, and a reorganisation below what counted as final cost nothing but work.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from valetkey.core.addresses import canonical_address
from valetkey.core.commands import Capture, Void
from valetkey.core.errors import EnvironmentFailure
from valetkey.core.ids import Kind, make_id
from valetkey.core.money import CURRENCY_DECIMALS, Asset, Money, rescale
from valetkey.core.refusal import Refused
from valetkey.core.spend import HoldState, SpendRequest
from valetkey.core.transaction import Party, PaymentStatus, Transaction
from valetkey.crypto.keys import keccak256
from valetkey.engine.children import Children
from valetkey.engine.funding import same_address, unlike
from valetkey.engine.settlement import Settlement
from valetkey.ports.accounts import AccountStore
from valetkey.ports.chain import ChainReader, Log
from valetkey.ports.following import FollowingStore, Place
from valetkey.ports.grants import GrantStore, SignedGrant
from valetkey.ports.keystore import DamagedRecord
from valetkey.ports.ledger import LedgerStore, Spend, SpendQuery
from valetkey.ports.watching import begin_round
from valetkey.wire import grant_calls
from valetkey.wire.draws import read_promise, reference_of, voucher_reference
from valetkey.wire.grant_events import AllRevoked, GrantEnded, GrantKnown, Spent, read_event

BLOCKS_MAX = 1_000
STEP_BACK = 64
"""Blocks that are told again when one that counted as final is not on the chain any more."""

PURCHASES_MAX = 1_000
PROMISES_MAX = 10_000
DRAW, SETTLEMENT = "draw", "settlement"
"""The operation of money that a key moved out of a grant without the gate; and of what a payee's voucher paid."""

Observer = Callable[[str, str], None]
"""Told what happened and to what: `captured` and `unasked` (a hold), `funded` (a purchase), `reorganised` (a block),
`settled` (a hold) for what a voucher paid, `unavailable` (the contract) when no node answered."""


Brought = Callable[[SignedGrant, Spent, str], Awaitable[bool]]
"""Whether an event, given its name, only brought money of a grant to the grant's own key, to be spent from there."""


class FollowedStores(LedgerStore, AccountStore, GrantStore, FollowingStore, Protocol):
    """What the follower writes to."""


@dataclass(frozen=True, slots=True)
class _Payment:
    """One event: what went out of a grant of ours, or of a child of it.

    `ordinal` counts the payments of its transaction.
    """

    signed: SignedGrant
    spent: Spent
    tx_hash: str
    ordinal: int
    block: int

    @property
    def event(self) -> str:
        """The event's name: the same in whatever block its transaction is."""
        return f"{self.tx_hash.lower()} {self.ordinal}"


class Follower:
    """One contract on one chain. `asset` is the token that its grants are about."""

    def __init__(
        self,
        store: FollowedStores,
        settlement: Settlement,
        reader: ChainReader,
        asset: Asset,
        contract: str,
        *,
        blocks_max: int = BLOCKS_MAX,
        observer: Observer,
        brought: Brought | None = None,
    ) -> None:
        """`brought` knows what was brought to a session's key and is no spend; None where everything is one."""
        self._store = store
        self._brought = brought
        self._settlement = settlement
        self._reader = reader
        self._asset = asset
        self._contract = contract
        self._blocks_max = blocks_max
        self._children = Children(store, reader, asset, contract)
        self._observer = observer

    async def run(self, interval_seconds: float, wanted: asyncio.Event) -> None:
        """Run until cancelled; looks every so often, at once while there is more to be told, or `wanted` is set."""
        while True:
            begin_round()
            wanted.clear()
            more = False
            try:
                more = await self.step()
            except EnvironmentFailure:
                self._observer("unavailable", self._contract)
            if not more:
                with suppress(TimeoutError):
                    await asyncio.wait_for(wanted.wait(), interval_seconds)

    async def step(self) -> bool:
        """Tell a range of final blocks. Whether there is more."""
        chain_id = self._asset.chain_id
        final = await self._reader.final()
        before = await self._store.followed(chain_id, self._contract)
        if before is not None and not await self._is_there(before):
            await self._go_back(before)
            return True
        first = max(0, final.number - self._blocks_max) if before is None else before.number + 1
        last = min(final.number, first + self._blocks_max - 1)
        if last < first:
            return False
        # The place is read before the logs: when both are of one chain, nothing in between is left out.
        after = await self._reader.place(last)
        logs = await self._reader.logs(self._contract, first, last)
        if after is None or after != await self._reader.place(last):
            return False
        await self._tell(logs)
        await self._store.follow(chain_id, self._contract, before, after)
        return last < final.number

    async def _is_there(self, place: Place) -> bool:
        now = await self._reader.place(place.number)
        return now is not None and now.hash == place.hash

    async def _go_back(self, before: Place) -> None:
        number = max(0, before.number - STEP_BACK)
        while (place := await self._reader.place(number)) is None:
            number = max(0, number - STEP_BACK)
        self._observer("reorganised", str(before.number))
        await self._store.follow(self._asset.chain_id, self._contract, before, place)

    async def _tell(self, logs: list[Log]) -> None:
        payments: Counter[str] = Counter()
        times: dict[int, int] = {}
        for log in logs:
            try:
                await self._tell_one(log, logs, payments, times)
            except DamagedRecord:
                # Of one session, which can spend nothing more: every other one has to hear of what comes after.
                self._observer("damaged", log.tx_hash)

    async def _tell_one(
        self, log: Log, logs: list[Log], payments: Counter[str], times: dict[int, int]
    ) -> None:
        event = read_event(log)
        if not isinstance(event, Spent):
            if event is not None:
                await self._changed(event, await self._time(log.block, times))
            return
        ordinal, payments[log.tx_hash] = payments[log.tx_hash], payments[log.tx_hash] + 1
        signed = await self._store.grant(self._asset.chain_id, event.grant)
        if signed is not None:
            await self._spent(_Payment(signed, event, log.tx_hash, ordinal, log.block))
            return
        for above in await self._children.above(event, log, logs):
            payment = _Payment(above, event, log.tx_hash, ordinal, log.block)
            await self._moved(payment, event.amount, DRAW)

    async def _time(self, number: int, known: dict[int, int]) -> int:
        if number not in known:
            place = await self._reader.place(number)
            known[number] = 0 if place is None else place.timestamp
        return known[number]

    async def _changed(self, event: GrantKnown | GrantEnded | AllRevoked, at: int) -> None:
        chain_id = self._asset.chain_id
        match event:
            case GrantKnown():
                await self._store.grant_known(chain_id, event.grant, at)
            case GrantEnded():
                await self._store.grant_revoked(chain_id, event.grant, at)
            case AllRevoked():
                await self._store.owner_revoked_all(chain_id, event.owner, event.epoch, at)

    async def _spent(self, payment: _Payment) -> None:
        if self._brought is not None and await self._brought(payment.signed, payment.spent, payment.event):
            return
        if await self._is_asked_for(payment) or await self._is_purchase(payment):
            return
        settled = await self._settled(payment)
        await self._moved(payment, payment.spent.amount, DRAW if settled is None else SETTLEMENT)
        if settled is not None:
            await self._kept_promises(payment, settled)

    async def _moved(self, payment: _Payment, amount: int, operation: str) -> None:
        """Debit base units that no hold of the gate stands for."""
        below = payment.signed.id if payment.spent.grant != payment.signed.id else b""
        hold_id = observed_id(
            self._asset.chain_id, self._contract, payment.tx_hash, payment.ordinal, below=below
        )
        known = await self._store.spend_record(hold_id)
        asset = Asset(
            self._asset.currency, self._asset.chain_id, payment.signed.grant.token, self._asset.decimals
        )
        request = SpendRequest(Money(amount, asset), None, canonical_address(payment.spent.payee), operation)
        spend = Spend(payment.signed.session_id, hold_id, request, 0, payment.tx_hash)
        await self._store.observe(spend, by=str(Party.PLATFORM))
        if known is None:
            self._observer("settled" if operation == SETTLEMENT else "unasked", hold_id)

    async def _settled(self, payment: _Payment) -> int | None:
        """All that the payee's vouchers were paid by then, when this event is a settlement; None when it is none."""
        call = grant_calls.settled(self._contract, payment.signed.id, payment.spent.payee)
        after = grant_calls.number(await self._reader.view(call, at_block=payment.block))
        if after == 0:
            return None
        before = grant_calls.number(await self._reader.view(call, at_block=payment.block - 1))
        return after if after - before >= payment.spent.amount else None

    async def _kept_promises(self, payment: _Payment, settled: int) -> None:
        """What was held for promises that are paid by now is held no more: the settlements are debited themselves."""
        wanted = voucher_reference(payment.signed.id, payment.spent.payee)
        query = SpendQuery(
            payment.signed.owner_id, payment.signed.session_id, HoldState.UNKNOWN, PROMISES_MAX
        )
        found, _ = await self._store.spends(query)
        for one in found:
            if one.payment is None or one.payment.reference != wanted:
                continue
            if int(read_promise(one.payment.payload).total) <= settled:
                await self._store.settle(one.hold.id, Void(proven=True), by=str(Party.PLATFORM))

    async def _is_asked_for(self, payment: _Payment) -> bool:
        """Whether it pays for a hold, which is captured then."""
        record = await self._store.spend_of_reference(
            payment.signed.session_id, reference_of(payment.spent.reference)
        )
        # A reference is whatever the key signed: of another asset's hold it proves nothing.
        if record is None or not self._is_followed(record.hold.request.amount.asset):
            return False
        if not await self._store.counts(record.hold.id, payment.event):
            return False
        hold = record.hold
        if hold.state is not HoldState.CAPTURED:
            units = await self._units(payment)
            done = await self._store.settle(hold.id, Capture(units), by=str(Party.PLATFORM))
            if not isinstance(done, Refused):
                self._observer("captured", hold.id)
            return True
        # Somebody may have said before the chain did that less moved.
        decimals = CURRENCY_DECIMALS[self._asset.currency]
        beyond = rescale(payment.spent.amount, self._asset.decimals, decimals, up=True) - hold.captured
        if beyond > 0:
            await self._moved(payment, rescale(beyond, decimals, self._asset.decimals, up=True), DRAW)
        return True

    def _is_followed(self, asset: Asset) -> bool:
        return (asset.currency, asset.chain_id) == (
            self._asset.currency,
            self._asset.chain_id,
        ) and same_address(asset.address, self._asset.address)

    async def _units(self, payment: _Payment) -> int:
        """What it counts for: in the currency's decimals, and rounded up to the policy's unit as core does."""
        units = rescale(
            payment.spent.amount, self._asset.decimals, CURRENCY_DECIMALS[self._asset.currency], up=True
        )
        record = await self._store.session(payment.signed.session_id)
        limits = None if record is None else record.session.policy.limits(self._asset.currency)
        return units if limits is None else limits.counted(units)

    async def _is_purchase(self, payment: _Payment) -> bool:
        """Whether it made the escrow of something that the session bought, which is paid then."""
        receipt = await self._reader.receipt(payment.tx_hash)
        if receipt is None or not receipt.escrows_created:
            return False
        named = await self._store.paid_by(payment.tx_hash)
        known = None if named is None else await self._store.transaction(named)
        bought = await self._store.unnamed_purchases(payment.signed.session_id, PURCHASES_MAX)
        for one in [*([] if known is None else [known]), *bought]:
            if one.session_id != payment.signed.session_id:
                continue
            if self._reader.escrow_id(one.id) in receipt.escrows_created and await self._paid(one, payment):
                return True
        return False

    async def _paid(self, bought: Transaction, payment: _Payment) -> bool:
        """Whether the money of this event is in the escrow of a purchase."""
        escrow = await self._reader.escrow(bought.id)
        if escrow is None or escrow.amount != payment.spent.amount:
            return False
        if not same_address(escrow.seller, payment.spent.payee) or not await self._store.counts(
            bought.id, payment.event
        ):
            return False
        # What was not agreed so is debited by the reconciler, for the same purchase.
        if (
            bought.payment_status is not PaymentStatus.PAID
            and await unlike(self._reader, bought, escrow) is None
        ):
            done = await self._settlement.funded(bought, escrow, payment.tx_hash, Party.PLATFORM)
            if not isinstance(done, Refused):
                self._observer("funded", bought.id)
        return True


def observed_id(chain_id: int, contract: str, tx_hash: str, ordinal: int, *, below: bytes = b"") -> str:
    """The hold of money that nobody asked for: the same for the same transaction, in whatever block it is.

    `below`: the id of the grant that it went out of, when the event names a child of it.
    """
    named = f"{chain_id} {contract.lower()} {tx_hash.lower()} {ordinal} {below.hex()}".rstrip()
    return make_id(Kind.HOLD, keccak256(named.encode("ascii")).hex()[:32])
