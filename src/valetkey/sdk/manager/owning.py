"""The owner's own transactions: what nobody else may send. They wait in the same queue as what is relayed."""

from valetkey.core.ids import Kind
from valetkey.core.refusal import Refused
from valetkey.crypto.credentials import new_id
from valetkey.ports.relays import Relay, RelayState
from valetkey.ports.wallet import Call, CallReverts, StillPending
from valetkey.sdk.errors import InsufficientFunds, TransactionReverted, refused_error
from valetkey.sdk.manager.driving import Driver
from valetkey.sdk.manager.local import Local

PAGE = 1_000
MARGIN_PERCENT = 130


class Owning:
    """The part of a manager that sends for its owner."""

    def __init__(self, local: Local, driver: Driver, wait_seconds: float) -> None:
        self._local = local
        self._driver = driver
        self._wait_seconds = wait_seconds

    async def perform(self, purpose: str, call: Call) -> str:
        """Make a call and wait until a final block has it; the hash. One that was left behind is gone on with.

        Raises InsufficientFunds before anything is signed, TransactionReverted, and StillPending when it takes longer.
        """
        relay = await self._queued(purpose, call)

        async def over() -> bool:
            nonlocal relay
            found = await self._local.store.relay(relay.id)
            assert found is not None, "relays are never deleted"
            relay = found
            return not relay.is_open

        if not await self._driver.until(over, self._wait_seconds):
            raise StillPending(
                f"the owner's transaction ({purpose}) is in no final block yet: do the same again"
            )
        tx_hash = relay.hashes[-1] if relay.hashes else ""
        if relay.state is not RelayState.DONE:
            raise TransactionReverted(
                f"the owner's transaction ({purpose}) came to nothing: {relay.reason}", tx_hash
            )
        return tx_hash

    async def _queued(self, purpose: str, call: Call) -> Relay:
        local = self._local
        sender, chain_id = local.owner_sender, local.chain.chain_id
        for one in await local.store.open_relays(chain_id, sender.address, PAGE):
            if one.purpose.startswith(f"{purpose} "):
                return one
        problem = ""
        try:
            gas = await sender.estimate(call) * MARGIN_PERCENT // 100
        except CallReverts as error:
            problem = str(error) or "no reason given"
        if problem:
            raise TransactionReverted(f"the contract would refuse the owner's transaction: {problem}")
        fee, _ = await sender.fees()
        has = await local.reader.native_balance(sender.address)
        if has < gas * fee:
            raise InsufficientFunds(
                f"the owner {sender.address} has {has} wei and may need {gas * fee} for gas"
            )
        # Each time is another one: what was approved or frozen before may have to be again.
        relay_id = new_id(Kind.RELAY)
        queued = await local.store.queue_relay(
            Relay(
                id=relay_id,
                chain_id=chain_id,
                sender=sender.address,
                purpose=f"{purpose} {relay_id}",
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
