# Generated from src/valetkey/sdk/_async/contract_steps.py by scripts/generate_sync.py: edit that file instead.
"""One action on its way: its steps on chain, each signed, kept, announced, sent and written down, once.

An allowance is exact and lasts for one action. What left is read from the chain, and is what the ledger is told.
"""

import time
from dataclasses import dataclass

from valetkey.core.errors import ValetkeyError
from valetkey.core.money import NATIVE, Asset, format_units
from valetkey.core.spend import HoldState
from valetkey.ports.outcome import Outcome
from valetkey.ports.wallet import Call, CallReverts, SignedTransaction
from valetkey.sdk._sync.desk import WAIT_SECONDS, Desk
from valetkey.sdk._sync.drawing import DRAWS, Draws, growing_pauses
from valetkey.sdk._sync.holds import Hold
from valetkey.sdk._sync.owner import STEP_GAS, Owner
from valetkey.sdk.actions import Action
from valetkey.sdk.errors import ContractMisbehaved, HoldEnded, InsufficientFunds, Unfinished
from valetkey.sdk.executions import Progress, write_progress
from valetkey.sdk.planning import ledger_amount
from valetkey.seam import sleep
from valetkey.wire import calls

MAIN = "main"
"""The step that an action is about."""

APPROVE, RESET, CLEAR, RETURN, BRING = "approve", "reset", "clear", "return", "bring"
"""Steps around it."""


@dataclass(slots=True)
class Job:
    """An action that the gate holds money for. `draws`: the money comes out of a grant, not out of the wallet."""

    action: Action
    asset: Asset
    units: int
    hold: Hold
    progress: Progress
    desk: Desk
    draws: bool

    @property
    def token(self) -> str:
        """The contract of the asset."""
        return self.asset.address


