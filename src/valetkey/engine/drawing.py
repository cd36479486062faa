"""Payments out of grants: what may move money is written to the ledger before it is queued, and the queue is a table.

Nothing is sent from here. Who may ask, and whether a signature is the key's, was looked at before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from valetkey.core.commands import MarkUnknown
from valetkey.core.ids import Kind
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.crypto.credentials import new_id
from valetkey.ports.clock import Clock
from valetkey.ports.grants import GrantStatus, GrantStore, SignedGrant
from valetkey.ports.ledger import LedgerStore, Payment
from valetkey.ports.relays import Relay, RelayLimits, RelayState, RelayStore
from valetkey.ports.sender import ChainSender
from valetkey.ports.wallet import Call, CallReverts
from valetkey.wire import grant_calls
from valetkey.wire.draws import DrawPayload, reference_of
from valetkey.wire.grants import GrantSpend, grant_hash
from valetkey.wire.http import encode

REGISTER_GAS = 150_000
SPEND_GAS = 200_000
"""Limits where the call cannot be tried yet, because its grant is not known on chain."""

MARGIN_PERCENT = 130
GRANTS_MAX = 1_000
"""Of one owner, the newest, that may be a grant's predecessor."""


class DrawingStores(LedgerStore, GrantStore, RelayStore, Protocol):
    """What is asked and written."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One account that sends on one chain. `wanted` is called when something new is in its queue."""

    store: DrawingStores
    sender: ChainSender
    limits: RelayLimits
    clock: Clock
    wanted: Callable[[], None]

    async def pay(
        self,
        hold_id: str,
        signed: SignedGrant,
        spend: GrantSpend,
        signature: bytes,
        proof: list[bytes],
        *,
        by: str,
    ) -> Relay | Refused:
        """Pay what is held, as the session's key signed it. Its money counts as gone from here on, until proof.

        Doing it again answers the same. Raises Contradiction when another payment is stored for the hold.
        """
        payload = DrawPayload.of(signed, spend, signature)
        payment = Payment(encode(payload), reference_of(spend.reference))
        marked = await self.store.settle(hold_id, MarkUnknown(), by=by, payment=payment)
        if isinstance(marked, Refused):
            return marked
        call = grant_calls.spend_signed_with_proof(
            signed.contract, signed.grant, [], spend, signature, proof=proof
        )
        return await self.queue(signed, pay_purpose(hold_id), call, SPEND_GAS, spend.deadline)

    async def queue(
        self, signed: SignedGrant, purpose: str, call: Call, gas: int, until: int, *, known: bool = False
    ) -> Relay | Refused:
        """Want a call that a session's key signed, and before it the registration of its grant where that is needed.

        `gas`: its limit when it cannot be tried yet. `until`: unix seconds after which it is of no use. `known`: it
        needs no registration. Refused when the contract would refuse it now.
        """
        before = await self.store.relay_of_purpose(signed.chain_id, self.sender.address, purpose)
        if before is not None and (before.is_open or before.state is RelayState.DONE):
            return before
        needs = None
        if not known and signed.status is GrantStatus.SIGNED:
            registered = await self.register(signed)
            if isinstance(registered, Refused):
                return registered
            needs = registered.purpose
        else:
            tried = await self._tried(call)
            if isinstance(tried, Refused):
                return tried
            gas = tried
        return await self.want(signed, purpose, call, gas, until=until, needs=needs)

    async def register(self, signed: SignedGrant) -> Relay | Refused:
        """Want a grant to be made known; where it takes another one's place, that one ends by it."""
        call = await self._registration(signed)
        if isinstance(call, Refused):
            return call
        return await self.want(signed, register_purpose(signed), call, await self._gas_of_registration(call))

    async def want(
        self,
        signed: SignedGrant,
        purpose: str,
        call: Call,
        gas: int,
        *,
        until: int | None = None,
        needs: str | None = None,
    ) -> Relay | Refused:
        """Put a call into the queue, unless its purpose is there or done."""
        fee, _ = await self.sender.fees()
        queued = await self.store.queue_relay(
            Relay(
                id=new_id(Kind.RELAY),
                chain_id=signed.chain_id,
                sender=self.sender.address,
                purpose=purpose,
                owner_id=signed.owner_id,
                session_id=signed.session_id,
                to=call.to,
                data=call.data,
                gas=gas,
                cost_max=gas * fee,
                made_at=self.clock.now(),
                until=until,
                needs=needs,
            ),
            self.limits,
        )
        if not isinstance(queued, Refused):
            self.wanted()
        return queued

    async def _tried(self, call: Call) -> int | Refused:
        """The gas of a call that the contract would take now; a refusal with its reason when it would not."""
        problem = ""
        try:
            return await self.sender.estimate(call) * MARGIN_PERCENT // 100
        except CallReverts as error:
            problem = str(error)
        return refuse(Code.RELAY_REFUSED, "contract", f"the contract would refuse it: {problem}")

    async def _gas_of_registration(self, call: Call) -> int:
        """An owner that is a contract looks at its signature itself, which may take more."""
        try:
            return max(REGISTER_GAS, await self.sender.estimate(call) * MARGIN_PERCENT // 100)
        except CallReverts:
            return REGISTER_GAS

    async def _registration(self, signed: SignedGrant) -> Call | Refused:
        before = signed.grant.predecessor
        if not any(before):
            return grant_calls.register(signed.contract, signed.grant, signed.signature)
        page, _ = await self.store.grants_of_owner(signed.owner_id, GRANTS_MAX, 0)
        for one in page:
            if one.chain_id == signed.chain_id and grant_hash(one.grant) == before:
                return grant_calls.register_successor(
                    signed.contract, signed.grant, one.grant, signed.signature
                )
        return refuse(Code.GRANT_NEEDED, "predecessor", "the grant's predecessor is not known here")


def pay_purpose(hold_id: str) -> str:
    """What the relayer's transaction for a hold is called."""
    return f"pay {hold_id}"


def register_purpose(signed: SignedGrant) -> str:
    """What the transaction that makes a grant known is called."""
    return f"register {signed.id.hex()}"
