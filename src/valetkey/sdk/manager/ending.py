"""Sessions are taken back: in the ledger first, for every process, then on chain by what the owner signed for that."""

from dataclasses import replace

from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import status
from valetkey.core.spend import HoldState
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import GrantStatus
from valetkey.ports.ledger import SpendQuery
from valetkey.ports.wallet import StillPending
from valetkey.sdk.errors import refused_error
from valetkey.sdk.manager.driving import Driver
from valetkey.sdk.manager.local import BY_OWNER, Local
from valetkey.sdk.manager.making import KeyHash, Sessions, hash_in
from valetkey.sdk.manager.owning import Owning
from valetkey.sdk.manager.rules import decimal_units
from valetkey.sdk.manager.views import Revoked, session_view
from valetkey.wire import grant_calls
from valetkey.wire.draws import DRAW, read_draw

PAGE = 100


class Ending:
    """The part of a manager that takes sessions back."""

    def __init__(self, local: Local, driver: Driver, sessions: Sessions, owning: Owning) -> None:
        self._local = local
        self._driver = driver
        self._sessions = sessions
        self._owning = owning

    async def revoke(self, key_hash: KeyHash, seconds: float | None) -> Revoked:
        """Revoke for ever. `seconds`: how long the chain is waited for; None leaves it to the next step.

        Raises StillPending when the chain took longer, and the session is revoked in the ledger nevertheless.
        """
        local = self._local
        record = await self._sessions.record(key_hash)
        record = await local.store.revoke_session(record.session.id, by=BY_OWNER)
        if seconds is not None and not await self._driver.until(lambda: self._is_ended(record), seconds):
            raise StillPending(
                "the session is revoked here, and its revocation is in no final block yet: do the same again"
            )
        return await self._view(record)

    async def pause(self, key_hash: KeyHash, *, paused: bool) -> SessionRecord:
        """Let a session stand still, or go on."""
        record = await self._sessions.record(key_hash)
        return await self._local.store.pause_session(record.session.id, paused=paused, by=BY_OWNER)

    async def freeze(self) -> str | None:
        """Stop every session of the owner: here at once, then on chain; the hash, None when that is frozen already."""
        local = self._local
        await local.ensure_owner()
        await local.store.freeze(local.owner_id, frozen=True, by=BY_OWNER)
        await local.check_chain()
        if await self._is_frozen():
            return None
        return await self._owning.perform("freeze", grant_calls.freeze(local.contract))

    async def thaw(self) -> str | None:
        """Let every session of the owner go on: on chain first, then here; the hash, None when that was not frozen."""
        local, tx_hash = self._local, None
        await local.ensure_owner()
        await local.check_chain()
        if await self._is_frozen():
            tx_hash = await self._owning.perform("thaw", grant_calls.thaw(local.contract))
        await local.store.freeze(local.owner_id, frozen=False, by=BY_OWNER)
        return tx_hash

    async def forget(self, key_hash: KeyHash) -> bool:
        """Remove an ended session's key from the keystore, for ever; False when it was not there.

        Raises WrongStatus for a session that lives or has a payment under way, and where the key's own address has
        money, which nobody could get any more.
        """
        local = self._local
        record = await self._sessions.record(key_hash)
        if str(status(record.session, local.clock.now(), record.ancestors)) not in ("revoked", "expired"):
            raise refused_error(_stays("the session has not ended: revoke it first"))
        if record.session.usage.held:
            raise refused_error(_stays("a payment of the session is under way: settle first"))
        await local.check_chain()
        assert record.wallet_address is not None
        owned = await local.reader.token_balance(record.wallet_address)
        if owned or await local.reader.native_balance(record.wallet_address):
            raise refused_error(_stays(f"the key's own address {record.wallet_address} has money"))
        return local.keystore.remove(hash_in(record))

    async def _is_frozen(self) -> bool:
        local = self._local
        answer = await local.reader.view(grant_calls.standings(local.contract, local.owner))
        return grant_calls.number(answer) % 2 == 1

    async def waits(self) -> bool:
        """Whether a revocation is wanted on chain, or a payment is not proven."""
        local = self._local
        if await local.store.grants_to_revoke(local.chain.chain_id, 1):
            return True
        _, count = await local.store.spends(SpendQuery(local.owner_id, None, HoldState.UNKNOWN, 1, 0))
        return count > 0

    async def _is_ended(self, record: SessionRecord) -> bool:
        """Whether the chain will let nothing more out of the session's grant; one without a grant has nothing."""
        signed = await self._sessions.grant(record)
        return signed is None or signed.status is GrantStatus.REVOKED

    async def _view(self, record: SessionRecord) -> Revoked:
        local, units, until = self._local, 0, None
        on_chain = await self._is_ended(record)
        query = SpendQuery(local.owner_id, record.session.id, HoldState.UNKNOWN, PAGE, 0)
        while not on_chain:
            page, _ = await local.store.spends(query)
            for one in page:
                units += one.hold.amount
                if one.payment is not None and (one.payment.reference or "").startswith(DRAW):
                    until = max(until or 0, read_draw(one.payment.payload).until)
            if len(page) < PAGE:
                break
            query = replace(query, offset=query.offset + PAGE)
        now = local.clock.now()
        return Revoked(
            session=session_view(record, hash_in(record), local.chain, local.asset, now),
            on_chain=on_chain,
            signed=decimal_units(units, local.asset),
            signed_until=until,
        )


def _stays(message: str) -> Refused:
    return refuse(Code.WRONG_STATUS, "key", message)
