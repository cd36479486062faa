"""Payments: looked at, held by the gate, signed and sent by the chain's side, followed until the chain shows their end.

Each step is durable before the next, and doing the same again goes on from the last one: in any process.
"""

from hashlib import sha256

from valetkey.core.addresses import canonical_address, same_address
from valetkey.core.commands import Approve, Execute, Reject
from valetkey.core.errors import InvalidInput
from valetkey.core.ids import Kind, make_id
from valetkey.core.money import Money
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import remaining
from valetkey.core.spend import CLOSED, HoldState, SpendRequest
from valetkey.crypto.credentials import new_id
from valetkey.crypto.keys import keccak256
from valetkey.engine.gate import SpendGate
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import Asking, Idempotency, Spend, SpendRecord
from valetkey.ports.wallet import StillPending
from valetkey.sdk.amounts import Amount
from valetkey.sdk.config_checks import check_key
from valetkey.sdk.errors import NotFound, TransactionReverted, refused_error
from valetkey.sdk.manager.keeping import Kept, KeyHash, hash_in
from valetkey.sdk.manager.local import BY_OWNER, Local
from valetkey.sdk.manager.rules import (
    PAYMENT,
    address_in,
    check_token,
    decimal_units,
    units_of,
)
from valetkey.sdk.manager.side import Side
from valetkey.sdk.manager.views import Spent
from valetkey.wire.http import encode

APPROVAL_SECONDS = 86_400
MEMO_CHARS_MAX = 500


