"""The owner's one transaction: what the contract may take for all living grants together."""

from dataclasses import replace

from valetkey.core.ids import Kind
from valetkey.core.refusal import Refused
from valetkey.core.session import remaining
from valetkey.crypto.credentials import new_id
from valetkey.ports.accounts import SessionQuery
from valetkey.ports.relays import Relay, RelayState
from valetkey.ports.wallet import CallReverts
from valetkey.sdk.errors import InsufficientFunds, TransactionReverted, Unfinished, refused_error
from valetkey.sdk.manager.driving import Driver
from valetkey.sdk.manager.local import Local
from valetkey.sdk.manager.making import Sessions
from valetkey.wire import calls

LIVING = ("active", "pending", "paused")
PAGE = 1_000
WAIT_SECONDS = 120.0
APPROVE_GAS_MARGIN_PERCENT = 130
TRIES_MAX = 5


class Approving:
    """The part of a manager that looks after the contract's allowance."""

    def __init__(self, local: Local, driver: Driver, sessions: Sessions) -> None:
        self._local = local
        self._driver = driver
        self._sessions = sessions

    async def ensure(self, *, at_least: int | None = None) -> str | None:
        """Approve what living grants may take, unless that is approved; the hash, None when nothing was needed.

        `at_least`: nothing is done where so many base units are approved. Raises InsufficientFunds and
        TransactionReverted.
        """
        local, tx_hash = self._local, None
        await local.check_chain()
        if at_least is not None and await self._allowed() >= at_least:
            return None
        # One process at a time: an approval sets what it was before, and would undo another one's.
        async with local.turn("approve").alone():
            for _ in range(TRIES_MAX):
                needed = await self.needed()
                if await self._allowed() >= needed:
                    return tx_hash
                tx_hash = await self._approve(needed)
        raise TransactionReverted("what is approved does not become what was asked for", tx_hash or "")

    async def needed(self) -> int:
        """Base units that the grants of living sessions may still take, as the ledger knows it."""
        total = 0
        for status in LIVING:
            query = SessionQuery(self._local.owner_id, status=status, sort="oldest", limit=PAGE)
            while page := await self._sessions.listed(query):
                for record in page:
                    # One that was rotated spends out of its successor.
                    left = None if record.ancestors else remaining(record.session)
                    total += max(left or 0, 0) + (0 if record.ancestors else record.session.usage.held)
                query = replace(query, offset=query.offset + PAGE)
        return total

    async def _allowed(self) -> int:
        local = self._local
        return await local.reader.token_allowance(local.asset.address, local.owner, local.contract)

    async def _approve(self, units: int) -> str:
        local = self._local
        relay = await self._queued(units)

        async def over() -> bool:
            nonlocal relay
            relay = await self._found(relay)
            return not relay.is_open

        if not await self._driver.until(over, WAIT_SECONDS):
            raise Unfinished("the approval is in no final block yet: do the same again")
        tx_hash = relay.hashes[-1] if relay.hashes else ""
        if relay.state is not RelayState.DONE:
            raise TransactionReverted(f"the approval came to nothing: {relay.reason}", tx_hash)
        local.observer("approved", tx_hash)
        return tx_hash

    async def _queued(self, units: int) -> Relay:
        """The approval as the relayer's; one that a process left behind is gone on with."""
        local = self._local
        sender, chain_id = local.owner_sender, local.chain.chain_id
        for one in await local.store.open_relays(chain_id, sender.address, PAGE):
            if one.purpose.startswith(f"approve {local.asset.address} "):
                return one
        call = calls.approve(local.asset.address, local.contract, units)
        try:
            gas = await sender.estimate(call) * APPROVE_GAS_MARGIN_PERCENT // 100
        except CallReverts as error:
            problem = str(error)
        else:
            problem = ""
        if problem:
            raise TransactionReverted(f"the token would refuse the approval: {problem}")
        fee, _ = await sender.fees()
        has = await local.reader.native_balance(sender.address)
        if has < gas * fee:
            raise InsufficientFunds(
                f"the owner {sender.address} has {has} wei and may need {gas * fee} for the gas of its approval"
            )
        relay_id = new_id(Kind.RELAY)
        queued = await local.store.queue_relay(
            Relay(
                id=relay_id,
                chain_id=chain_id,
                sender=sender.address,
                purpose=f"approve {local.asset.address} {relay_id}",
                owner_id=local.owner_id,
                to=call.to,
                data=call.data,
                gas=gas,
                cost_max=gas * fee,
                made_at=local.clock.now(),
            ),
            local.limits,
        )
        if isinstance(queued, Refused):
            raise refused_error(queued)
        return queued

    async def _found(self, relay: Relay) -> Relay:
        found = await self._local.store.relay(relay.id)
        assert found is not None, "relays are never deleted"
        return found
