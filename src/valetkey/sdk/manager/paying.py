"""Payments as they are asked for: looked at, and held by the gate. sending.py brings them to the chain."""

from hashlib import sha256

from valetkey.core.commands import Approve, Reject
from valetkey.core.errors import InvalidInput
from valetkey.core.ids import Kind, make_id
from valetkey.core.money import Money, format_units
from valetkey.core.refusal import Refused
from valetkey.core.session import remaining, status
from valetkey.core.spend import HoldState, SpendRequest
from valetkey.crypto.credentials import new_id
from valetkey.crypto.keys import keccak256
from valetkey.engine.gate import SpendGate
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import Asking, Idempotency, Spend, SpendRecord
from valetkey.sdk.amounts import Amount
from valetkey.sdk.config_checks import check_key
from valetkey.sdk.errors import (
    InsufficientFunds,
    refused_error,
)
from valetkey.sdk.manager.approving import Approving
from valetkey.sdk.manager.local import BY_OWNER, Local
from valetkey.sdk.manager.making import KeyHash, Sessions, hash_in
from valetkey.sdk.manager.rules import (
    address_of,
    check_token,
    decimal_units,
    units_of,
)
from valetkey.sdk.manager.sending import DEAD_GRANTS, HOLD_SECONDS, Sending
from valetkey.sdk.manager.standing import grant_needed, written_down
from valetkey.sdk.manager.views import Spent
from valetkey.wire.http import encode

OPERATION = "payment"
APPROVAL_SECONDS = 86_400
MEMO_CHARS_MAX = 500


class Paying:
    """The part of a manager that spends."""

    def __init__(self, local: Local, sessions: Sessions, approving: Approving, sending: Sending) -> None:
        self._local = local
        self._sessions = sessions
        self._approving = approving
        self._gate = SpendGate(local.store, local.clock, HOLD_SECONDS)
        self._sending = sending

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
        payee = address_of(to, "to")
        request = SpendRequest(
            Money(units_of(amount, local.asset), local.asset), None, payee.lower(), OPERATION
        )
        record = await self._sessions.record(key_hash)
        self._check_payee(payee, record)
        hold_id = _hold_id(record.session.id, idempotency_key)
        known = await local.store.spend_record(hold_id)
        if known is None:
            record = await self._look(record, request)
        held = await self._held(record, request, hold_id, idempotency_key, memo)
        return await self._sending.further(held)

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
            to=address_of(hold.request.payee or "", "to"),
            receipt=await self._sending.receipt(held),
            remaining=decimal_units(min(lefts), local.asset) if lefts else None,
        )

    async def owner_says(self, hold_id: str, *, approved: bool) -> SpendRecord:
        """The owner's yes or no to a spend that waits for it."""
        held = await self._sending.find(hold_id)
        ends = self._local.clock.now() + APPROVAL_SECONDS
        command = Approve(ends) if approved else Reject()
        done = await self._local.store.settle(held.hold.id, command, by=BY_OWNER)
        if isinstance(done, Refused):
            raise refused_error(done)
        return done

    # Inside

    def _check_payee(self, payee: str, record: SessionRecord) -> None:
        """Money for its owner goes nowhere, for the key itself past the gate, and for these contracts is lost."""
        local = self._local
        own = (local.owner, record.wallet_address or "", local.contract, local.asset.address)
        if payee.lower() in {one.lower() for one in own}:
            raise InvalidInput(
                "the owner, the session's own key, the token and the contract are nobody to pay",
                code="invalid_address",
                field="to",
            )

    async def _look(self, record: SessionRecord, request: SpendRequest) -> SessionRecord:
        """What would make a payment come to nothing, before anything is held: ended, frozen, not enough money."""
        local = self._local
        await local.check_chain()
        self._sessions.key(record)
        signed = await self._sessions.ensure_grant(record)
        if signed is None:
            # The gate says why.
            return record
        record = await written_down(local, record, signed)
        signed = await self._sessions.grant(record)
        if str(status(record.session, local.clock.now(), record.ancestors)) != "active":
            return record
        if signed is None or signed.status in DEAD_GRANTS:
            raise refused_error(grant_needed("the session's grant is revoked on chain"))
        units, asset = request.amount.units, local.asset
        has = await local.reader.token_balance(local.owner)
        if has < units:
            raise InsufficientFunds(
                f"the owner has {format_units(has, asset.decimals)} {asset.currency},"
                f" which is less than {format_units(units, asset.decimals)}"
            )
        await self._approving.ensure(at_least=units)
        return record

    async def _held(
        self,
        record: SessionRecord,
        request: SpendRequest,
        hold_id: str,
        idempotency_key: str | None,
        memo: str | None,
    ) -> SpendRecord:
        now = self._local.clock.now()
        idempotency = None
        if idempotency_key is not None:
            meant = [request.payee, str(request.amount.units), request.amount.asset.id, memo]
            idempotency = Idempotency(
                f"spend {record.session.id}", idempotency_key, sha256(encode(meant)).digest()
            )
        spend = Spend(record.session.id, hold_id, request, now + HOLD_SECONDS, memo)
        done = await self._gate.hold_spend(spend, idempotency, Asking(now + APPROVAL_SECONDS))
        if isinstance(done, Refused):
            raise refused_error(done)
        return done


def _hold_id(session_id: str, idempotency_key: str | None) -> str:
    """The same for the same key, so that what is known is found before the chain is asked anything."""
    if idempotency_key is None:
        return new_id(Kind.HOLD)
    named = f"{session_id} {idempotency_key}".encode("ascii")
    return make_id(Kind.HOLD, keccak256(named).hex()[:32])


def _check_memo(memo: str | None) -> None:
    if memo is None:
        return
    if not isinstance(memo, str) or len(memo) > MEMO_CHARS_MAX or not all(map(_is_written, memo)):
        raise InvalidInput(
            f"a memo has at most {MEMO_CHARS_MAX} characters that people can read", field="memo"
        )


def _is_written(one: str) -> bool:
    return one.isprintable() or one in "\n\t"
