"""The side of an EVM chain: the owner signs a grant once, and SessionAllowance enforces it, whoever has the key."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.money import format_units
from valetkey.core.refusal import Refused
from valetkey.core.session import Status, status
from valetkey.core.spend import HoldState, SpendRequest
from valetkey.crypto.keys import PrivateKey, keccak256
from valetkey.crypto.signatures import sign_digest, sign_message
from valetkey.engine.drawing import pay_purpose
from valetkey.engine.granting import REVOKED_BIT, SPENT_BITS, SPENT_SHIFT
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import GrantStatus, SignedGrant
from valetkey.ports.ledger import Payment, SpendRecord
from valetkey.ports.relays import Relay, RelayState
from valetkey.sdk._async.connect import async_open_signer
from valetkey.sdk.errors import InsufficientFunds, NotConfigured, TransactionReverted, refused_error
from valetkey.sdk.manager.approving import Approving
from valetkey.sdk.manager.carrying import Carrying
from valetkey.sdk.manager.driving import Driver
from valetkey.sdk.manager.grants import Grants, payees_on_chain
from valetkey.sdk.manager.homing import Homing
from valetkey.sdk.manager.keeping import Kept
from valetkey.sdk.manager.on_evm import OnEvm
from valetkey.sdk.manager.owning import Owning
from valetkey.sdk.manager.rules import address_of
from valetkey.sdk.manager.side import Pursuit
from valetkey.sdk.manager.signing import check_typed_data, message_bytes
from valetkey.sdk.manager.standing import grant_needed, standing_of, written_down
from valetkey.sdk.manager.topping import Topping
from valetkey.sdk.manager.views import Receipt
from valetkey.sdk.nonces import nonces
from valetkey.wire import grant_calls
from valetkey.wire.authorizations import is_authorization, read_authorization
from valetkey.wire.draws import DRAW, read_draw
from valetkey.wire.grants import GrantSpend, grant_hash, proof_of, spend_message, struct_hash

SIGNED_SECONDS = 600
"""How long a signed payment may be submitted."""

TRIES_MAX = 5
DEAD_GRANTS = frozenset({GrantStatus.REVOKING, GrantStatus.REVOKED})


class GrantSide:
    """See side.py."""

    hold_seconds = 900

    def __init__(self, local: OnEvm, kept: Kept, wait_seconds: float) -> None:
        self._local = local
        self._kept = kept
        self._driver = Driver(local)
        self._grants = Grants(local, kept)
        self._owning = Owning(local, self._driver, wait_seconds)
        self._approving = Approving(local, self._owning, kept)
        self._carrying = Carrying(local, self._driver, kept, self._grants)
        self.topping = Topping(local, self._driver, kept, self._grants)
        self._homing = Homing(local, self._owning, kept, self.topping)
        self._nonces = nonces()

    async def ready(self) -> None:
        await self._local.check_chain()

    # Sessions

    async def give(self, record: SessionRecord) -> None:
        await self._grants.ensure(record)

    async def back(self, record: SessionRecord) -> None:  # noqa: ARG002 - one approval for all of them
        await self._approving.ensure()

    async def approve(self, *, at_least: int | None = None, exactly: bool = False) -> str | None:
        return await self._approving.ensure(at_least=at_least, exactly=exactly)

    def contracts(self) -> tuple[str, ...]:
        return (self._local.contract,)

    async def asked(self, record: SessionRecord) -> SessionRecord:
        signed = await self._grants.of(record)
        return record if signed is None else await written_down(self._local, record, signed)

    async def hand_over(self, record: SessionRecord) -> bool:
        """Queue what makes a session's grant known, which ends the one before; whether that was needed."""
        local = self._local
        if status(record.session, local.clock.now(), record.ancestors) is Status.REVOKED:
            return False
        given = await self._grants.last(record)
        if given is not None and given.contract != local.contract:
            # A manager of that contract does it.
            return False
        signed = await self._grants.ensure(record)
        if signed is None or signed.status is not GrantStatus.SIGNED:
            return False
        done = await self._driver.drawing.register(signed)
        if isinstance(done, Refused):
            raise refused_error(done)
        return done.is_open

    def sign(
        self, record: SessionRecord, message: str | bytes | None, typed_data: Mapping[str, Any] | None
    ) -> bytes:
        local = self._local
        if message is not None:
            return sign_message(self._key(record), message_bytes(message))
        assert typed_data is not None
        check_typed_data(typed_data, local.chain.chain_id, local.contract, local.asset.address)
        return async_open_signer(self._key(record)).sign_typed_data(typed_data)

    async def exposure(self, record: SessionRecord) -> int:
        """What lies at the key's own address, and what its grant still lets it take there."""
        assert record.wallet_address is not None
        return await self._drawable(record) + await self._local.reader.token_balance(record.wallet_address)

    async def _drawable(self, record: SessionRecord) -> int:
        """The least of what the grant has left on chain, what the contract may take, and what the owner has."""
        local = self._local
        signed = await self._grants.last(record)
        if signed is None or self._local.clock.now() >= signed.grant.valid_until:
            return 0
        await local.check_chain()
        standing = await standing_of(local, signed)
        if standing.revoked or standing.frozen:
            return 0
        word = grant_calls.number(await local.reader.view(grant_calls.words(signed.contract, signed.id)))
        spent = (word >> SPENT_SHIFT & (1 << SPENT_BITS) - 1) * signed.grant.unit
        has = await local.reader.token_balance(local.owner)
        allowed = await local.reader.token_allowance(local.asset.address, local.owner, signed.contract)
        return max(min(signed.grant.cap - spent, has, allowed), 0)

    async def owns(self, address: str) -> bool:
        reader = self._local.reader
        return bool(await reader.token_balance(address) or await reader.native_balance(address))

    # Payments

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
        signature = sign_digest(self._key(record), local.domain.digest(message))
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
        tries = 0

        async def further(held: SpendRecord) -> None:
            nonlocal tries
            if held.payment is not None and is_authorization(held.payment.reference):
                await self.look_up(held)
                return
            relay = await self._relay(held)
            if relay is None or relay.state in (RelayState.FAILED, RelayState.DROPPED):
                # Somebody else used its nonce, or its grant was registered by other means: it is sent anew.
                tries += 1
                if tries > TRIES_MAX or (relay is not None and relay.block is not None):
                    raise _reverted(relay)
                await self.again(held)

        return further

    async def look_up(self, held: SpendRecord) -> None:
        """Ask the chain now what became of a payment that its payee sends."""
        await self._driver.look(held)

    async def receipt(self, held: SpendRecord) -> Receipt:
        relay = await self._relay(held)
        if relay is None or not relay.hashes:
            return Receipt(None, None)
        for tx_hash in reversed(relay.hashes):
            found = await self._local.sender.sent(tx_hash)
            if found is not None:
                return Receipt(tx_hash, found.block)
        return Receipt(relay.hashes[-1], None)

    def signed_until(self, payment: Payment) -> int | None:
        if is_authorization(payment.reference):
            return read_authorization(payment.payload).dead_from
        return read_draw(payment.payload).until if (payment.reference or "").startswith(DRAW) else None

    def outlives(self, payment: Payment) -> bool:
        """What the key signed for a payee that sends it itself: no grant is asked then."""
        return is_authorization(payment.reference)

    # The end

    async def is_ended(self, record: SessionRecord) -> bool:
        """One without a grant has nothing that could end."""
        signed = await self._grants.last(record)
        if signed is None or signed.status is GrantStatus.REVOKED:
            return True
        if signed.contract == self._local.contract:
            return False
        # Nobody here hears of another contract: it is asked.
        reader = self._local.reader
        final = await reader.final()
        call = grant_calls.words(signed.contract, signed.id)
        word = grant_calls.number(await reader.view(call, at_block=final.number))
        return word >> REVOKED_BIT != 0

    async def reclaim(self, record: SessionRecord) -> tuple[int, int]:
        """What lies at the key's own address; what a grant did not spend never left the owner's balance."""
        return await self._homing.bring_home(record), 0

    async def freeze(self) -> str | None:
        """On chain; the hash, None when that is frozen already."""
        local = self._local
        await local.check_chain()
        if await self._is_frozen():
            return None
        return await self._owning.perform("freeze", grant_calls.freeze(local.contract))

    async def thaw(self) -> str | None:
        """On chain; the hash, None when that was not frozen."""
        local, tx_hash = self._local, None
        await local.check_chain()
        if await self._is_frozen():
            tx_hash = await self._owning.perform("thaw", grant_calls.thaw(local.contract))
        return tx_hash

    # What goes on by itself

    async def step(self) -> bool:
        return await self._driver.step()

    async def open(self) -> int:
        return await self._driver.open()

    async def ending(self) -> bool:
        return bool(await self._local.store.grants_to_revoke(self._local.chain.chain_id, 1))

    async def until(self, there: Callable[[], Awaitable[bool]], seconds: float) -> bool:
        return await self._driver.until(there, seconds)

    def alone(self) -> AbstractAsyncContextManager[None]:
        return self._driver.alone()

    async def export(self, record: SessionRecord) -> bytes:
        return await self._carrying.export(record)

    async def bring(self, content: bytearray) -> SessionRecord:
        return await self._carrying.bring(content)

    async def close(self) -> None:
        local = self._local
        for one in (local.reader, local.owner_sender, local.sender):
            await one.close()

    # Inside

    def _key(self, record: SessionRecord) -> PrivateKey:
        key = self._kept.key(record)
        assert isinstance(key, PrivateKey), "keys of an EVM chain are secp256k1"
        return key

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

    async def _is_frozen(self) -> bool:
        local = self._local
        answer = await local.reader.view(grant_calls.standings(local.contract, local.owner))
        return grant_calls.number(answer) % 2 == 1


def _reverted(relay: Relay | None) -> TransactionReverted:
    reason = "it was never sent" if relay is None else relay.reason
    tx_hash = relay.hashes[-1] if relay is not None and relay.hashes else ""
    return TransactionReverted(
        f"the payment's transaction came to nothing: {reason}. Its money stays held until its signature is over",
        tx_hash,
    )
