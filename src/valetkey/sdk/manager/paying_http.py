"""A session of a manager that pays for requests: the file's ledger decides, and the session's key pays.

What a payment needs is brought from the owner's balance to the key's own address just before the key signs for the
payee. The hold's life is that of the key's signature: unknown from before it is sent, until the chain proves its end.
"""

import asyncio
from dataclasses import dataclass

from valetkey.core.addresses import canonical_address
from valetkey.core.commands import MarkUnknown, Void
from valetkey.core.errors import Contradiction
from valetkey.core.money import Money
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import ends_at
from valetkey.core.spend import HoldState, SpendRequest
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import Payment, SpendRecord
from valetkey.ports.signer import Signer
from valetkey.ports.wallet import Call
from valetkey.sdk._async.connect import async_open_signer
from valetkey.sdk._async.x402_session import AsyncHeld, AsyncPayingSession
from valetkey.sdk.errors import InsufficientFunds, NotConfigured, refused_error
from valetkey.sdk.manager.granting import GrantSide
from valetkey.sdk.manager.keeping import Kept, KeyHash, normal_hash
from valetkey.sdk.manager.local import Local
from valetkey.sdk.manager.on_evm import OnEvm
from valetkey.sdk.manager.paying import Paying, hold_id_of
from valetkey.sdk.manager.side import Side
from valetkey.sdk.state import StateFolder
from valetkey.sdk.x402.notes import Notes
from valetkey.sdk.x402.offers import THROUGH_PERMIT2, Offer, Purse
from valetkey.sdk.x402.terms import CURRENCY, OPERATION
from valetkey.wire import calls
from valetkey.wire.authorizations import PERMIT2_ADDRESS
from valetkey.wire.network import CHAIN_NAMES

POLL_SECONDS = 0.25
GONE = (HoldState.VOIDED, HoldState.EXPIRED)
NETWORKS = {chain: network for network, chain in CHAIN_NAMES.items()}
"""What version 1 of x402 calls chains."""


@dataclass(frozen=True, slots=True)
class ManagedHold:
    """The money of one payment, as the file has it."""

    id: str
    state: str
    units: int


def paying_session(
    local: Local, kept: Kept, side: Side, paying: Paying, key_hash: KeyHash
) -> "PayingSession":
    """A session of a manager, for a payer. Raises InvalidInput for what names none, NotConfigured where none pays."""
    if not isinstance(local, OnEvm) or not isinstance(side, GrantSide) or local.asset.currency != CURRENCY:
        raise NotConfigured(f"what is paid over HTTP is {CURRENCY} on an EVM chain: open the manager of that")
    return PayingSession(local, kept, side, paying, normal_hash(key_hash))


