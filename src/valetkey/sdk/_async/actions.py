"""What a session is told to do: pay, approve, call, swap. The gate holds the money first."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from valetkey.core.errors import InvalidInput
from valetkey.core.money import NATIVE, Asset, to_decimal
from valetkey.core.spend import HoldState
from valetkey.crypto.keys import session_key_hash
from valetkey.ports.wallet import CallReverts
from valetkey.sdk._async.contract_calls import AsyncContractCalls
from valetkey.sdk._async.contract_steps import APPROVE, BRING, MAIN, AsyncJob
from valetkey.sdk._async.drawing import DRAWS
from valetkey.sdk._async.holds import AsyncHold
from valetkey.sdk.actions import Action, Approve, ContractCall, Swap, Transfer, action_of, digest_of
from valetkey.sdk.config_checks import chosen_key
from valetkey.sdk.errors import TransactionReverted, Unfinished
from valetkey.sdk.executions import ROOM, Execution, bucket, failure_of, read_progress, receipt_of
from valetkey.sdk.planning import asset_and_units, ledger_amount
from valetkey.seam import async_sleep
from valetkey.wire import calls
from valetkey.wire.sessions import SessionView
from valetkey.wire.spends import Verdict

LOCK_PAUSE_SECONDS = 0.05


class AsyncActions(AsyncContractCalls):
    """The part of a delegate that does what it is told."""

    async def execute(
        self,
        action: Action | Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        wait_approval: float | None = None,
    ) -> Execution:
        """Do something with the session's money: a Transfer, Approve, ContractCall or Swap, or a mapping of one.

        The gate decides and holds the money, out of a grant or the session's wallet. The same `idempotency_key` and
        action answer the same execution and never pay twice, also from another process with the same state folder,
        after kill -9 anywhere; one is made for each call unless given. What needs the owner's approval raises
        ApprovalRequired, or is waited for during `wait_approval` seconds. Raises the refusals, InvalidInput,
        InsufficientFunds, SlippageExceeded, ContractMisbehaved, CallReverts, TransactionReverted.
        """
        wanted = action_of(action)
        asset, units = await self._priced(wanted)
        key = chosen_key(idempotency_key)
        hold = await self._asked(wanted, asset, units, key, wait_approval)
        desk = await self._desk()
        async with self._alone_with(hold.id):
            job = AsyncJob(
                wanted,
                asset,
                units,
                hold,
                read_progress(self._state, hold.id),
                desk,
                draws=self._draws() and units > 0,
            )
            if not job.progress.done and not await self._was_done_elsewhere(job):
                await self._begun(job)
        return await self._told(job)

    async def ask(
        self,
        action: Action | Mapping[str, Any],
        *,
        idempotency_key: str,
        wait_approval: float | None = None,
    ) -> AsyncHold:
        """Have the gate decide on an action, and the owner where its approval is needed; nothing is paid by this.

        `execute` with the same key and action pays, and asks by itself. The hold says how far that is: `held` is money
        that waits for the payment, `unknown` and `captured` are one that was signed. Raises as `execute` does before it
        signs anything.
        """
        wanted = action_of(action)
        asset, units = await self._priced(wanted)
        return await self._asked(wanted, asset, units, idempotency_key, wait_approval)

    async def check(self, action: Action | Mapping[str, Any]) -> Verdict:
        """What the gate would say to an action now: the dry run. Nothing is held, and a refusal is no exception."""
        wanted = action_of(action)
        asset, units = await self._priced(wanted)
        return await self.check_spend(
            to_decimal(units, asset.decimals),
            currency=asset.currency,
            asset=asset.id,
            payee=wanted.payee,
            operation=wanted.operation,
        )

    # Inside

    async def _priced(self, wanted: Action) -> tuple[Asset, int]:
        """What an action moves, and that it can be paid from here."""
        self._held_session()
        asset, units = asset_and_units(wanted, await self.network(), self._assets)
        if self._draws() and asset.address == NATIVE:
            raise InvalidInput("a grant pays no coin of a chain: use a session with a wallet", field="token")
        self._check_payee(wanted)
        self._state.check_writable(ROOM)
        return asset, units

    async def _asked(
        self, wanted: Action, asset: Asset, units: int, key: str, wait_approval: float | None
    ) -> AsyncHold:
        return await self.spend(
            to_decimal(units, asset.decimals),
            currency=asset.currency,
            asset=asset.id,
            payee=wanted.payee,
            operation=wanted.operation,
            note=f"{wanted.type} {digest_of(wanted)}",
            wait_approval=wait_approval,
            idempotency_key=key,
        )

    def _check_payee(self, action: Action) -> None:
        """What a session pays to itself would leave the gate, and what a grant pays to its owner goes nowhere."""
        own = {self.wallet_address} | ({self._home()} if self._draws() else set())
        if isinstance(action, Transfer) and action.to.lower() in {one.lower() for one in own}:
            raise InvalidInput(
                "a session pays neither itself nor the owner that it pays for",
                code="invalid_address",
                field="to",
            )

    async def _begun(self, job: AsyncJob) -> None:
        problem: InvalidInput | CallReverts | None = None
        try:
            await self._carry_out(job)
        except (InvalidInput, CallReverts) as error:
            problem = error
        if problem is None:
            return
        if job.hold.state == HoldState.HELD and not job.progress.steps:
            # Nothing was signed, and trying it again would end as now.
            await job.hold.void()
        raise problem

    async def _carry_out(self, job: AsyncJob) -> None:
        if job.asset.address != NATIVE:
            await job.desk.wallet.checked(job.asset)
        if isinstance(job.action, Transfer):
            await self._transfer(job, job.action)
            return
        if isinstance(job.action, Swap):
            await self._quoted(job, job.action)
        if job.draws:
            await self._bring(job, self.wallet_address)
        await self._gas(job)
        async with job.desk.alone():
            if isinstance(job.action, Approve):
                await self._check_has(job, APPROVE)
                await self._allow(job, job.action.spender)
                # An allowance is money that may leave at any time without another word of this key.
                await self._settle(job, job.units)
            elif isinstance(job.action, ContractCall):
                await self._call(job, job.action)
            else:
                await self._swap(job, job.action)

    async def _transfer(self, job: AsyncJob, action: Transfer) -> None:
        if job.draws:
            await self._bring(job, action.to)
            await self._settle(job, job.units)
            return
        native = job.token == NATIVE
        call = (
            calls.transfer_native(action.to, job.units)
            if native
            else calls.transfer(job.token, action.to, job.units)
        )
        async with job.desk.alone():
            await self._check_has(job, MAIN)
            await self._carry(job, MAIN, call, spends=True)
            left = job.units if native else await self._left(job, MAIN)
            failure = "" if left == job.units else f"contract_misbehaved: the token moved {left} base units"
            await self._settle(job, left, failure=failure)

    async def _was_done_elsewhere(self, job: AsyncJob) -> bool:
        """Whether a payment that another state folder began is over; raises Unfinished when it may still be sent."""
        hold, steps = job.hold, job.progress.steps
        if hold.state == HoldState.HELD or steps:
            return False
        if job.draws and self._state.read(DRAWS, f"pay-{hold.id}") is not None:
            return False
        if job.draws:
            if hold.state == HoldState.CAPTURED and not isinstance(job.action, Transfer):
                raise Unfinished(
                    "the money of this action was brought, and what it pays is done from elsewhere"
                )
            return hold.state == HoldState.CAPTURED
        first = f"{MAIN if isinstance(job.action, Transfer) else APPROVE} {hold.id}"
        for purpose in (first, f"{MAIN} {hold.id}"):
            if await job.desk.unfinished(purpose) is not None:
                return False
        if hold.state == HoldState.CAPTURED:
            return True
        reference = hold.view.reference
        found = None if reference is None else await job.desk.wallet.outcome(reference)
        if found is None or not isinstance(job.action, Transfer):
            raise Unfinished("this action was signed from another state folder: go on with it there")
        if not found.succeeded:
            raise TransactionReverted("the payment of this action reverted on chain", found.tx_hash)
        job.progress.steps[MAIN] = found.tx_hash
        await self._settle(job, job.units)
        return True

    async def _told(self, job: AsyncJob) -> Execution:
        """What came of it, and what the session has left."""
        kept, hold = job.progress, job.hold
        failure = failure_of(kept)
        if failure is not None:
            raise failure
        step = next((one for one in (MAIN, APPROVE, BRING) if one in kept.steps), None)
        tx_hash = hold.view.reference if step is None else kept.steps[step]
        is_hash = tx_hash is not None and tx_hash.startswith("0x")
        outcome = await job.desk.wallet.outcome(tx_hash) if is_hash and tx_hash is not None else None
        spent = kept.spent if kept.done else job.units
        is_swap = isinstance(job.action, Swap) and kept.done
        return Execution(
            action=job.action.type,
            receipt=receipt_of(outcome),
            hold_id=hold.id,
            session_id=hold.view.session_id,
            session_key_hash=self._key_hash(),
            amount=ledger_amount(spent, job.asset),
            token=job.asset.currency,
            remaining_limit=await self._remaining(job.asset.currency),
            received=to_decimal(kept.received, kept.decimals) if is_swap else None,
            received_token=job.action.token_out if isinstance(job.action, Swap) else None,
        )

    async def _remaining(self, currency: str) -> Decimal | None:
        """What the session that is held may still spend of a currency; None when unlimited."""
        view = self.session = await self._client.get("/agents/session/self", SessionView)
        if currency == "USDC":
            return None if view.remaining_usdc is None else Decimal(view.remaining_usdc)
        for one in view.limits:
            if one.currency == currency and one.remaining is not None:
                return Decimal(one.remaining)
        return None

    def _key_hash(self) -> str:
        assert self._held is not None
        return "0x" + session_key_hash(self._held.wallet_private_key.public_key).hex()

    @asynccontextmanager
    async def _alone_with(self, hold_id: str) -> AsyncIterator[None]:
        """Nobody else carries this action out meanwhile, in any process that shares the state folder."""
        while (lock := self._state.try_lock(bucket("execute", hold_id))) is None:
            await async_sleep(LOCK_PAUSE_SECONDS)
        try:
            yield
        finally:
            self._state.unlock(lock)
