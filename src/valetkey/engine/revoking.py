"""Revocations of grants whose session is revoked: queued for the relayer, which sends what the owner signed for it."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from valetkey.core.ids import Kind
from valetkey.core.refusal import Refused
from valetkey.crypto.credentials import new_id
from valetkey.ports.clock import Clock
from valetkey.ports.grants import GrantStore, SignedGrant
from valetkey.ports.relays import Relay, RelayLimits, RelayStore
from valetkey.ports.sender import ChainSender
from valetkey.ports.wallet import Call, CallReverts, NotAccepted
from valetkey.ports.watching import begin_round
from valetkey.wire import grant_calls
from valetkey.wire.grants import grant_hash

BATCH = 50
REVOKE_GAS, REVOKE_GAS_MAX = 120_000, 1_000_000
"""Enough where the owner is a key; and the most, for one that is a contract and looks at its signature itself."""

MARGIN_PERCENT = 130
UNLIMITED = RelayLimits(None, None)
"""A revocation is safety: no limit of what the relayer may spend stands in its way."""


class RevokingStores(GrantStore, RelayStore, Protocol):
    """What is asked and written."""


class Revoking:
    """One chain that has a relayer. Any number of replicas may run it: a purpose is queued once."""

    def __init__(
        self,
        store: RevokingStores,
        sender: ChainSender,
        chain_id: int,
        clock: Clock,
        *,
        observer: Callable[[str], None],
    ) -> None:
        """`observer` is told the session of each grant whose revocation is queued."""
        self._store = store
        self._sender = sender
        self._chain_id = chain_id
        self._clock = clock
        self._observer = observer

    async def run(self, interval_seconds: float) -> None:
        """Run until cancelled; looks every so often, and at once while there is more."""
        while True:
            begin_round()
            if not await self.step():
                await asyncio.sleep(interval_seconds)

    async def step(self) -> bool:
        """Queue a batch of revocations. Whether there is more."""
        due = await self._store.grants_to_revoke(self._chain_id, BATCH)
        if not due:
            return False
        fee, _ = await self._sender.fees()
        for signed in due:
            done = await self._store.queue_relay(await self._relay(signed, fee), UNLIMITED)
            if not isinstance(done, Refused):
                self._observer(signed.session_id)
        return len(due) == BATCH

    async def _relay(self, signed: SignedGrant, fee: int) -> Relay:
        grant = signed.grant
        call = grant_calls.revoke_signed(signed.contract, grant.owner, grant_hash(grant), signed.revocation)
        gas = await self._gas(call)
        return Relay(
            id=new_id(Kind.RELAY),
            chain_id=self._chain_id,
            sender=self._sender.address,
            purpose=f"revoke {signed.id.hex()}",
            owner_id=signed.owner_id,
            session_id=signed.session_id,
            to=call.to,
            data=call.data,
            gas=gas,
            cost_max=gas * fee,
            made_at=self._clock.now(),
        )

    async def _gas(self, call: Call) -> int:
        try:
            needed = await self._sender.estimate(call) * MARGIN_PERCENT // 100
        except (CallReverts, NotAccepted):
            # Queued nevertheless: the relayer tries it when it is its turn, and says what came of it.
            needed = 0
        return min(max(needed, REVOKE_GAS), REVOKE_GAS_MAX)
