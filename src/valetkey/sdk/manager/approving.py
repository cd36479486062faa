"""What the contract may take of the owner's balance for all living grants together: no more, and looked after here."""

from dataclasses import replace

from valetkey.core.session import remaining
from valetkey.ports.accounts import SessionQuery
from valetkey.sdk.errors import TransactionReverted
from valetkey.sdk.manager.keeping import Kept
from valetkey.sdk.manager.on_evm import OnEvm
from valetkey.sdk.manager.owning import Owning
from valetkey.wire import calls

LIVING = ("active", "pending", "paused", "exhausted")
PAGE = 1_000
TRIES_MAX = 5


class Approving:
    """The part of a manager that looks after the contract's allowance."""

    def __init__(self, local: OnEvm, owning: Owning, kept: Kept) -> None:
        self._local = local
        self._owning = owning
        self._kept = kept

    async def ensure(self, *, at_least: int | None = None, exactly: bool = False) -> str | None:
        """Approve what living grants may take, unless that is approved; the hash, None when nothing was needed.

        `at_least`: nothing is done where so many base units are approved. `exactly`: what is approved beyond the need,
        for sessions that have ended, is taken back. Raises InsufficientFunds and TransactionReverted.
        """
        local, tx_hash = self._local, None
        await local.check_chain()
        if at_least is not None and await self._allowed() >= at_least:
            return None
        # One process at a time: an approval sets what it was before, and would undo another one's.
        async with local.turn("approve").alone():
            for _ in range(TRIES_MAX):
                needed = await self.needed()
                allowed = await self._allowed()
                if allowed == needed or (allowed > needed and not exactly):
                    return tx_hash
                tx_hash = await self._set(allowed, needed)
                local.observer("approved", tx_hash)
        raise TransactionReverted("what is approved does not become what was asked for", tx_hash or "")

    async def _set(self, allowed: int, needed: int) -> str:
        """Approve so much; of tokens such as USDT, which change an allowance only from or to nothing, nothing first."""
        problem: TransactionReverted | None = None
        try:
            return await self._approve(needed)
        except TransactionReverted as error:
            problem = error
        if not allowed or not needed:
            raise problem
        await self._approve(0)
        return await self._approve(needed)

    async def _approve(self, units: int) -> str:
        local = self._local
        call = calls.approve(local.asset.address, local.contract, units)
        return await self._owning.perform(f"approve {local.asset.address}", call)

    async def needed(self) -> int:
        """Base units that the grants of living sessions may still take, as the ledger knows it."""
        total = 0
        for status in LIVING:
            query = SessionQuery(self._local.owner_id, status=status, sort="oldest", limit=PAGE)
            while page := await self._kept.listed(query):
                for record in page:
                    # One that was rotated spends out of its successor, and one of another token is none of ours.
                    if not record.ancestors and self._kept.is_here(record):
                        left = (remaining(record.session) or 0) + record.session.usage.held
                        total += max(left, 0)
                query = replace(query, offset=query.offset + PAGE)
        return total

    async def _allowed(self) -> int:
        local = self._local
        return await local.reader.token_allowance(local.asset.address, local.owner, local.contract)
