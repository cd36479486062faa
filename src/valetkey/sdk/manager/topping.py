"""Money of the owner is brought to a session's own key, so much as a payment needs that the key signs for the payee.

What lies at the key's address is still the session's to spend. So nothing of this is held or captured: the payment is.
What was brought for a payment that came to nothing is used by the next one.
"""

import asyncio
import time

from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.spend import HoldState
from valetkey.crypto.signatures import sign_digest
from valetkey.engine.authorizing import is_used
from valetkey.engine.drawing import SPEND_GAS
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import SpendQuery, SpendRecord
from valetkey.ports.relays import Relay, RelayState
from valetkey.ports.wallet import StillPending
from valetkey.sdk.errors import InsufficientFunds, NotConfigured, RelayRefused, refused_error
from valetkey.sdk.manager.driving import Driver
from valetkey.sdk.manager.grants import DEAD_GRANTS, Grants, payees_on_chain
from valetkey.sdk.manager.keeping import Kept
from valetkey.sdk.manager.on_evm import OnEvm
from valetkey.sdk.manager.standing import grant_needed
from valetkey.sdk.manager.top_ups import TopUp, TopUps, reference_for
from valetkey.sdk.nonces import nonces
from valetkey.sdk.x402.terms import OPERATION
from valetkey.wire import calls, grant_calls
from valetkey.wire.authorizations import read_authorization
from valetkey.wire.draws import DrawPayload
from valetkey.wire.grants import GrantSpend, grant_hash, proof_of, spend_message, struct_hash

SIGNED_SECONDS = 600
"""How long what is signed may be submitted."""

TRIES_MAX = 5
UNDER_WAY_MAX = 1_000
SEEN_SECONDS = 5.0
PAUSE_SECONDS = 0.25


