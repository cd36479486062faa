"""Calling contracts with a session's money: any function that its policy names, and swaps through routers."""

from valetkey.core.errors import InvalidInput
from valetkey.core.money import NATIVE
from valetkey.core.spend import HoldState
from valetkey.ports.wallet import Call, CallReverts
from valetkey.sdk._async.contract_steps import APPROVE, MAIN, AsyncContractSteps, AsyncJob
from valetkey.sdk.actions import ContractCall, Swap
from valetkey.sdk.errors import SlippageExceeded, TransactionReverted
from valetkey.sdk.planning import asset_of, path_of, units_of
from valetkey.wire import calls
from valetkey.wire.abi import decode_words


class AsyncContractCalls(AsyncContractSteps):
    """The part of a delegate that lets a contract take what the gate holds, and looks at what it took."""

    async def _call(self, job: AsyncJob, action: ContractCall) -> None:
        moves, allowed = action.moves, bool(job.units) and job.token != NATIVE
        await self._check_has(job, APPROVE if allowed and moves is None else MAIN)
        call = Call(action.to, action.calldata, job.units if job.token == NATIVE else 0)
        problem: CallReverts | TransactionReverted | None = None
        try:
            if allowed and moves is None:
                await self._allow(job, action.to)
            elif moves is None:
                await self._note_allowed(job, action.to)
            await self._carry(job, MAIN, call, spends=not job.progress.since)
        except (CallReverts, TransactionReverted) as error:
            problem = error
        if problem is not None:
            await self._undo(job, action.to, problem)
            raise problem
        await self._disallow(job, action.to)
        left = job.units if job.token == NATIVE else await self._left(job, MAIN)
        over = left > job.units
        await self._settle(job, left, failure=f"contract_misbehaved: {left} base units left" if over else "")

    async def _swap(self, job: AsyncJob, action: Swap) -> None:
        token_out, least = await self._wanted(job, action)
        path = path_of(action, job.token, token_out)
        wallet = job.desk.wallet
        await self._check_has(job, APPROVE)
        to = self._home() if job.draws else wallet.address
        problem: CallReverts | TransactionReverted | None = None
        try:
            await self._allow(job, action.router)
            deadline = await wallet.block_time() + action.deadline
            call = calls.swap_exact_tokens(action.router, job.units, least, path, to, deadline)
            await self._carry(job, MAIN, call)
        except (CallReverts, TransactionReverted) as error:
            problem = error
        if problem is not None:
            refused = SlippageExceeded(f"the router does not swap for {action.min_out}: {problem}")
            await self._undo(job, action.router, refused)
            raise refused
        await self._disallow(job, action.router)
        came = (await self._outcome(job, MAIN)).came(token_out, to)
        left = await self._left(job, MAIN)
        failure = ""
        if came < least:
            failure = f"contract_misbehaved: {came} base units came, and {least} were asked of the router"
        await self._settle(job, left, came, failure)

    async def _note_allowed(self, job: AsyncJob, contract: str) -> None:
        """What the contract may take by an earlier action, which was counted then."""
        wallet = job.desk.wallet
        if (
            MAIN in job.progress.steps
            or job.token == NATIVE
            or await job.desk.unfinished(f"{MAIN} {job.hold.id}")
        ):
            return
        job.progress.allowed = await wallet.allowance(job.token, wallet.address, contract)
        self._write(job)

    async def _quoted(self, job: AsyncJob, action: Swap) -> None:
        """Ask the router before anything is signed: what would be refused later is refused now."""
        if job.progress.steps or job.hold.state != HoldState.HELD:
            return
        token_out, least = await self._wanted(job, action)
        quote = calls.get_amounts_out(action.router, job.units, path_of(action, job.token, token_out))
        problem = ""
        try:
            told = decode_words(("uint256[]",), await job.desk.wallet.view(quote))
            if told is None or not told[0]:
                problem = "the router gives no quote"
            elif told[0][-1] < least:
                problem = f"the router would give {told[0][-1]} base units, and {least} are the least"
        except CallReverts as error:
            problem = f"the router gives no quote: {error}"
        if problem:
            await job.hold.void()
            raise SlippageExceeded(problem)

    async def _wanted(self, job: AsyncJob, action: Swap) -> tuple[str, int]:
        """The token that comes, and the least base units of it; its decimals are the chain's."""
        network = await self.network()
        token = action.token_out
        if not token.startswith("0x"):
            asset = asset_of(network, token, "token_out", self._assets)
            if asset.address == NATIVE:
                raise InvalidInput("a swap gives a token, not the chain's coin", field="token_out")
            token = asset.address
        told = decode_words(("uint8",), await job.desk.wallet.view(calls.decimals(token)))
        if told is None:
            raise InvalidInput("what is at this address is no token", code="unknown_token", field="token_out")
        job.progress.decimals = told[0]
        return token, units_of(action.min_out, told[0], "min_out")

    def _home(self) -> str:
        """The owner's wallet, where the money of a grant comes from and goes to."""
        assert self.session is not None
        return self.session.owner_wallet
