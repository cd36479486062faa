# Generated from src/valetkey/sdk/_async/contract_calls.py by scripts/generate_sync.py: edit that file instead.
"""Calling contracts with a session's money: any function that its policy names, and swaps through routers."""

from valetkey.core.errors import InvalidInput
from valetkey.core.money import NATIVE
from valetkey.core.spend import HoldState
from valetkey.ports.wallet import Call, CallReverts
from valetkey.sdk._sync.contract_steps import APPROVE, MAIN, ContractSteps, Job
from valetkey.sdk.actions import ContractCall, Swap
from valetkey.sdk.errors import SlippageExceeded, TransactionReverted
from valetkey.sdk.planning import asset_of, path_of, units_of
from valetkey.wire import calls
from valetkey.wire.abi import decode_words


class ContractCalls(ContractSteps):
    """The part of a delegate that lets a contract take what the gate holds, and looks at what it took."""

    def _call(self, job: Job, action: ContractCall) -> None:
        moves, allowed = action.moves, bool(job.units) and job.token != NATIVE
        self._check_has(job, APPROVE if allowed and moves is None else MAIN)
        call = Call(action.to, action.calldata, job.units if job.token == NATIVE else 0)
        problem: CallReverts | TransactionReverted | None = None
        try:
            if allowed and moves is None:
                self._allow(job, action.to)
            elif moves is None:
                self._note_allowed(job, action.to)
            self._carry(job, MAIN, call, spends=not job.progress.since)
        except (CallReverts, TransactionReverted) as error:
            problem = error
        if problem is not None:
            self._undo(job, action.to, problem)
            raise problem
        self._disallow(job, action.to)
        left = job.units if job.token == NATIVE else self._left(job, MAIN)
        over = left > job.units
        self._settle(job, left, failure=f"contract_misbehaved: {left} base units left" if over else "")

    def _swap(self, job: Job, action: Swap) -> None:
        token_out, least = self._wanted(job, action)
        path = path_of(action, job.token, token_out)
        wallet = job.desk.wallet
        self._check_has(job, APPROVE)
        to = self._home() if job.draws else wallet.address
        problem: CallReverts | TransactionReverted | None = None
        try:
            self._allow(job, action.router)
            deadline = wallet.block_time() + action.deadline
            call = calls.swap_exact_tokens(action.router, job.units, least, path, to, deadline)
            self._carry(job, MAIN, call)
        except (CallReverts, TransactionReverted) as error:
            problem = error
        if problem is not None:
            refused = SlippageExceeded(f"the router does not swap for {action.min_out}: {problem}")
            self._undo(job, action.router, refused)
            raise refused
        self._disallow(job, action.router)
        came = (self._outcome(job, MAIN)).came(token_out, to)
        left = self._left(job, MAIN)
        failure = ""
        if came < least:
            failure = f"contract_misbehaved: {came} base units came, and {least} were asked of the router"
        self._settle(job, left, came, failure)

    def _note_allowed(self, job: Job, contract: str) -> None:
        """What the contract may take by an earlier action, which was counted then."""
        wallet = job.desk.wallet
        if MAIN in job.progress.steps or job.token == NATIVE or job.desk.unfinished(f"{MAIN} {job.hold.id}"):
            return
        job.progress.allowed = wallet.allowance(job.token, wallet.address, contract)
        self._write(job)

    def _quoted(self, job: Job, action: Swap) -> None:
        """Ask the router before anything is signed: what would be refused later is refused now."""
        if job.progress.steps or job.hold.state != HoldState.HELD:
            return
        token_out, least = self._wanted(job, action)
        quote = calls.get_amounts_out(action.router, job.units, path_of(action, job.token, token_out))
        problem = ""
        try:
            told = decode_words(("uint256[]",), job.desk.wallet.view(quote))
            if told is None or not told[0]:
                problem = "the router gives no quote"
            elif told[0][-1] < least:
                problem = f"the router would give {told[0][-1]} base units, and {least} are the least"
        except CallReverts as error:
            problem = f"the router gives no quote: {error}"
        if problem:
            job.hold.void()
            raise SlippageExceeded(problem)

    def _wanted(self, job: Job, action: Swap) -> tuple[str, int]:
        """The token that comes, and the least base units of it; its decimals are the chain's."""
        network = self.network()
        token = action.token_out
        if not token.startswith("0x"):
            asset = asset_of(network, token, "token_out", self._assets)
            if asset.address == NATIVE:
                raise InvalidInput("a swap gives a token, not the chain's coin", field="token_out")
            token = asset.address
        told = decode_words(("uint8",), job.desk.wallet.view(calls.decimals(token)))
        if told is None:
            raise InvalidInput("what is at this address is no token", code="unknown_token", field="token_out")
        job.progress.decimals = told[0]
        return token, units_of(action.min_out, told[0], "min_out")

    def _home(self) -> str:
        """The owner's wallet, where the money of a grant comes from and goes to."""
        assert self.session is not None
        return self.session.owner_wallet