class PayingSession:
    """See sdk/_async/x402_session.py. Each process of the file may go on with what another one left."""

    draws_first = False

    def __init__(self, local: OnEvm, kept: Kept, side: GrantSide, paying: Paying, key_hash: str) -> None:
        self._local = local
        self._kept = kept
        self._side = side
        self._paying = paying
        self._key_hash = key_hash
        self.notes = Notes(StateFolder(local.path.with_name(f"{local.path.name}.x402")))
        self._wallet = ""

    async def itself(self) -> AsyncPayingSession:
        """For a payer, which asks for its session at each payment."""
        return self

    @property
    def wallet(self) -> str:
        assert self._wallet, "the purse is asked first"
        return self._wallet

    async def purse(self) -> Purse:
        local = self._local
        await local.unlock()
        await local.check_chain()
        record = await self._record()
        assert record.wallet_address is not None
        self._wallet = record.wallet_address
        chain, asset = local.chain, local.asset
        network = NETWORKS.get(chain.name, chain.name)
        return Purse(record.wallet_address, chain.chain_id, network, asset.address, asset.decimals)

    async def ends_at(self) -> int:
        record = await self._record()
        return ends_at(record.session, record.ancestors)

    async def names_payees(self) -> bool:
        return (await self._record()).session.policy.allowed_payees is not None

    async def view(self, call: Call) -> bytes:
        return await self._local.reader.view(call)

    async def hold(self, offer: Offer, key: str, note: str, wait_approval: float | None) -> AsyncHeld:
        record = await self._record()
        if self._paying.is_nobody(offer.payee, record):
            raise refused_error(
                refuse(
                    Code.OFFER_PAYEE_REFUSED,
                    "payTo",
                    "the payee of the offer cannot be meant: the payer's owner, or the contract that keeps its grants",
                )
            )
        hold_id = hold_id_of(record.session.id, key)
        request = SpendRequest(
            Money(offer.units, self._local.asset), None, canonical_address(offer.payee), OPERATION
        )
        is_known = await self._local.store.spend_record(hold_id) is not None
        # What the gate refuses costs no look at the chain; it says why.
        if not is_known and self._paying.would_allow(record, request):
            record = await self._looked(record, offer)
        held = await self._paying.hold(record, request, hold_id, key, note)
        held = await self._paying.executed(await self._decided(held, wait_approval))
        if held.hold.state in GONE:
            raise refused_error(_over(held))
        return _shown(held)

    async def find(self, spend_id: str) -> AsyncHeld:
        held = await self._paying.find(spend_id)
        if held.hold.state is HoldState.UNKNOWN:
            # Nobody looks by itself: what was signed may be dead by now.
            await self._side.look_up(held)
            held = await self._paying.find(spend_id)
        if held.hold.state in (HoldState.HELD, HoldState.UNKNOWN):
            # What was taken back is not handed out any more, though whoever has it may use it.
            self._kept.check_living(await self._record())
        return _shown(held)

    async def supply(self, held: AsyncHeld, offer: Offer) -> None:  # noqa: ARG002 - see _async/x402_session.py
        self._kept.check_living(await self._record())
        await self._side.topping.bring(await self._paying.find(held.id))

    async def signer(self) -> Signer:
        # It was held before, by a process that ended: what was taken back since is not signed for any more.
        record = await self._record()
        self._kept.check_living(record)
        return async_open_signer(self._kept.key(record))

    async def mark_signed(self, held: AsyncHeld, payload: bytes, reference: str | None) -> None:
        local, problem = self._local, None
        record = await self._record()
        self._kept.check_living(record)
        payment = Payment(payload, reference)
        try:
            done = await local.store.settle(held.id, MarkUnknown(), by=record.session.id, payment=payment)
        except Contradiction:
            problem = _elsewhere(held.id)
        if problem is not None:
            found = await self._paying.find(held.id)
            raise refused_error(_over(found) if found.hold.state in GONE else problem)
        if isinstance(done, Refused):
            raise refused_error(done)
        if done.hold.state is not HoldState.UNKNOWN:
            raise refused_error(_over(done))

    async def void(self, held: AsyncHeld) -> None:
        done = await self._local.store.settle(held.id, Void(), by=(await self._record()).session.id)
        if isinstance(done, Refused):
            raise refused_error(done)

    # Inside

    async def _record(self) -> SessionRecord:
        return await self._kept.record(self._key_hash)

    async def _looked(self, record: SessionRecord, offer: Offer) -> SessionRecord:
        """What would make the payment come to nothing, before anything is held."""
        local, side = self._local, self._side
        if offer.method == THROUGH_PERMIT2:
            answer = await local.reader.view(calls.allowance(offer.asset, self.wallet, PERMIT2_ADDRESS))
            if int.from_bytes(answer) < offer.units:
                raise InsufficientFunds(
                    f"the seller is paid through Permit2, and the key {self.wallet} has not approved {PERMIT2_ADDRESS}"
                )
        missing = await side.topping.missing(record, offer.units)
        if not missing:
            return await side.asked(record)
        side.topping.check_possible(record)
        return await side.look(record, SpendRequest(Money(missing, local.asset), None, None, OPERATION))

    async def _decided(self, held: SpendRecord, seconds: float | None) -> SpendRecord:
        """A spend as its owner decided on it, who is waited for during so many seconds."""
        clock = asyncio.get_running_loop().time
        ends = clock() + (seconds or 0.0)
        while held.hold.state is HoldState.PENDING and clock() < ends:
            await asyncio.sleep(POLL_SECONDS)
            held = await self._paying.find(held.hold.id)
        return held


def _shown(held: SpendRecord) -> ManagedHold:
    hold = held.hold
    return ManagedHold(hold.id, str(hold.state), hold.request.amount.units)


def _over(held: SpendRecord) -> Refused:
    return refuse(
        Code.HOLD_ENDED,
        "state",
        f"this spend is {held.hold.state}: nothing is paid from it any more",
        hint="ask for it again",
    )


def _elsewhere(hold_id: str) -> Refused:
    return refuse(
        Code.PAYMENT_SIGNED_ELSEWHERE,
        "payment",
        "this payment was signed before, and its bytes are not beside the file",
        hint=f"look at spend {hold_id}",
    )