class Topping:
    """The part of a manager that fills the accounts of its sessions' keys."""

    def __init__(self, local: OnEvm, driver: Driver, kept: Kept, grants: Grants) -> None:
        self._local = local
        self._driver = driver
        self._kept = kept
        self._grants = grants
        self._top_ups = TopUps(local.store)
        self._nonces = nonces()

    async def missing(self, record: SessionRecord, units: int, hold_id: str | None = None) -> int:
        """Base units that a payment lacks at the key's address, beside what others of the session need or may take."""
        return max(units - await self._free(record, hold_id, held_too=True), 0)

    async def unspoken(self, record: SessionRecord) -> int:
        """Base units at the key's address that no signed payment may take any more."""
        return await self._free(record, None)

    def check_possible(self, record: SessionRecord) -> None:
        """Raise OperationNotAllowed for a session whose grant pays only those that it names, and not its own key."""
        payees = payees_on_chain(record)
        if payees is not None and (record.wallet_address or "").lower() not in payees:
            raise refused_error(
                refuse(
                    Code.OPERATION_NOT_ALLOWED,
                    "allowed_operations",
                    "what is paid over HTTP goes through the session's own key, which its grant does not name",
                    hint=f'make the session with allowed_operations=["payment", "{OPERATION}"]',
                )
            )

    async def bring(self, held: SpendRecord) -> None:
        """Have at the key's address what a hold needs. Again, it goes on with what was signed.

        Raises refusals when the contract says no, InsufficientFunds when the money is not there nevertheless, and
        StillPending when the chain takes longer.
        """
        local, hold = self._local, held.hold
        record = await local.store.session(hold.session_id)
        assert record is not None
        units = hold.request.amount.units
        top_up = await self._top_ups.of(hold.session_id, reference_for(hold.id))
        if top_up is None and (missing := await self.missing(record, units, hold.id)):
            top_up = await self._signed(record, hold.id, missing)
        if top_up is not None:
            try:
                await self._submitted(top_up)
            except RelayRefused:
                # What the contract has no more may be there already, once others have taken what is theirs.
                if not await self._spared(record, units, hold.id):
                    raise
        ends = time.monotonic() + SEEN_SECONDS
        while await self._free(record, hold.id) < units:
            if time.monotonic() >= ends:
                raise InsufficientFunds(
                    f"the session's key {record.wallet_address} has less {local.asset.currency} than the payment"
                )
            # One node saw the block, and another one has not yet.
            await asyncio.sleep(PAUSE_SECONDS)

    # Inside

    async def _spared(self, record: SessionRecord, units: int, hold_id: str) -> bool:
        """Whether others of the session leave what a payment needs, who are waited for while they might."""
        ends = time.monotonic() + SEEN_SECONDS
        while await self.missing(record, units, hold_id):
            if time.monotonic() >= ends or await self._free(record, hold_id) < units:
                return False
            await asyncio.sleep(PAUSE_SECONDS)
        return True

    async def _free(self, record: SessionRecord, beside: str | None, *, held_too: bool = False) -> int:
        """What is at the key's address and may not be taken by what it signed, all of it seen in one block.

        `held_too`: and is not wanted by payments that are held. `beside`: the hold that is asked for.
        """
        local = self._local
        assert record.wallet_address is not None
        # In the order in which a payment goes from one to the other: none is left out.
        held = await self._under_way(record, HoldState.HELD, beside) if held_too else []
        unknown = await self._under_way(record, HoldState.UNKNOWN, beside)
        assigned = sum(one.hold.request.amount.units for one in held)
        head = await local.reader.head()
        for one in unknown:
            assert one.payment is not None, "what is unknown was signed"
            if not await is_used(local.reader, read_authorization(one.payment.payload), head.number):
                assigned += one.hold.request.amount.units
        answer = await local.reader.view(
            calls.balance_of(local.asset.address, record.wallet_address), at_block=head.number
        )
        return max(int.from_bytes(answer) - assigned, 0)

    async def _under_way(
        self, record: SessionRecord, state: HoldState, beside: str | None
    ) -> list[SpendRecord]:
        """Payments over HTTP of a session in one state, but one."""
        query = SpendQuery(self._local.owner_id, record.session.id, state, UNDER_WAY_MAX, 0)
        page, count = await self._local.store.spends(query)
        if count > len(page):
            raise StillPending("too many payments of the session are under way: settle, and ask again")
        return [one for one in page if one.hold.request.operation == OPERATION and one.hold.id != beside]

    async def _signed(self, record: SessionRecord, hold_id: str, units: int) -> TopUp:
        """Sign for so much, and write it down before anybody may send it."""
        local = self._local
        signed = await self._grants.ensure(record)
        if signed is None or signed.status in DEAD_GRANTS:
            raise refused_error(grant_needed("the session ended before its payment was signed"))
        self.check_possible(record)
        key = self._kept.evm_key(record)
        head = await local.reader.head()
        spend = GrantSpend(
            payee=key.address,
            amount=units,
            reference=reference_for(hold_id),
            nonce=next(self._nonces),
            # A chain that makes blocks on demand may be behind.
            deadline=max(head.timestamp, local.clock.now()) + SIGNED_SECONDS,
            executor=local.sender.address,
        )
        message = struct_hash("Spend", spend_message(grant_hash(signed.grant), spend))
        signature = sign_digest(key, local.domain.digest(message))
        made = TopUp(hold_id, DrawPayload.of(signed, spend, signature))
        return await self._top_ups.keep(record.session.id, made)

    async def _submitted(self, top_up: TopUp) -> None:
        """Wait until what was signed is in a block. That it stays there is the payee's concern, as the payment is."""
        tries = 0

        async def there() -> bool:
            nonlocal tries
            relay = await self._relay(top_up)
            if relay is not None and relay.state is RelayState.DONE:
                return True
            if relay is not None and relay.is_open:
                return await self._is_in_block(relay)
            tries += 1
            if tries > TRIES_MAX or (relay is not None and relay.block is not None):
                raise refused_error(_came_to_nothing(relay))
            # Somebody else used its nonce, or its grant was registered by other means: it is sent anew.
            await self._queue(top_up, relay)
            return False

        if not await self._driver.until(there, self._local.wait_seconds):
            raise StillPending(
                "the money of the payment is on its way to the session's key: ask the same again, which goes on with it"
            )

    async def _queue(self, top_up: TopUp, before: Relay | None) -> None:
        local, draw = self._local, top_up.draw
        if draw.executor != local.sender.address:
            raise NotConfigured(
                f"this payment was signed for {draw.executor} to send: open the manager with that gas_payer"
            )
        if draw.until <= local.clock.now():
            raise refused_error(_came_to_nothing(before))
        signed = await local.store.grant(draw.chain_id, bytes.fromhex(draw.grant[2:]))
        assert signed is not None, "grants are never deleted"
        record = await local.store.session(signed.session_id)
        assert record is not None
        self._kept.check_living(record)
        spend = GrantSpend(
            payee=draw.payee,
            amount=int(draw.amount),
            reference=bytes.fromhex(draw.reference[2:]),
            nonce=int(draw.nonce),
            deadline=draw.until,
            executor=draw.executor,
        )
        call = grant_calls.spend_signed_with_proof(
            signed.contract,
            signed.grant,
            [],
            spend,
            bytes.fromhex(draw.signature[2:]),
            proof=proof_of(signed.grant.payees, payees_on_chain(record), draw.payee),
        )
        done = await self._driver.drawing.queue(signed, _purpose(top_up), call, SPEND_GAS, draw.until)
        if isinstance(done, Refused):
            raise refused_error(done)

    async def _relay(self, top_up: TopUp) -> Relay | None:
        draw = top_up.draw
        return await self._local.store.relay_of_purpose(draw.chain_id, draw.executor, _purpose(top_up))

    async def _is_in_block(self, relay: Relay) -> bool:
        for tx_hash in reversed(relay.hashes):
            found = await self._local.sender.sent(tx_hash)
            if found is not None:
                return found.succeeded
        return False


def _purpose(top_up: TopUp) -> str:
    """What the transaction is called among those of its sender."""
    return f"top up {top_up.hold_id}"


def _came_to_nothing(relay: Relay | None) -> Refused:
    reason = "it was not sent in time" if relay is None else relay.reason
    return refuse(
        Code.RELAY_REFUSED,
        "contract",
        f"the money of the payment did not come to the session's key: {reason}",
        hint="nothing was signed for the payee: ask again",
    )
