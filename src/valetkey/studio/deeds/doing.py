"""A deed as it is done, in a thread of the studio: what all of them share. What each does is in a file of its own."""

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.ports.wallet import Call
from valetkey.sdk._async.owner import STEP_GAS
from valetkey.sdk._sync.buyer import BuyerAgent
from valetkey.sdk._sync.client import Client
from valetkey.sdk.errors import (
    Conflict,
    InsufficientFunds,
    NotFound,
    RecoveryFailed,
    Refused,
    TransactionReverted,
    Unauthenticated,
)
from valetkey.sdk.session_info import SessionInfo
from valetkey.studio.deeds.deed import Deed, KeptDeeds
from valetkey.studio.owners import Owner
from valetkey.studio.stepping import Stepping
from valetkey.studio.wizard.browser_wallet import BrowserSigner, WalletLost, WalletRefused
from valetkey.studio.wizard.operator import Operator
from valetkey.wire import calls
from valetkey.wire.sessions import SessionView

ASKED = "asked"
"""A wallet was asked to send something, and its hash is not known yet."""

HARMLESS = frozenset({"opened"})
"""Steps of which nothing comes but that they can go on."""

NOTHING_SENT = (
    *(InvalidInput, Refused, Conflict, NotFound, RecoveryFailed),
    *(WalletRefused, InsufficientFunds, TransactionReverted),
)


class Place:
    """Where the studio works: the platform, the state folder, and what its operator lends."""

    def __init__(self, base_url: str, state_dir: Path | None, operator: Operator) -> None:
        self.base_url, self.state_dir, self.operator = base_url, state_dir, operator
        self.kept = KeptDeeds(state_dir)


class Doing(Stepping):
    """One deed that is done. `view` is the session as it was when this began or went on."""

    hands_over = False
    """Whether its keys are shown at the end; nothing is over before that."""

    def __init__(self, deed: Deed, view: SessionView, owner: Owner, place: Place) -> None:
        super().__init__(deed, owner, self.steps_of(deed, view))
        self.deed, self.view, self._place = deed, view, place

    @staticmethod
    @abstractmethod
    def steps_of(deed: Deed, view: SessionView) -> tuple[str, ...]:
        """What is to be done, in order; what was done stays among it."""

    @abstractmethod
    def _do_all(self, agent: BuyerAgent) -> None:
        """Every step. The agent has no wallet yet: see `_lend_wallet`."""

    def _work(self) -> None:
        with BuyerAgent(
            self._owner.agent.api_key, base_url=self._place.base_url, state_dir=self._place.state_dir
        ) as agent:
            self._do_all(agent)
        if not self.hands_over:
            self.deed.is_over = True
            self._keep()

    def _alone(self) -> AbstractContextManager[bool]:
        return self._place.kept.alone(self.deed)

    def _keep(self) -> None:
        self._place.kept.keep(self.deed)

    def _give_up(self, error: ValetkeyError) -> None:
        """What was refused before anything came of it may be changed, and is another one then."""
        is_no = isinstance(error, InvalidInput | Refused | Conflict) and not isinstance(
            error, Unauthenticated
        )
        if is_no and not set(self.deed.done) - HARMLESS and not self.deed.asked:
            self.deed.reopen()
            self._keep()

    @property
    def may_leave(self) -> bool:
        """Whether it failed in a way that leaves nothing on its way, so that it may be left at what was done."""
        if self.hands_over and set(self.record.done) - HARMLESS:
            return False
        is_known = isinstance(self.failed, NOTHING_SENT) and not isinstance(self.failed, WalletLost)
        pending = {name for name in self.record.asked if name in self.steps} - set(self.record.done)
        return is_known and not pending

    # In the thread

    @property
    def _chain(self) -> int:
        return self.view.network.chain_id

    def _lend_wallet(self, agent: BuyerAgent, *, is_needed: bool = True) -> None:
        """Let the agent sign with the owner's wallet, as the form has it."""
        signer = self._signs(self.deed["signing"], self._place.operator, self._chain, is_needed=is_needed)
        if signer is not None:
            agent.init_eoa_wallet(signer)

    def _keys(self, agent: BuyerAgent) -> SessionInfo:
        """The session with its keys: out of the keystore, or its recovery copy. Raises RecoveryFailed."""
        operator = self._place.operator
        if operator.passphrase is not None:
            with Client(
                self._owner.agent.api_key,
                chain=self._chain,
                base_url=self._place.base_url,
                state_dir=self._place.state_dir,
                passphrase=operator.passphrase,
            ) as client:
                try:
                    return client.recover_session(self.view.session_id)
                except NotFound:
                    pass
        # With the end and the budget that it has now.
        return agent.refresh_session(self.view.session_id)

    def _approve(self, agent: BuyerAgent) -> str:
        """The allowance of the contract, for what all living grants may still take."""
        signer, chain = agent._signer, self._chain
        if not isinstance(signer, BrowserSigner):
            return agent.approve_grants(chain) or "approved before"
        call = agent.grants_approval(chain)
        if call is None:
            return "approved before"
        sent = self._send_once(agent, "approved", call, lambda: agent.grants_approval(chain) is None)
        self._wait(lambda: agent.grants_approval(chain) is None)
        return sent

    def _lend_gas(self, agent: BuyerAgent, wallet: str) -> str:
        """Gas for the way home, from a wallet in a browser; another one lends by itself."""
        if not isinstance(agent._signer, BrowserSigner):
            return ""
        has = agent.holdings(wallet, self._chain)
        wanted = STEP_GAS * has.wei_per_gas
        if not self.record.asked.get("lent") and (not has.usdc or has.wei >= wanted):
            return "there was enough"
        before = int(self.record.asked.setdefault("had", str(has.wei)))
        # What gas costs moves on while somebody looks at a wallet; what is left of it comes home, too.
        call = calls.transfer_native(wallet, max(2 * wanted - has.wei, 1))
        return self._send_once(agent, "lent", call, lambda: agent.holdings(wallet, self._chain).wei > before)

    def _send_once(self, agent: BuyerAgent, name: str, call: Call, has_come: Callable[[], bool]) -> str:
        """Have the browser's wallet send a call, once; its hash, "" where only its effect is known.

        `has_come`: whether the effect is there, for a wallet that was asked and whose answer nobody heard.
        """
        signer = agent._signer
        assert isinstance(signer, BrowserSigner), "another one signs by itself"
        while True:
            asked = self.record.asked.get(name, "")
            if asked.startswith("0x"):
                self._wait(lambda sent=asked: agent.is_mined(sent, self._chain) is not None)  # type: ignore[misc]
                if not agent.is_mined(asked, self._chain):
                    self._not_asked(name)
                    raise TransactionReverted(
                        "what your wallet sent was refused by the chain: nothing moved", asked
                    )
                return asked
            if asked:
                self._wait_for_lost(name, has_come)
                return ""
            self.record.asked[name] = ASKED
            self._keep()
            try:
                self.record.asked[name] = signer.send(call)
            except WalletLost:
                raise
            except WalletRefused:
                self._not_asked(name)
                raise
            self._keep()
