"""The side of a cluster of Solana: each session has an account of its own, and its key may move what is approved there.

The token program enforces the amount, whoever has the key; payees, windows and the end are the gate's, and the end on
chain comes from a revocation that the owner signed in advance. The owner's signer is needed to open, to move and to
reclaim; a process that has none spends, restores and ends.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from valetkey.core.commands import MarkUnknown
from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.money import format_units
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import Status, remaining, status
from valetkey.core.spend import HoldState, SpendRequest
from valetkey.crypto.ed25519 import SigningKey
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.delegations import Delegation
from valetkey.ports.ledger import Payment, SpendRecord
from valetkey.sdk.errors import InsufficientFunds, TransactionReverted, refused_error
from valetkey.sdk.manager.bringing import Bringing
from valetkey.sdk.manager.keeping import Kept, hash_in
from valetkey.sdk.manager.local import BY_CHAIN
from valetkey.sdk.manager.marks import Marks, Opened, Presigned
from valetkey.sdk.manager.on_solana import OnSolana
from valetkey.sdk.manager.side import Pursuit
from valetkey.sdk.manager.signing import message_bytes, offchain_message
from valetkey.sdk.manager.stepping import Stepping
from valetkey.sdk.manager.views import Receipt
from valetkey.sdk.manager.waiting import until
from valetkey.sdk.manager.watching import Watching


class DelegationSide:
    """See side.py."""

    hold_seconds = 150
    """Signed bytes land for about a minute: what never did is proven a minute after this."""

    def __init__(self, local: OnSolana, kept: Kept) -> None:
        self._local = local
        self._kept = kept
        self._marks = Marks(local.store)
        self._watching = Watching(local, self._marks)
        self._stepping = Stepping(local, kept, self._marks, self._watching)
        self._bringing = Bringing(local, kept, self._marks, self._watching)

    async def ready(self) -> None:
        await self._local.delegations.check()

    # Sessions

    async def give(self, record: SessionRecord) -> None:
        """Nothing: what the owner signs here is about an account that is there."""

    async def back(self, record: SessionRecord) -> None:
        """The account with its budget, and the end signed in advance. A successor gets its own by `hand_over`."""
        if self._kept.is_dead(record):
            return
        if await self._marks.get(record.session.id, Opened) is None:
            before = await self._opened_before(record)
            if before is not None:
                return
            await self._open(record)
        await self._presign(record)

    def contracts(self) -> tuple[str, ...]:
        return ()

    async def approve(self, *, at_least: int | None = None, exactly: bool = False) -> str | None:  # noqa: ARG002
        """Nothing: there is no contract that takes anything; see side.py."""
        return None

    async def asked(self, record: SessionRecord) -> SessionRecord:
        local = self._local
        await self.ready()
        opened = await self._marks.get(record.session.id, Opened)
        if opened is None or self._kept.is_dead(record):
            return record
        (state,) = await local.delegations.states([_key_of(record)])
        # A node that lags says nothing about what was done since; and what is frozen has not ended.
        if state.is_open or state.is_frozen or state.slot < opened.slot:
            return record
        await self._watching.look(record)
        record = await self._again(record)
        if not _is_spent(record, state):
            await local.store.revoke_session(record.session.id, by=BY_CHAIN)
            record = await self._again(record)
        return record

    async def hand_over(self, record: SessionRecord) -> bool:
        local, session = self._local, record.session
        if status(session, local.clock.now(), record.ancestors) is Status.REVOKED:
            return False
        before = await self._opened_before(record)
        if before is None or await self._marks.get(session.id, Opened) is not None:
            await self.back(record)
            return False
        old, new = before.session, session
        async with local.turn("open").alone():
            (there,) = await local.delegations.states([_key_of(before)])
            await self._watching.look(before)
            record = await self._again(record)
            # What is left by the ledger bounds it, and so does what the old key could still take.
            left = (remaining(record.session) or 0) + record.session.usage.held
            grown = (new.policy.budget or 0) - (old.policy.budget or 0)
            seen = there.exposure if there.is_open else there.units
            units = min(left, seen + grown)
            if units > 0 and await local.delegations.move(_key_of(before), _key_of(record), units, seen=seen):
                (state,) = await local.delegations.states([_key_of(record)])
                await self._marks.keep(session.id, Opened(state.slot))
        await self._presign(record)
        return True

    def sign(
        self, record: SessionRecord, message: str | bytes | None, typed_data: Mapping[str, Any] | None
    ) -> bytes:
        if typed_data is not None or message is None:
            raise InvalidInput("typed data is for EVM chains: sign a message", field="typed_data")
        raw = message_bytes(message)
        if self._local.delegations.is_transaction(raw):
            raise refused_error(
                refuse(
                    Code.OPERATION_NOT_ALLOWED,
                    "sign",
                    "this is a transaction, which is decided by the gate and not signed for beside it",
                    hint="call spend",
                )
            )
        return self._key(record).sign(offchain_message(raw))

    async def exposure(self, record: SessionRecord) -> int:
        return (await self._local.delegations.states([_key_of(record)]))[0].exposure

    async def owns(self, address: str) -> bool:
        return await self._local.delegations.owns(address)

    # Payments

    async def look(self, record: SessionRecord, request: SpendRequest) -> SessionRecord:
        local = self._local
        await self.ready()
        self._kept.key(record)
        await local.delegations.check_payee(request.payee or "")
        record = await self.asked(record)
        if str(status(record.session, local.clock.now(), record.ancestors)) != "active":
            # The gate says why.
            return record
        await self.hand_over(record)
        (state,) = await local.delegations.states([_key_of(record)])
        if state.is_frozen:
            raise InsufficientFunds(
                "the session's account is frozen by whoever issued the token: nothing can be moved"
            )
        left = remaining(record.session)
        if state.exposure < request.amount.units and (left is None or left >= request.amount.units):
            asset = local.asset
            raise InsufficientFunds(
                f"the session's account lets it move {format_units(state.exposure, asset.decimals)}"
                f" {asset.currency}, which is less than {format_units(request.amount.units, asset.decimals)}"
            )
        return record

    async def pay(self, held: SpendRecord) -> None:
        local, hold = self._local, held.hold
        record = await local.store.session(hold.session_id)
        assert record is not None
        # It was held before, by a process that ended: what was taken back since is not signed for any more.
        self._kept.check_living(record)
        payee = hold.request.payee
        assert payee is not None
        payment = await local.delegations.sign(self._key(record), payee, hold.request.amount.units, hold.id)
        try:
            done = await local.store.settle(hold.id, MarkUnknown(), by=record.session.id, payment=payment)
        except Contradiction:
            # Of two that sign at once, the one that is stored first pays.
            return
        if isinstance(done, Refused):
            raise refused_error(done)
        await self.again(done)

    async def again(self, held: SpendRecord) -> None:
        if held.hold.state is HoldState.UNKNOWN and held.payment is not None:
            record = await self._local.store.session(held.hold.session_id)
            assert record is not None
            if await self._local.delegations.landed(held.payment.payload) is None:
                # What was taken back is not sent any more; whether it was before is proven in time.
                self._kept.check_not_revoked(record)
            await self._stepping.send(held)

    def pursuit(self) -> Pursuit:
        async def further(held: SpendRecord) -> None:
            problem = await self._stepping.send(held)
            if problem is not None:
                assert held.payment is not None
                raise TransactionReverted(
                    f"the token program refuses the payment: {problem}. Its money stays held until it is proven"
                    " that it can never move",
                    held.payment.reference or "",
                )

        return further

    async def receipt(self, held: SpendRecord) -> Receipt:
        payment = held.payment
        if payment is None or payment.reference is None:
            return Receipt(None, None)
        if not payment.payload:
            return Receipt(payment.reference, None)
        return Receipt(payment.reference, await self._local.delegations.landed(payment.payload))

    def signed_until(self, payment: Payment) -> int | None:  # noqa: ARG002 - see side.py
        """Nobody knows in seconds: it is a height of the chain, about a minute after it was signed."""
        return None

    def outlives(self, payment: Payment) -> bool:  # noqa: ARG002 - see side.py
        """None: the key moves nothing once it is ended."""
        return False

    # The end

    async def is_ended(self, record: SessionRecord) -> bool:
        return await self._stepping.is_ended(record)

    async def reclaim(self, record: SessionRecord) -> tuple[int, int]:
        return await self._local.delegations.reclaim(_key_of(record))

    async def freeze(self) -> str | None:
        """Nothing on chain: what stops every key there is to revoke each of them."""
        return None

    async def thaw(self) -> str | None:
        return None

    # What goes on by itself

    async def step(self) -> bool:
        return await self._stepping.step()

    async def open(self) -> int:
        return await self._stepping.open()

    async def ending(self) -> bool:
        return bool(await self._stepping.to_end())

    async def until(self, there: Callable[[], Awaitable[bool]], seconds: float) -> bool:
        return await until(there, self.step, seconds)

    def alone(self) -> AbstractAsyncContextManager[None]:
        return self._stepping.alone()

    async def export(self, record: SessionRecord) -> bytes:
        return await self._bringing.export(record)

    async def bring(self, content: bytearray) -> SessionRecord:
        return await self._bringing.bring(content)

    async def close(self) -> None:
        await self._local.delegations.close()

    # Inside

    async def _open(self, record: SessionRecord) -> None:
        local = self._local
        units = (record.session.policy.budget or 0) - record.session.usage.committed
        if units <= 0:
            return
        key = _key_of(record)
        async with local.turn("open").alone():
            (state,) = await local.delegations.states([key])
            if not state.exists:
                has = await local.delegations.home()
                if has < units:
                    places = local.asset.decimals
                    raise InsufficientFunds(
                        f"the owner has {format_units(has, places)} {local.asset.currency},"
                        f" which is less than {format_units(units, places)}"
                    )
                await local.delegations.open(key, units)
                (state,) = await local.delegations.states([key])
            await self._marks.keep(record.session.id, Opened(state.slot))

    async def _presign(self, record: SessionRecord) -> None:
        session_id = record.session.id
        if await self._marks.get(session_id, Opened) is None:
            return
        if await self._marks.get(session_id, Presigned) is None:
            signed = await self._local.delegations.presign(_key_of(record))
            await self._marks.keep(session_id, Presigned(signed.decode()))

    async def _opened_before(self, record: SessionRecord) -> SessionRecord | None:
        """The session whose place this one took, when that one's account was opened."""
        before = await self._kept.predecessor(record)
        if before is None or await self._marks.get(before.session.id, Opened) is None:
            return None
        return before

    async def _again(self, record: SessionRecord) -> SessionRecord:
        found = await self._local.store.session(record.session.id)
        assert found is not None, "sessions are never deleted"
        return found

    def _key(self, record: SessionRecord) -> SigningKey:
        key = self._kept.key(record)
        assert isinstance(key, SigningKey), "keys of Solana are Ed25519"
        return key


def _key_of(record: SessionRecord) -> str:
    assert record.wallet_address is not None, f"a manager's session has a key: {hash_in(record)}"
    return record.wallet_address


def _is_spent(record: SessionRecord, state: Delegation) -> bool:
    """Whether a key is no delegate any more because it moved all: the program forgets it with its last unit."""
    return state.exists and (state.units == 0 or (remaining(record.session) or 0) <= 0)
