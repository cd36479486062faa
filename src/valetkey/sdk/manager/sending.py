"""What is held is signed by the session's key, written down, queued, and followed until the chain shows its end.

Each step is durable before the next, and doing the same again goes on from the last one: in any process.
"""

from valetkey.core.commands import Execute
from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.spend import HoldState
from valetkey.crypto.keys import keccak256
from valetkey.crypto.signatures import sign_digest
from valetkey.engine.drawing import pay_purpose
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import GrantStatus, SignedGrant
from valetkey.ports.ledger import SpendRecord
from valetkey.ports.relays import Relay, RelayState
from valetkey.ports.wallet import StillPending
from valetkey.sdk.errors import (
    NotConfigured,
    NotFound,
    TransactionReverted,
    refused_error,
)
from valetkey.sdk.manager.driving import Driver
from valetkey.sdk.manager.local import BY_OWNER, Local
from valetkey.sdk.manager.making import Sessions
from valetkey.sdk.manager.rules import (
    address_of,
)
from valetkey.sdk.manager.standing import grant_needed
from valetkey.sdk.manager.views import Receipt
from valetkey.sdk.nonces import nonces
from valetkey.wire.draws import DRAW, read_draw
from valetkey.wire.grants import GrantSpend, grant_hash, proof_of, spend_message, struct_hash

SIGNED_SECONDS = 600
"""How long a signed payment may be submitted."""

HOLD_SECONDS = 900
"""How long a hold waits for its signature, should its process end in between."""

TRIES_MAX = 5
DEAD_GRANTS = frozenset({GrantStatus.REVOKING, GrantStatus.REVOKED})


class Sending:
    """The part of a manager that brings payments to the chain."""

    def __init__(self, local: Local, driver: Driver, sessions: Sessions) -> None:
        self._local = local
        self._driver = driver
        self._sessions = sessions
        self._nonces = nonces()

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
        """Drive until the chain shows what became of it. Raises TransactionReverted, StillPending after the time."""
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
            raise StillPending(
                f"the payment {held.hold.id} is signed and in no final block yet: its money stays held. Ask for it"
                " again with the same idempotency key, or by its hold_id"
            )
        if held.hold.state is not HoldState.CAPTURED:
            raise TransactionReverted(
                f"the payment {held.hold.id} came to nothing, and its money is given back: ask anew"
            )
        return held

    async def find(self, hold_id: str) -> SpendRecord:
        """A spend of this owner. Raises NotFound."""
        found = await self._local.store.spend_record(hold_id)
        if found is None or found.owner_id != self._local.owner_id:
            raise NotFound("this file has no payment of this id", code="not_found", status=404)
        return found

    async def receipt(self, held: SpendRecord) -> Receipt:
        relay = await self._relay(held)
        if relay is None or not relay.hashes:
            return Receipt(None, None)
        for tx_hash in reversed(relay.hashes):
            found = await self._local.sender.sent(tx_hash)
            if found is not None:
                return Receipt(tx_hash, found.block)
        return Receipt(relay.hashes[-1], None)

    # Inside

    async def _sign(self, held: SpendRecord) -> None:
        """Sign what is held, unless another process did meanwhile: one payload is stored, and its bytes count."""
        local, hold = self._local, held.hold
        record = await local.store.session(hold.session_id)
        assert record is not None
        # It was held before, by a process that ended: what was taken back since is not signed for any more.
        self._sessions.check_living(record)
        signed = await self._sessions.ensure_grant(record)
        if signed is None or signed.status in DEAD_GRANTS:
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
        sent = await self._relay(held)
        if signed.status in DEAD_GRANTS and (sent is None or not sent.is_open):
            # Nobody but us may submit it, and it has not been: so it never moves.
            self._sessions.check_not_revoked(record)
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
