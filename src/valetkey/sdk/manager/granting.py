"""The side of an EVM chain: the owner signs a grant once, and SessionAllowance enforces it, whoever has the key."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from valetkey.core.refusal import Refused
from valetkey.core.session import Status, status
from valetkey.core.spend import SpendRequest
from valetkey.crypto.signatures import sign_message
from valetkey.engine.granting import REVOKED_BIT, SPENT_BITS, SPENT_SHIFT
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import GrantStatus
from valetkey.ports.ledger import Payment, SpendRecord
from valetkey.sdk._async.connect import async_open_signer
from valetkey.sdk.errors import refused_error
from valetkey.sdk.manager.approving import Approving
from valetkey.sdk.manager.carrying import Carrying
from valetkey.sdk.manager.draws import Draws
from valetkey.sdk.manager.driving import Driver
from valetkey.sdk.manager.grants import Grants
from valetkey.sdk.manager.homing import Homing
from valetkey.sdk.manager.keeping import Kept
from valetkey.sdk.manager.on_evm import OnEvm
from valetkey.sdk.manager.owning import Owning
from valetkey.sdk.manager.side import Pursuit
from valetkey.sdk.manager.signing import check_typed_data, message_bytes
from valetkey.sdk.manager.standing import standing_of, written_down
from valetkey.sdk.manager.topping import Topping
from valetkey.sdk.manager.views import Receipt
from valetkey.wire import grant_calls


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
        self._draws = Draws(local, self._driver, kept, self._grants, self._approving)
        self._carrying = Carrying(local, self._driver, kept, self._grants)
        self.topping = Topping(local, self._driver, kept, self._grants)
        self._homing = Homing(local, self._owning, kept, self.topping)

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
            return sign_message(self._kept.evm_key(record), message_bytes(message))
        assert typed_data is not None
        check_typed_data(typed_data, local.chain.chain_id, local.contract, local.asset.address)
        return async_open_signer(self._kept.evm_key(record)).sign_typed_data(typed_data)

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
        return await self._draws.look(record, request)

    async def pay(self, held: SpendRecord) -> None:
        await self._draws.pay(held)

    async def again(self, held: SpendRecord) -> None:
        await self._draws.again(held)

    def pursuit(self) -> Pursuit:
        return self._draws.pursuit()

    async def look_up(self, held: SpendRecord) -> None:
        """Ask the chain now what became of a payment that its payee sends."""
        await self._driver.look(held)

    async def receipt(self, held: SpendRecord) -> Receipt:
        return await self._draws.receipt(held)

    def signed_until(self, payment: Payment) -> int | None:
        return self._draws.signed_until(payment)

    def outlives(self, payment: Payment) -> bool:
        return self._draws.outlives(payment)

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

    async def _is_frozen(self) -> bool:
        local = self._local
        answer = await local.reader.view(grant_calls.standings(local.contract, local.owner))
        return grant_calls.number(answer) % 2 == 1
