"""The relayer: sends what is in its queue with its own key, each once, whatever happens between any two lines.

A transaction gets a nonce, is signed, kept, and then sent until it, or another one with its nonce, is in a final block.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from valetkey.core.errors import EnvironmentFailure
from valetkey.ports.chain import ChainReader
from valetkey.ports.clock import Clock
from valetkey.ports.relays import Relay, RelayState, RelayStore
from valetkey.ports.sender import ChainSender, Sent
from valetkey.ports.wallet import Call, CallReverts, NotAccepted
from valetkey.ports.watching import Step, begin_round, watched

BATCH = 100
BUSY_SECONDS = 0.5
"""How often blocks are looked at while something waits for one."""

SOON_SECONDS = 0.1
"""How soon the first time after something was sent, twice as long each time after that: some chains are fast."""

PATIENCE_SECONDS = 60
FEE_WEI_MAX = 100 * 10**9
PLAIN_TRANSFER_GAS = 21_000
BUMP_PERCENT = 113
"""Nodes take a transaction in the place of another one when it offers an eighth more."""

Observer = Callable[[str, Relay], None]
"""Told of each step: `sent`, `done`, `failed`, `dropped`; `replaced` when more is offered, `refused` when the node does
not take it, `overtaken` when somebody else used its nonce, `reopened` when the final block that it was in is gone,
`filled` when a nonce that such a block had used goes to nothing, `unavailable` when no node answered."""


class Relayer:
    """One account on one chain. Any number of replicas may run one for the same account."""

    def __init__(
        self,
        store: RelayStore,
        sender: ChainSender,
        reader: ChainReader,
        chain_id: int,
        clock: Clock,
        *,
        patience_seconds: int = PATIENCE_SECONDS,
        fee_wei_max: int = FEE_WEI_MAX,
        observer: Observer,
    ) -> None:
        self._store = store
        self._sender = sender
        self._reader = reader
        self._chain_id = chain_id
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._fee_wei_max = fee_wei_max
        self._observer = observer

    async def run(self, interval_seconds: float, wanted: asyncio.Event) -> None:
        """Run until cancelled; looks every so often, sooner while something is open, at once when `wanted` is set."""
        soon = SOON_SECONDS
        while True:
            begin_round()
            wanted.clear()
            pause = min(interval_seconds, soon) if await self.step() else interval_seconds
            soon = min(2 * soon, BUSY_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(wanted.wait(), pause)
                soon = SOON_SECONDS

    async def step(self) -> int:
        """Bring everything that is open a step further, in its order; how many are open. Raises nothing of a node's."""
        waiting = await self._store.open_relays(self._chain_id, self._sender.address, BATCH)
        for number, one in enumerate(waiting):
            try:
                if number == 0:
                    await self._close_gap(one)
                with watched(Step.RELAY, chain_id=self._chain_id):
                    await self._further(one)
            except EnvironmentFailure:
                # Nonces are sent in order, and everything stays as it is.
                self._observer("unavailable", one)
                break
        return len(waiting)

    async def _further(self, relay: Relay) -> None:
        if relay.nonce is None:
            if not await self._may_begin(relay):
                return
            relay = await self._store.give_nonce(relay.id, await self._sender.nonce())
            if relay.nonce is None:
                # Another replica ended it meanwhile.
                return
        if relay.raw is None:
            relay = await self._signed(relay, least=0)
        elif await self._mined(relay):
            return
        elif self._is_late(relay):
            relay = await self._offering_more(relay)
        await self._send(relay)

    async def _may_begin(self, relay: Relay) -> bool:
        """Whether it may have a nonce now; what has none can be given up, and leaves no gap."""
        if relay.until is not None and self._clock.now() >= relay.until:
            await self._drop(relay, "its time was over before it was sent")
            return False
        if relay.needs is not None and not await self._has(relay, relay.needs):
            return False
        problem = ""
        try:
            gas = await self._sender.estimate(_call(relay))
            if gas > relay.gas:
                problem = f"it takes {gas} gas, and {relay.gas} were wanted"
        except CallReverts as error:
            problem = str(error) or "the contract refuses it"
        except NotAccepted:
            # One that no node can try holds up no other one, and not for ever.
            if not self._is_late(relay):
                self._observer("refused", relay)
                return False
            problem = "the node did not try it"
        if problem:
            await self._drop(relay, problem)
        return not problem

    async def _has(self, relay: Relay, purpose: str) -> bool:
        """Whether what a relay needs is in a block."""
        needed = await self._store.relay_of_purpose(relay.chain_id, relay.sender, purpose)
        if needed is None or needed.state in (RelayState.FAILED, RelayState.DROPPED):
            await self._drop(relay, f"{purpose} came to nothing")
            return False
        if needed.state is RelayState.DONE:
            return True
        found = await self._found(needed)
        return found is not None and found.succeeded

    async def _signed(self, relay: Relay, least: int) -> Relay:
        """Sign it for the fees of now, `least` wei per gas; what was kept, which somebody else may have signed."""
        assert relay.nonce is not None
        fee, tip = await self._sender.fees()
        fee = min(max(fee, least), self._fee_wei_max)
        signed = await self._sender.sign(
            _call(relay), nonce=relay.nonce, gas=relay.gas, fee=fee, tip=min(max(tip, least), fee)
        )
        known = len(relay.hashes)
        return await self._store.sign_relay(relay.id, known, signed.raw, signed.tx_hash, signed.cost_max)

    async def _offering_more(self, relay: Relay) -> Relay:
        offered = relay.cost_max // relay.gas
        least = -(-offered * BUMP_PERCENT // 100)
        if least > self._fee_wei_max:
            return relay
        replaced = await self._signed(relay, least)
        self._observer("replaced", replaced)
        return replaced

    async def _close_gap(self, first: Relay) -> None:
        """Use again what the chain no longer counts as used: until then it takes none of the nonces that follow.

        So it is when a block that was final is gone, deeper than the confirmations that were waited for.
        """
        if first.nonce is None or first.raw is None or not self._is_late(first):
            return
        used = await self._sender.nonce()
        if used >= first.nonce:
            return
        for lost in await self._store.reopen_relays(self._chain_id, self._sender.address, used, first.nonce):
            if lost.is_open:
                # The same bytes, from the next look on; it counts once, as it did.
                self._observer("reopened", lost)
            else:
                await self._fill(lost)

    async def _fill(self, lost: Relay) -> None:
        """Give the nonce of one that came to nothing to a transaction of nothing: its own bytes must stay dead."""
        assert lost.nonce is not None
        fee, tip = await self._sender.fees()
        fee = min(fee, self._fee_wei_max)
        nothing = Call(self._sender.address, b"")
        signed = await self._sender.sign(
            nothing, nonce=lost.nonce, gas=PLAIN_TRANSFER_GAS, fee=fee, tip=min(tip, fee)
        )
        refused = False
        try:
            await self._sender.send(signed.raw)
        except NotAccepted:
            refused = True
        self._observer("refused" if refused else "filled", lost)

    def _is_late(self, relay: Relay) -> bool:
        since = relay.signed_at if relay.signed_at is not None else relay.made_at
        return self._clock.now() - since >= self._patience_seconds

    async def _mined(self, relay: Relay) -> bool:
        """Whether one with its nonce is in a block; its end is written when that block is final."""
        # What is final is asked first: a block that is found afterwards, below it, has its confirmations.
        final = await self._reader.final()
        found = await self._found(relay)
        if found is not None:
            if found.block <= final.number:
                state = RelayState.DONE if found.succeeded else RelayState.FAILED
                reason = None if found.succeeded else "it reverted"
                ended = await self._store.end_relay(
                    relay.id, state, block=found.block, cost=found.cost, reason=reason
                )
                self._observer(str(state), ended)
            return True
        return await self._is_overtaken(relay)

    async def _is_overtaken(self, relay: Relay) -> bool:
        """Whether a transaction that is none of ours has its nonce, in a block that is final by now."""
        assert relay.nonce is not None
        if await self._sender.nonce() <= relay.nonce:
            return False
        # Looked for again after the count: it may have come into a block in between, or back into one.
        if await self._found(relay) is not None:
            return True
        if not self._is_late(relay):
            return True
        reason = "another transaction of this account, which is not in this queue, has its nonce"
        self._observer("overtaken", await self._store.end_relay(relay.id, RelayState.FAILED, reason=reason))
        return True

    async def _found(self, relay: Relay) -> Sent | None:
        for tx_hash in reversed(relay.hashes):
            found = await self._sender.sent(tx_hash)
            if found is not None:
                return found
        return None

    async def _send(self, relay: Relay) -> None:
        if relay.raw is None:
            return
        refused = False
        try:
            await self._sender.send(relay.raw)
        except NotAccepted:
            # Too little money, or a nonce that was used meanwhile: the next look tells.
            refused = True
        self._observer("refused" if refused else "sent", relay)

    async def _drop(self, relay: Relay, reason: str) -> None:
        ended = await self._store.end_relay(relay.id, RelayState.DROPPED, reason=reason)
        self._observer("dropped", ended)


def _call(relay: Relay) -> Call:
    return Call(relay.to, relay.data)
