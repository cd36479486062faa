"""Sessions are taken back: in the ledger first, for every process, then on chain by what the owner signed for that."""

from dataclasses import replace

from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import status
from valetkey.core.spend import HoldState
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import SpendQuery
from valetkey.ports.wallet import StillPending
from valetkey.sdk.errors import refused_error
from valetkey.sdk.manager.keeping import Kept, KeyHash, hash_in
from valetkey.sdk.manager.local import BY_OWNER, Local
from valetkey.sdk.manager.rules import decimal_units
from valetkey.sdk.manager.side import Side
from valetkey.sdk.manager.views import Reclaimed, Revoked, session_view

PAGE = 100


class Ending:
    """The part of a manager that takes sessions back."""

    def __init__(self, local: Local, kept: Kept, side: Side) -> None:
        self._local = local
        self._kept = kept
        self._side = side

    async def revoke(self, key_hash: KeyHash, seconds: float | None) -> Revoked:
        """Revoke for ever. `seconds`: how long the chain is waited for; None leaves it to the next step.

        Raises StillPending when the chain took longer, and the session is revoked in the ledger nevertheless.
        """
        local = self._local
        record = await self._kept.record(key_hash)
        record = await local.store.revoke_session(record.session.id, by=BY_OWNER)
        if seconds is not None:
            await self._wait(record, seconds)
        return await self._view(record)

    async def pause(self, key_hash: KeyHash, *, paused: bool) -> SessionRecord:
        """Let a session stand still, or go on."""
        record = await self._kept.record(key_hash)
        return await self._local.store.pause_session(record.session.id, paused=paused, by=BY_OWNER)

    async def freeze(self) -> str | None:
        """Stop every session of the owner: here at once, then on chain; the hash, None when that is frozen already."""
        local = self._local
        await local.ensure_owner()
        await local.store.freeze(local.owner_id, frozen=True, by=BY_OWNER)
        return await self._side.freeze()

    async def thaw(self) -> str | None:
        """Let every session of the owner go on: on chain first, then here; the hash, None when that was not frozen."""
        local = self._local
        await local.ensure_owner()
        tx_hash = await self._side.thaw()
        await local.store.freeze(local.owner_id, frozen=False, by=BY_OWNER)
        return tx_hash

    async def reclaim(self, key_hash: KeyHash, seconds: float) -> Reclaimed:
        """End a session, here and on chain, and bring home what it has left."""
        record = await self._kept.record(key_hash)
        if not self._kept.is_dead(record):
            record = await self._local.store.revoke_session(record.session.id, by=BY_OWNER)
        await self._wait(record, seconds)
        units, lamports = await self._side.reclaim(record)
        local = self._local
        return Reclaimed(
            session=session_view(record, hash_in(record), local.chain, local.asset, local.clock.now()),
            amount=decimal_units(units, local.asset),
            lamports=lamports,
        )

    async def forget(self, key_hash: KeyHash) -> bool:
        """Remove an ended session's key from the keystore, for ever; False when it was not there.

        Raises WrongStatus for a session that lives or has a payment under way, and where the key's own address has
        money, which nobody could get any more.
        """
        local = self._local
        record = await self._kept.record(key_hash)
        if str(status(record.session, local.clock.now(), record.ancestors)) not in ("revoked", "expired"):
            raise refused_error(_stays("the session has not ended: revoke it first"))
        if record.session.usage.held:
            raise refused_error(_stays("a payment of the session is under way: settle first"))
        await self._side.ready()
        assert record.wallet_address is not None
        if await self._side.owns(record.wallet_address):
            raise refused_error(_stays(f"the key's own address {record.wallet_address} has money"))
        return local.keystore.remove(hash_in(record))

    async def waits(self) -> bool:
        """Whether a revocation is wanted on chain, or a payment is not proven."""
        local = self._local
        if await self._side.ending():
            return True
        _, count = await local.store.spends(SpendQuery(local.owner_id, None, HoldState.UNKNOWN, 1, 0))
        return count > 0

    async def _wait(self, record: SessionRecord, seconds: float) -> None:
        if not await self._side.until(lambda: self._side.is_ended(record), seconds):
            raise StillPending(
                "the session is ended here, and its revocation is in no final block yet: do the same again"
            )

    async def _view(self, record: SessionRecord) -> Revoked:
        local, units, until = self._local, 0, None
        on_chain = await self._side.is_ended(record)
        query = SpendQuery(local.owner_id, record.session.id, HoldState.UNKNOWN, PAGE, 0)
        while True:
            page, _ = await local.store.spends(query)
            for one in page:
                if on_chain and (one.payment is None or not self._side.outlives(one.payment)):
                    continue
                units += one.hold.amount
                ends = None if one.payment is None else self._side.signed_until(one.payment)
                if ends is not None:
                    until = max(until or 0, ends)
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
