"""Payments: held by the gate, signed by the session's key, written down, queued, followed until the chain shows them.

Each step is durable before the next, and doing the same again goes on from the last one: in any process.
"""

from hashlib import sha256

from valetkey.core.commands import Approve, Execute, Reject
from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.ids import Kind, make_id
from valetkey.core.money import Money, format_units
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import remaining, status
from valetkey.core.spend import HoldState, SpendRequest
from valetkey.crypto.credentials import new_id
from valetkey.crypto.keys import keccak256
from valetkey.crypto.signatures import sign_digest
from valetkey.engine.drawing import pay_purpose
from valetkey.engine.gate import SpendGate
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import GrantStatus, SignedGrant
from valetkey.ports.ledger import Asking, Idempotency, Spend, SpendRecord
from valetkey.ports.relays import Relay, RelayState
from valetkey.sdk.amounts import Amount
from valetkey.sdk.config_checks import check_key
from valetkey.sdk.errors import (
    InsufficientFunds,
    NotConfigured,
    NotFound,
    TransactionReverted,
    Unfinished,
    refused_error,
)
from valetkey.sdk.manager.approving import Approving
from valetkey.sdk.manager.driving import Driver
from valetkey.sdk.manager.local import BY_OWNER, Local
from valetkey.sdk.manager.making import KeyHash, Sessions, hash_in
from valetkey.sdk.manager.rules import (
    address_of,
    check_token,
    decimal_units,
    units_of,
)
from valetkey.sdk.manager.standing import grant_needed, written_down
from valetkey.sdk.manager.views import Receipt, Spent
from valetkey.sdk.nonces import nonces
from valetkey.wire.draws import DRAW, read_draw
from valetkey.wire.grants import GrantSpend, grant_hash, proof_of, spend_message, struct_hash
from valetkey.wire.http import encode

OPERATION = "payment"
HOLD_SECONDS = 900
"""How long a hold waits for its signature, should its process end in between."""

SIGNED_SECONDS = 600
"""How long a signed payment may be submitted."""

APPROVAL_SECONDS = 86_400
TRIES_MAX = 5
MEMO_CHARS_MAX = 500