class ContractSteps(Draws):
    """The part of a delegate that talks to contracts."""

    _backer: Owner | None = None
    """The owner, where it is at hand: lends gas for what a grant pays, and says when less moved than was held."""

    _assets: tuple[Asset, ...] = ()
    """Tokens of a configuration, beside those that everybody knows."""

    def _carry(self, job: Job, name: str, call: Call, *, spends: bool = False) -> str:
        """Carry a step through, once; its hash. What `spends` is told to the platform before it is sent."""
        done = job.progress.steps.get(name)
        if done is not None:
            return done
        purpose = f"{name} {job.hold.id}"

        def announce(signed: SignedTransaction) -> None:
            # From here on the platform holds the money until the chain proves one thing or the other.
            problem: HoldEnded | None = None
            try:
                job.hold.mark_signed(signed.raw, signed.tx_hash)
            except HoldEnded as error:
                problem = error
            # Proven meanwhile by these very bytes: sending them again does no harm.
            is_proven = job.hold.state == HoldState.CAPTURED and job.hold.view.reference == signed.tx_hash
            if problem is not None and not is_proven:
                raise problem

        announced = announce if spends and not job.draws else None
        mined = job.desk.carry_through(purpose, call, announced)
        job.progress.steps[name] = mined.tx_hash
        self._write(job)
        job.desk.done(purpose)
        return mined.tx_hash

    def _outcome(self, job: Job, name: str) -> Outcome:
        """What a step that was made did."""
        found = job.desk.wallet.outcome(job.progress.steps[name])
        if found is None:
            raise Unfinished("the node does not know a transaction that was in a block: ask again")
        return found

    def _bring(self, job: Job, payee: str) -> None:
        """Pay what is held out of the grant, once."""
        if BRING not in job.progress.steps:
            job.progress.steps[BRING] = self._drawn(job.hold, payee)
            self._write(job)
        self._state.remove(DRAWS, f"pay-{job.hold.id}")
        self._captured(job.hold)

    def _gas(self, job: Job) -> None:
        """Gas for the steps of an action that a grant pays: its session's wallet has none of its own."""
        if not self._draws():
            return
        wanted = STEP_GAS * job.desk.wallet.fee_per_gas()
        if job.desk.wallet.native_balance(job.desk.wallet.address) >= wanted:
            return
        if self._backer is None or self._backer._signer is None:
            raise InsufficientFunds(
                f"this needs gas in the session's wallet {job.desk.wallet.address}: send it {wanted} wei, or give the "
                "client its owner's signer, which lends so much"
            )
        own = self._backer._desk(network=self.network())
        with own.alone():
            self._backer._send_gas(own, job.desk.wallet.address, wanted)

    # Allowances

    def _allow(self, job: Job, spender: str) -> None:
        """Let a contract take exactly what is held."""
        wallet = job.desk.wallet
        if APPROVE not in job.progress.steps:
            before = wallet.allowance(job.token, wallet.address, spender)
            call = calls.approve(job.token, spender, job.units)
            refused = None
            try:
                self._carry(job, APPROVE, call, spends=True)
            except CallReverts as error:
                refused = error
            if refused is not None:
                if not before or RESET in job.progress.steps:
                    raise refused
                # Some tokens change an allowance only from or to nothing.
                self._carry(job, RESET, calls.approve(job.token, spender, 0))
                self._carry(job, APPROVE, call, spends=True)
        if not job.progress.since:
            job.progress.since = (self._outcome(job, APPROVE)).block_number
            self._write(job)

    def _disallow(self, job: Job, spender: str) -> None:
        """Take back what is left of an allowance."""
        wallet = job.desk.wallet
        if APPROVE not in job.progress.steps or CLEAR in job.progress.steps:
            return
        unfinished = job.desk.unfinished(f"{CLEAR} {job.hold.id}")
        if unfinished is not None or wallet.allowance(job.token, wallet.address, spender):
            self._carry(job, CLEAR, calls.approve(job.token, spender, 0))

    def _left(self, job: Job, main: str | None) -> int:
        """Base units that left the wallet: in the step that matters, and by the allowance since it stood."""
        wallet = job.desk.wallet
        itself = 0 if main is None else (self._outcome(job, main)).left(job.token, wallet.address)
        if not job.progress.since:
            # What a contract takes by an allowance of before was counted when that was given.
            return max(0, itself - job.progress.allowed)
        since = wallet.left(job.token, wallet.address, job.progress.since)
        # Other actions may be in these blocks, when this one was interrupted; an allowance lets out what is held.
        return max(itself, min(since, job.units))

    def _check_has(self, job: Job, first: str) -> None:
        """Raise InsufficientFunds before anything is signed that the wallet cannot pay."""
        wallet = job.desk.wallet
        if first in job.progress.steps or job.desk.unfinished(f"{first} {job.hold.id}") is not None:
            return
        if job.token == NATIVE:
            has = wallet.native_balance(wallet.address)
        else:
            has = wallet.token_balance(job.token, wallet.address)
        if has < job.units:
            asked, left = (format_units(one, job.asset.decimals) for one in (job.units, has))
            raise InsufficientFunds(
                f"{asked} {job.asset.currency} are asked of the session's wallet {wallet.address}, which has {left}"
            )

    # Settling

    def _settle(self, job: Job, spent: int, received: int = 0, failure: str = "") -> None:
        """Tell the ledger what left. Less than was held is believed of the owner alone, and when it is deep enough."""
        job.progress.spent, job.progress.received, job.progress.failure = spent, received, failure
        self._write(job)
        if job.draws:
            self._give_back(job, job.units - spent)
        elif job.hold.state in (HoldState.HELD, HoldState.UNKNOWN):
            self._capture(job, spent, nothing=bool(failure) and not spent)
        job.progress.done = True
        self._write(job)

    def _capture(self, job: Job, spent: int, *, nothing: bool) -> None:
        hold = job.hold
        if hold.state == HoldState.HELD and nothing:
            hold.void()
        elif spent >= job.units and not nothing:
            hold.capture(None if spent == job.units else ledger_amount(spent, job.asset))
        elif self._backer is not None and self._is_deep(job):
            owned = Hold(self._backer._client, hold.view)
            (owned.void(proven=True) if nothing else owned.capture(ledger_amount(spent, job.asset)))
            hold.view = owned.view
        elif not nothing:
            # Nobody gives money back on the word of who spends it.
            hold.capture()

    def _is_deep(self, job: Job) -> bool:
        """Wait until the steps of a job are as deep in the chain as the platform wants; False when that takes long."""
        wanted = (self.network()).confirmations
        newest = max([(self._outcome(job, one)).block_number for one in job.progress.steps], default=0)
        deadline, pauses = time.monotonic() + WAIT_SECONDS, growing_pauses()
        while job.desk.wallet.block_number() - newest + 1 < wanted:
            if time.monotonic() >= deadline:
                return False
            sleep(next(pauses))
        return True

    def _give_back(self, job: Job, rest: int) -> None:
        """What a grant brought into the wallet and nothing took goes home, and the ledger learns of it."""
        if rest <= 0 or job.token == NATIVE:
            return
        assert self.session is not None
        call = calls.transfer(job.token, self.session.owner_wallet, rest)
        self._carry(job, RETURN, call)
        if self._backer is not None and job.hold.state == HoldState.CAPTURED:
            owned = Hold(self._backer._client, job.hold.view)
            owned.refund(ledger_amount(rest, job.asset))

    def _undo(self, job: Job, spender: str, problem: ValetkeyError) -> None:
        """The step that matters came to nothing: no allowance stays, and what did not leave is free again."""
        if not job.draws and job.hold.state == HoldState.UNKNOWN and not job.progress.steps:
            # The reverted transaction is the payment that the platform keeps: it proves by itself that nothing moved.
            return
        self._disallow(job, spender)
        spent = self._left(job, None)
        if spent:
            hashed = job.progress.steps[APPROVE]
            problem = ContractMisbehaved(
                f"the contract took {spent} base units by its allowance, and nothing else came of it",
                hashed,
                spent,
            )
        self._settle(job, spent, failure=f"{problem.code}: {problem}")
        if spent:
            raise problem

    def _write(self, job: Job) -> None:
        write_progress(self._state, job.hold.id, job.progress)