class Paying:
    """The part of a manager that spends."""

    def __init__(self, local: Local, kept: Kept, side: Side) -> None:
        self._local = local
        self._kept = kept
        self._side = side
        self._gate = SpendGate(local.store, local.clock, side.hold_seconds)

    async def spend(
        self,
        key_hash: KeyHash,
        to: str,
        amount: Amount,
        token: str,
        idempotency_key: str | None,
        memo: str | None,
    ) -> SpendRecord:
        """Hold, sign and queue; what is held, as it is then. Raises refusals and InsufficientFunds."""
        local = self._local
        check_key(idempotency_key)
        check_token(token, local.asset)
        _check_memo(memo)
        payee = address_in(local.chain, to, "to")
        request = SpendRequest(
            Money(units_of(amount, local.asset), local.asset), None, canonical_address(payee), PAYMENT
        )
        record = await self._kept.record(key_hash)
        if self.is_nobody(payee, record):
            raise InvalidInput(
                "the owner, the session's own key, the token and the contract are nobody to pay",
                code="invalid_address",
                field="to",
            )
        hold_id = hold_id_of(record.session.id, idempotency_key)
        known = await local.store.spend_record(hold_id)
        if known is None:
            record = await self._side.look(record, request)
        held = await self.hold(record, request, hold_id, idempotency_key, memo)
        return await self.further(held)

    async def further(self, held: SpendRecord) -> SpendRecord:
        """Bring a spend to where nothing but the chain is waited for, or whoever pays it by other means."""
        held = await self.executed(held)
        hold = held.hold
        if hold.state is HoldState.HELD and hold.request.operation == PAYMENT:
            await self._side.pay(held)
        elif hold.state is HoldState.UNKNOWN:
            await self._side.again(held)
        return await self.find(hold.id)

    async def executed(self, held: SpendRecord) -> SpendRecord:
        """A spend that waits for nobody: held now, where its owner approved it. Raises ApprovalRequired."""
        hold = held.hold
        if hold.state is HoldState.PENDING:
            raise refused_error(_waits(hold.id))
        if hold.state is not HoldState.APPROVED:
            return held
        ends = self._local.clock.now() + self._side.hold_seconds
        done = await self._local.store.settle(hold.id, Execute(hold.request, ends), by=BY_OWNER)
        if isinstance(done, Refused):
            raise refused_error(done)
        return done

    async def wait(self, held: SpendRecord, seconds: float) -> SpendRecord:
        """Drive until the chain shows what became of it. Raises TransactionReverted, StillPending after the time."""
        further = self._side.pursuit()

        async def over() -> bool:
            nonlocal held
            held = await self.find(held.hold.id)
            if held.hold.state is not HoldState.UNKNOWN:
                return True
            await further(held)
            return False

        if not await self._side.until(over, seconds):
            raise StillPending(
                f"the payment {held.hold.id} is signed and in no final block yet: its money stays held. Ask for it"
                " again with the same idempotency key, or by its hold_id"
            )
        if held.hold.state in CLOSED - {HoldState.CAPTURED}:
            raise TransactionReverted(
                f"the payment {held.hold.id} came to nothing, and its money is given back: ask anew"
            )
        return held

    async def view(self, held: SpendRecord) -> Spent:
        """A payment as a value."""
        local, hold = self._local, held.hold
        record = await local.store.session(hold.session_id)
        assert record is not None
        lefts = [left for one in (record.session, *record.ancestors) if (left := remaining(one)) is not None]
        return Spent(
            hold_id=hold.id,
            session_key_hash=hash_in(record),
            state=str(hold.state),
            amount=decimal_units(
                hold.captured if hold.state is HoldState.CAPTURED else hold.amount, local.asset
            ),
            token=hold.currency,
            to=address_in(local.chain, hold.request.payee or "", "to"),
            receipt=await self._side.receipt(held),
            remaining=decimal_units(min(lefts), local.asset) if lefts else None,
        )

    async def find(self, hold_id: str) -> SpendRecord:
        """A spend of this owner. Raises InvalidInput for what is no text, NotFound."""
        if not isinstance(hold_id, str):
            raise InvalidInput("a payment is named by its hold_id, a text", field="hold_id")
        # No id has other letters, and a database takes some of them for none at all.
        found = await self._local.store.spend_record(hold_id) if hold_id.isascii() else None
        if found is None or found.owner_id != self._local.owner_id:
            raise NotFound("this file has no payment of this id", code="not_found", status=404)
        return found

    async def owner_says(self, hold_id: str, *, approved: bool) -> SpendRecord:
        """The owner's yes or no to a spend that waits for it."""
        held = await self.find(hold_id)
        ends = self._local.clock.now() + APPROVAL_SECONDS
        command = Approve(ends) if approved else Reject()
        done = await self._local.store.settle(held.hold.id, command, by=BY_OWNER)
        if isinstance(done, Refused):
            raise refused_error(done)
        return done

    def is_nobody(self, payee: str, record: SessionRecord) -> bool:
        """Money for its owner goes nowhere, for the key itself past the gate, and for a token or contract is lost."""
        local = self._local
        own = (local.owner, record.wallet_address or "", local.asset.address, *self._side.contracts())
        return any(same_address(payee, one) for one in own)

    def would_allow(self, record: SessionRecord, request: SpendRequest) -> bool:
        """What the gate would say now: the dry run."""
        return not isinstance(self._gate.check(record, request), Refused)

    async def hold(
        self,
        record: SessionRecord,
        request: SpendRequest,
        hold_id: str,
        idempotency_key: str | None,
        memo: str | None,
    ) -> SpendRecord:
        """The money of a spend, off the budget: the gate decides. The same key and request answer the same hold."""
        now = self._local.clock.now()
        idempotency = None
        if idempotency_key is not None:
            meant = [request.payee, str(request.amount.units), request.amount.asset.id, memo]
            idempotency = Idempotency(
                f"spend {record.session.id}", idempotency_key, sha256(encode(meant)).digest()
            )
        spend = Spend(record.session.id, hold_id, request, now + self._side.hold_seconds, memo)
        done = await self._gate.hold_spend(spend, idempotency, Asking(now + APPROVAL_SECONDS))
        if isinstance(done, Refused):
            raise refused_error(done)
        return done


def hold_id_of(session_id: str, idempotency_key: str | None) -> str:
    """The same for the same key, so that what is known is found before the chain is asked anything."""
    if idempotency_key is None:
        return new_id(Kind.HOLD)
    named = f"{session_id} {idempotency_key}".encode("ascii")
    return make_id(Kind.HOLD, keccak256(named).hex()[:32])


def _waits(hold_id: str) -> Refused:
    return refuse(
        Code.APPROVAL_REQUIRED,
        "approval_above",
        "the spend waits for the owner's approval",
        hint="approve_spend, and then the same spend with the same idempotency key",
        approval=hold_id,
    )


def _check_memo(memo: str | None) -> None:
    if memo is None:
        return
    if not isinstance(memo, str) or len(memo) > MEMO_CHARS_MAX or not all(map(_is_written, memo)):
        raise InvalidInput(
            f"a memo has at most {MEMO_CHARS_MAX} characters that people can read", field="memo"
        )


def _is_written(one: str) -> bool:
    return one.isprintable() or one in "\n\t"
