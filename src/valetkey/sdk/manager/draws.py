"""Draws on a grant: the session's key signs each payment, the contract pays it out of the owner's balance."""

from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.money import format_units
from valetkey.core.refusal import Refused
from valetkey.core.session import status
from valetkey.core.spend import HoldState, SpendRequest
from valetkey.crypto.keys import keccak256
from valetkey.crypto.signatures import sign_digest
from valetkey.engine.drawing import pay_purpose
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import SignedGrant
from valetkey.ports.ledger import Payment, SpendRecord
from valetkey.ports.relays import Relay, RelayState
from valetkey.sdk.errors import InsufficientFunds, NotConfigured, TransactionReverted, refused_error
from valetkey.sdk.manager.approving import Approving
from valetkey.sdk.manager.driving import Driver
from valetkey.sdk.manager.grants import DEAD_GRANTS, Grants, payees_on_chain
from valetkey.sdk.manager.keeping import Kept
from valetkey.sdk.manager.on_evm import OnEvm
from valetkey.sdk.manager.rules import address_of
from valetkey.sdk.manager.side import Pursuit
from valetkey.sdk.manager.standing import grant_needed, written_down
from valetkey.sdk.manager.views import Receipt
from valetkey.sdk.nonces import nonces
from valetkey.wire.authorizations import is_authorization, read_authorization
from valetkey.wire.draws import DRAW, read_draw
from valetkey.wire.grants import GrantSpend, grant_hash, proof_of, spend_message, struct_hash

SIGNED_SECONDS = 600
"""How long a signed payment may be submitted."""

TRIES_MAX = 5


class Draws:
    """The part of a manager that pays out of its sessions' grants."""

    def __init__(
        self, local: OnEvm, driver: Driver, kept: Kept, grants: Grants, approving: Approving
    ) -> None:
        self._local = local
        self._driver = driver
        self._kept = kept
        self._grants = grants
        self._approving = approving
        self._nonces = nonces()

    async def look(self, record: SessionRecord, request: SpendRequest) -> SessionRecord:
        """What would make a payment come to nothing, before anything is held: ended, frozen, not enough money."""
        local = self._local
        await local.check_chain()
        self._kept.key(record)
        signed = await self._grants.ensure(record)
        if signed is None:
            # The gate says why.
            return record
        record = await written_down(local, record, signed)
        signed = await self._grants.of(record)
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

    async def pay(self, held: SpendRecord) -> None:
        """Sign what is held, unless another process did meanwhile: one payload is stored, and its bytes count."""
        local, hold = self._local, held.hold
        record = await local.store.session(hold.session_id)
        assert record is not None
        # It was held before, by a process that ended: what was taken back since is not signed for any more.
        self._kept.check_living(record)
        signed = await self._grants.ensure(record)
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
        signature = sign_digest(self._kept.evm_key(record), local.domain.digest(message))
        raced = False
        try:
            await self._pay(held, record, signed, spend, signature)
        except Contradiction:
            # Of two that sign at once, the one that is stored first pays.
            raced = (await self._find(hold.id)).payment is not None
            if not raced:
                raise
        if raced:
            await self.again(await self._find(hold.id))

    async def again(self, held: SpendRecord) -> None:
        """Have what was signed sent, when nobody has yet; nothing when its time is over."""
        local, payment = self._local, held.payment
        if held.hold.state is not HoldState.UNKNOWN or payment is None:
            return
        if is_authorization(payment.reference):
            # Its payee has it, and sends it.
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
            self._kept.check_not_revoked(record)
        spend = GrantSpend(
            payee=draw.payee,
            amount=int(draw.amount),
            reference=bytes.fromhex(draw.reference[2:]),
            nonce=int(draw.nonce),
            deadline=draw.until,
            executor=draw.executor,
        )
        await self._pay(held, record, signed, spend, bytes.fromhex(draw.signature[2:]))

    def pursuit(self) -> Pursuit:
        """What brings a payment further, sending it anew a few times. See side.py."""
        tries = 0

        async def further(held: SpendRecord) -> None:
            nonlocal tries
            if held.payment is not None and is_authorization(held.payment.reference):
                await self._driver.look(held)
                return
            relay = await self._relay(held)
            if relay is None or relay.state in (RelayState.FAILED, RelayState.DROPPED):
                # Somebody else used its nonce, or its grant was registered by other means: it is sent anew.
                tries += 1
                if tries > TRIES_MAX or (relay is not None and relay.block is not None):
                    raise _reverted(relay)
                await self.again(held)

        return further

    async def receipt(self, held: SpendRecord) -> Receipt:
        """What the chain shows of a payment: the transaction that carried it, or the last one that was sent."""
        relay = await self._relay(held)
        if relay is None or not relay.hashes:
            return Receipt(None, None)
        for tx_hash in reversed(relay.hashes):
            found = await self._local.sender.sent(tx_hash)
            if found is not None:
                return Receipt(tx_hash, found.block)
        return Receipt(relay.hashes[-1], None)

    def signed_until(self, payment: Payment) -> int | None:
        """When what was signed is dead: unix seconds; None for what has no such end."""
        if is_authorization(payment.reference):
            return read_authorization(payment.payload).dead_from
        return read_draw(payment.payload).until if (payment.reference or "").startswith(DRAW) else None

    def outlives(self, payment: Payment) -> bool:
        """What the key signed for a payee that sends it itself: no grant is asked then."""
        return is_authorization(payment.reference)

    # Inside

    async def _find(self, hold_id: str) -> SpendRecord:
        found = await self._local.store.spend_record(hold_id)
        assert found is not None, "holds are never deleted"
        return found

    async def _pay(
        self,
        held: SpendRecord,
        record: SessionRecord,
        signed: SignedGrant,
        spend: GrantSpend,
        signature: bytes,
    ) -> None:
        proof = proof_of(signed.grant.payees, payees_on_chain(record), spend.payee)
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


def _reverted(relay: Relay | None) -> TransactionReverted:
    reason = "it was never sent" if relay is None else relay.reason
    tx_hash = relay.hashes[-1] if relay is not None and relay.hashes else ""
    return TransactionReverted(
        f"the payment's transaction came to nothing: {reason}. Its money stays held until its signature is over",
        tx_hash,
    )