class Paying:
    """The part of a manager that spends."""

    def __init__(self, local: Local, driver: Driver, sessions: Sessions, approving: Approving) -> None:
        self._local = local
        self._driver = driver
        self._sessions = sessions
        self._approving = approving
        self._gate = SpendGate(local.store, local.clock, HOLD_SECONDS)
        self._nonces = nonces()

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
        return await self.further(held)

    async def further(self, held: SpendRecord) -> SpendRecord:
        """Bring a spend to where nothing but the chain is waited for."""
        local, hold = self._local, held.hold
        if hold.state is HoldState.PENDING:
            raise refused_error(_waits(hold.id))
        if hold.state is HoldState.APPROVED:
            ends = local.clock.now() + HOLD_SECONDS
            done = await local.store.settle(hold.id, Execute(hold.request, ends), by=BY_OWNER)
            if isinstance(done, Refused):
                raise refused_error(done)
            held = done
        if held.hold.state is HoldState.HELD:
            await self._sign(held)
        elif held.hold.state is HoldState.UNKNOWN:
            await self._queue_again(held)
        return await self.find(hold.id)

    async def wait(self, held: SpendRecord, seconds: float) -> SpendRecord:
        """Drive until the chain shows what became of it. Raises TransactionReverted, and Unfinished after the time."""
        tries = 0

        async def over() -> bool:
            nonlocal held, tries
            held = await self.find(held.hold.id)
            if held.hold.state is not HoldState.UNKNOWN:
                return True
            relay = await self._relay(held)
            if relay is None or relay.state in (RelayState.FAILED, RelayState.DROPPED):
                # Somebody else used its nonce, or its grant was registered by other means: it is sent anew.
                tries += 1
                if tries > TRIES_MAX or (relay is not None and relay.block is not None):
                    raise _reverted(relay)
                await self._queue_again(held)
            return False

        if not await self._driver.until(over, seconds):
            raise Unfinished(
                f"the payment {held.hold.id} is signed and in no final block yet: its money stays held. Ask for it"
                " again with the same idempotency key, or by its hold_id"
            )
        if held.hold.state is not HoldState.CAPTURED:
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
            to=address_of(hold.request.payee or "", "to"),
            receipt=await self._receipt(held),
            remaining=decimal_units(min(lefts), local.asset) if lefts else None,
        )

    async def find(self, hold_id: str) -> SpendRecord:
        """A spend of this owner. Raises NotFound."""
        found = await self._local.store.spend_record(hold_id)
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
        if signed is None or signed.status in (GrantStatus.REVOKING, GrantStatus.REVOKED):
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

    async def _sign(self, held: SpendRecord) -> None:
        """Sign what is held, unless another process did meanwhile: one payload is stored, and its bytes count."""
        local, hold = self._local, held.hold
        record = await local.store.session(hold.session_id)
        assert record is not None
        signed = await self._sessions.ensure_grant(record)
        if signed is None:
            raise refused_error(grant_needed("the session ended before its payment was signed"))
        payee = address_of(hold.request.payee or "", "to")
        head = await local.reader.head()
        spend = GrantSpend(
            payee=payee,
            amount=hold.request.amount.units,
            reference=keccak256(hold.id.encode("ascii")),
            nonce=next(self._nonces),
            # A chain that makes blocks on demand may be behind.
            deadline=max(head.timestamp, local.clock.now()) + SIGNED_SECONDS,
            executor=local.sender.address,
        )
        message = struct_hash("Spend", spend_message(grant_hash(signed.grant), spend))
        signature = sign_digest(self._sessions.key(record), local.domain.digest(message))
        raced = False
        try:
            await self._pay(held, record, signed, spend, signature)
        except Contradiction:
            # Of two that sign at once, the one that is stored first pays.
            raced = (await self.find(hold.id)).payment is not None
            if not raced:
                raise
        if raced:
            await self._queue_again(await self.find(hold.id))

    async def _queue_again(self, held: SpendRecord) -> None:
        """Have what was signed sent, when nobody has yet; nothing when its time is over."""
        local, payment = self._local, held.payment
        if held.hold.state is not HoldState.UNKNOWN or payment is None:
            return
        if not (payment.reference or "").startswith(DRAW):
            raise InvalidInput("this spend is paid by other means", field="hold_id")
        draw = read_draw(payment.payload)
        if draw.until <= local.clock.now():
            return
        if draw.executor != local.sender.address:
            raise NotConfigured(
                f"this payment was signed for {draw.executor} to send: open the manager with that gas_payer"
            )
        record = await local.store.session(held.hold.session_id)
        signed = await local.store.grant(draw.chain_id, bytes.fromhex(draw.grant[2:]))
        assert record is not None
        assert signed is not None
        spend = GrantSpend(
            payee=draw.payee,
            amount=int(draw.amount),
            reference=bytes.fromhex(draw.reference[2:]),
            nonce=int(draw.nonce),
            deadline=draw.until,
            executor=draw.executor,
        )
        await self._pay(held, record, signed, spend, bytes.fromhex(draw.signature[2:]))

    async def _pay(
        self,
        held: SpendRecord,
        record: SessionRecord,
        signed: SignedGrant,
        spend: GrantSpend,
        signature: bytes,
    ) -> None:
        proof = proof_of(signed.grant.payees, record.session.policy.allowed_payees, spend.payee)
        done = await self._driver.drawing.pay(
            held.hold.id, signed, spend, signature, proof, by=record.session.id
        )
        if isinstance(done, Refused):
            raise refused_error(done)

    async def _relay(self, held: SpendRecord) -> Relay | None:
        if held.payment is None or not (held.payment.reference or "").startswith(DRAW):
            return None
        draw = read_draw(held.payment.payload)
        return await self._local.store.relay_of_purpose(
            draw.chain_id, draw.executor, pay_purpose(held.hold.id)
        )

    async def _receipt(self, held: SpendRecord) -> Receipt:
        relay = await self._relay(held)
        if relay is None or not relay.hashes:
            return Receipt(None, None)
        for tx_hash in reversed(relay.hashes):
            found = await self._local.sender.sent(tx_hash)
            if found is not None:
                return Receipt(tx_hash, found.block)
        return Receipt(relay.hashes[-1], None)


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


def _waits(hold_id: str) -> Refused:
    return refuse(
        Code.APPROVAL_REQUIRED,
        "approval_above",
        "the spend waits for the owner's approval",
        hint="approve_spend, and then the same spend with the same idempotency key",
        approval=hold_id,
    )


def _reverted(relay: Relay | None) -> TransactionReverted:
    reason = "it was never sent" if relay is None else relay.reason
    tx_hash = relay.hashes[-1] if relay is not None and relay.hashes else ""
    return TransactionReverted(
        f"the payment's transaction came to nothing: {reason}. Its money stays held until its signature is over",
        tx_hash,
    )
