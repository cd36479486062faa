"""Sessions are taken back: in the ledger first, for every process, then on chain by what the owner signed for that."""

from dataclasses import replace

from valetkey.core.spend import HoldState
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import GrantStatus
from valetkey.ports.ledger import SpendQuery
from valetkey.sdk.errors import Unfinished
from valetkey.sdk.manager.driving import Driver
from valetkey.sdk.manager.local import BY_OWNER, Local
from valetkey.sdk.manager.making import KeyHash, Sessions, hash_in
from valetkey.sdk.manager.rules import decimal_units
from valetkey.sdk.manager.views import Revoked, session_view
from valetkey.wire.draws import DRAW, read_draw

PAGE = 100


class Ending:
    """The part of a manager that takes sessions back."""

    def __init__(self, local: Local, driver: Driver, sessions: Sessions) -> None:
        self._local = local
        self._driver = driver
        self._sessions = sessions

    async def revoke(self, key_hash: KeyHash, seconds: float | None) -> Revoked:
        """Revoke for ever. `seconds`: how long the chain is waited for; None leaves it to the next step.

        Raises Unfinished when the chain took longer, and the session is revoked in the ledger nevertheless.
        """
        local = self._local
        record = await self._sessions.record(key_hash)
        record = await local.store.revoke_session(record.session.id, by=BY_OWNER)
        if seconds is not None and not await self._driver.until(lambda: self._is_ended(record), seconds):
            raise Unfinished(
                "the session is revoked here, and its revocation is in no final block yet: do the same again"
            )
        return await self._view(record)

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
