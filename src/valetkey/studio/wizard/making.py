"""The making of a session: step by step, each done once however often it is begun, and told to every page that looks.

The work is in a thread: a wallet in a browser is waited for there, and keystores take their time.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.crypto.secret import Secret
from valetkey.ports.signer import Signer
from valetkey.ports.wallet import Call
from valetkey.sdk._sync.client import Client
from valetkey.sdk.chain_config import configured_chains
from valetkey.sdk.errors import IdempotencyMismatch, RecoveryFailed, Refused, Unauthenticated
from valetkey.sdk.kept_sessions import request_name
from valetkey.sdk.session_config import SessionConfig
from valetkey.sdk.session_info import SessionInfo
from valetkey.studio.owners import Owner
from valetkey.studio.wizard.browser_wallet import Bridge, BrowserSigner, WalletLost, WalletRefused
from valetkey.studio.wizard.draft import Draft, FieldError
from valetkey.studio.wizard.enrolled import make_enrolled
from valetkey.studio.wizard.kept_drafts import Drafts
from valetkey.studio.wizard.meaning import Local, config_of, of_the_form, on_solana
from valetkey.studio.wizard.operator import HeldKeys, Operator
from valetkey.wire.network import NetworkView

log = logging.getLogger(__name__)

MINED_SECONDS = 180.0
"""How long what a wallet sent may take to have its effect."""

LOOK_SECONDS = 1.0

TITLES = {
    "made": "Keys made here and kept, the platform told",
    "kept": "Recovery copy sealed to your wallet",
    "granted": "Grant signed",
    "approved": "Allowance approved on chain",
    "funded": "Wallet funded",
    "opened": "Keys made here and kept, the platform told, the account opened on Solana",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A step as a page shows it: `state` is waiting, doing, done or failed."""

    name: str
    title: str
    state: str
    told: str = ""


class Making:
    """One draft that becomes a session."""

    def __init__(
        self, draft: Draft, owner: Owner, network: NetworkView, place: "Makings", wallet_session: bool
    ) -> None:
        self.draft = draft
        self.bridge = Bridge(asyncio.get_running_loop())
        self.info: SessionInfo | None = None
        self.failed: ValetkeyError | None = None
        self.steps = steps_of(draft, has_signer=wallet_session)
        self.is_over = False
        self._owner, self._network, self._place = owner, network, place
        self._held = HeldKeys()
        self._doing = ""
        self._listeners: list[Callable[[], None]] = []
        self._loop = asyncio.get_running_loop()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Tell whenever something moved on; what is returned ends it."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    def shown(self) -> list[Shown]:
        """Every step and how it stands."""
        found = []
        for name in self.steps:
            state = "waiting"
            if name in self.draft.done:
                state = "done"
            elif name == self._doing:
                state = "failed" if self.failed is not None else "doing"
            found.append(Shown(name, TITLES[name], state, self.draft.done.get(name, "")))
        return found

    async def run(self) -> None:
        """Do what is not done yet. What went wrong is in `failed`; another run goes on from there."""
        self.failed, self.is_over, is_done = None, False, False
        self._tell()
        try:
            with self._place.drafts.alone(self.draft) as is_alone:
                if not is_alone:
                    raise MadeElsewhere(
                        "This session is being made elsewhere at this moment: look again soon."
                    )
                await asyncio.to_thread(self._work)
            is_done = True
        except ValetkeyError as error:
            self.failed = error
            self._give_up(error)
        finally:
            self.is_over = True
            if not is_done and self.failed is None:
                self.failed = Broken(
                    "The studio made a mistake: its log says which. What is done stays done."
                )
            self._owner.changed()
            self._tell()

    def go_on_for(self, owner: Owner) -> None:
        """The same wallet, which may have signed in anew: the key of then may have ended with its sitting."""
        self._owner = owner

    def forget(self) -> None:
        """Nothing of its secrets is held here any more."""
        self.info = None
        self._held.clear()

    # In the thread

    def _work(self) -> None:
        signer = self._signer()
        if on_solana(self.draft):
            self._do("opened", lambda: self._open_account(signer))
            return
        if self.draft["handing"] == "enrolled":
            make_enrolled(self.draft, self._client(signer), self._network, self._do, approve=self._approve)
            return
        with self._client(signer) as client:
            config = config_of(self.draft, int(time.time()))
            self._begin("made")
            self.info = self._session(client, config)
            self.draft.session_id = self.info.session_id
            self._done("made", self.info.session_id)
            if "kept" in self.steps:
                self._do("kept", lambda: client.owner.keep_recovery(self._made()))
            if "granted" in self.steps:
                self._do("granted", lambda: client.owner.grant_session(self._made(), approve=False).id)
                self._do("approved", lambda: self._approve(client))
            if "funded" in self.steps:
                self._do("funded", lambda: self._fund(client))

    def _open_account(self, signer: Signer | Secret | None) -> str:
        """A session on Solana: its keys are kept, and what was sent is sent once, whoever is killed in between."""
        with self._client(signer) as client:
            request = request_name(client._credential, self.draft.key)
            try:
                return client.create_session(config_of(self.draft, int(time.time()))).session_id
            finally:
                # What the platform knows already stays this session, also when its account is not open yet.
                kept = client._keys.begun(request)
                self.draft.session_id = "" if kept is None else kept.session_id

    def _session(self, client: Client, config: SessionConfig) -> SessionInfo:
        """The session with its keys: new ones, those that are kept, or those that the owner's wallet opens."""
        is_lost = False
        try:
            return client.recover_session(client.create_session(config, grant=False, approve=False))
        except IdempotencyMismatch:
            # The platform made it for keys that were in the memory of a studio that is gone.
            is_lost = True
        try:
            if self.draft.session_id and client.owner._signer is not None:
                return client.owner.recover_session(self.draft.session_id)
        except RecoveryFailed:
            is_lost = True
        assert is_lost, "otherwise it was made"
        raise KeysLost(
            "The platform made this session before, and the studio that had its keys is gone: nobody can use it."
            f" Revoke “{self.draft['label']}” among your sessions, and make it anew."
        )

    def _signer(self) -> Signer | Secret | None:
        choice = self.draft["signing"]
        operator = self._place.operator
        if choice == "browser":
            return BrowserSigner(self.bridge, self._owner.wallet, self._network.chain_id)
        if operator.address(self._owner.wallet) is None or operator.key is None:
            if choice == "operator" and any(one in self.steps for one in ("granted", "funded")):
                raise InvalidInput(
                    "this studio was started without the key of your wallet: let your browser's wallet sign",
                    field="signing",
                )
            return None
        return Secret(operator.key.to_hex())

    def _client(self, signer: Signer | Secret | None) -> Client:
        place = self._place
        return Client(
            self._owner.agent.api_key,
            chain=self._network.chain_id,
            base_url=place.base_url,
            signer=signer,
            state_dir=place.state_dir,
            passphrase=place.operator.passphrase,
            solana_signer=place.operator.solana_key(self._owner.wallet),
            keystore=None if place.operator.passphrase is not None else self._held,
        )

    def _approve(self, client: Client) -> str:
        chain = self._network.chain_id
        if not isinstance(client.owner._signer, BrowserSigner):
            return client.owner.approve_grants(chain) or "approved before"
        call = client.owner.grants_approval(chain)
        if call is None:
            return "approved before"
        tx_hash = client.owner._signer.send(call)
        self._wait(lambda: client.owner.grants_approval(chain) is None)
        return tx_hash

    def _fund(self, client: Client) -> str:
        info, amount = self._made(), self.draft["amount"]
        if not isinstance(client.owner._signer, BrowserSigner):
            # Money that came before the studio was killed is not sent again.
            return client.fund_session(info.session_id, amount) if self._missing(client) else "funded before"
        told = "funded before"
        while missing := self._missing(client):

            def is_less(before: int = len(missing)) -> bool:
                return len(self._missing(client)) < before

            if self.draft.asked.get("fund") == str(len(missing)):
                # It was asked, and nobody knows what it answered: twice would be twice the money.
                self._wait_for_lost(is_less)
                continue
            self.draft.asked["fund"] = str(len(missing))
            self._place.drafts.keep(self.draft)
            try:
                told = client.owner._signer.send(missing[0])
            except WalletLost:
                raise
            except WalletRefused:
                self._not_asked()
                raise
            self._wait(is_less)
        return told

    def _wait_for_lost(self, is_so: Callable[[], bool]) -> None:
        """Money that may be on its way; when nothing came for long, the wallet may be asked anew."""
        is_lost = False
        try:
            self._wait(is_so)
        except StillWaiting:
            is_lost = True
        if is_lost:
            self._not_asked()
            raise StillWaiting(
                "your wallet was asked to send money, and none came: see that nothing is pending there, then try again"
            )

    def _not_asked(self) -> None:
        self.draft.asked.pop("fund", None)
        self._place.drafts.keep(self.draft)

    def _missing(self, client: Client) -> list[Call]:
        return client.owner.funding_calls(self._made(), self.draft["amount"])

    def _wait(self, is_so: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not is_so():
            if time.monotonic() - began > MINED_SECONDS:
                raise StillWaiting(
                    "what the wallet sent is in no block yet: try again, nothing is sent twice"
                )
            time.sleep(LOOK_SECONDS)

    def _made(self) -> SessionInfo:
        assert self.info is not None, "its keys are known once it is made"
        return self.info

    def _do(self, name: str, work: Callable[[], str | None]) -> None:
        """One step, unless it was done before; durable when it is done."""
        if name in self.draft.done:
            return
        self._begin(name)
        self._done(name, work() or "")

    def _begin(self, name: str) -> None:
        self._doing = name
        self._loop.call_soon_threadsafe(self._tell)

    def _done(self, name: str, told: str) -> None:
        self.draft.done[name] = told
        self._place.drafts.keep(self.draft)
        self._loop.call_soon_threadsafe(self._tell)

    # In the loop

    def _give_up(self, error: ValetkeyError) -> None:
        """What the platform refused to make is another session once it was changed; what was made stays."""
        if isinstance(error, KeysLost):
            self.draft.session_id = ""
        elif self.draft.session_id or isinstance(error, Unauthenticated):
            return
        elif isinstance(error, InvalidInput | Refused):
            if isinstance(error, InvalidInput) and not isinstance(error, FieldError):
                self.failed = of_the_form(error, self.draft)
        else:
            return
        self.draft.reopen()
        self._place.drafts.keep(self.draft)
        self._place.end(self)

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


class KeysLost(ValetkeyError):
    """A session was made, and its keys were in the memory of a process that is gone."""


class MadeElsewhere(ValetkeyError):
    """Another process has this draft in hand."""


class Broken(ValetkeyError):
    """A making ended by a mistake of the studio's own."""


class StillWaiting(ValetkeyError):
    """A transaction of a wallet is in no block yet."""

    retryable = True


class Makings:
    """Every making of this process, by its draft: a second click finds the first one's."""

    def __init__(self, base_url: str, state_dir: Path | None, operator: Operator) -> None:
        self.base_url, self.state_dir, self.operator = base_url, state_dir, operator
        self.drafts = Drafts(state_dir)
        self._chains = configured_chains()
        self._open: dict[str, Making] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def local(self, owner: Owner) -> Local:
        """What this studio has for an owner."""
        return Local(self._chains, solana=self.operator.solana_key(owner.wallet) is not None)

    def find(self, draft_id: str, owner: Owner) -> Making | None:
        """The one of a draft, which is the owner's own."""
        found = self._open.get(draft_id)
        return found if found is not None and found._owner.wallet == owner.wallet else None

    def begin(self, draft: Draft, owner: Owner, network: NetworkView) -> Making:
        """Begin, go on after a failure, or find what is going on."""
        making = self.find(draft.id, owner)
        if making is None:
            has_signer = draft["signing"] == "browser" or (
                draft["signing"] == "operator" and self.operator.address(owner.wallet) is not None
            )
            making = self._open[draft.id] = Making(draft, owner, network, self, has_signer)
        elif not (making.is_over and making.failed is not None):
            return making
        else:
            making.go_on_for(owner)
        task = asyncio.create_task(making.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return making

    def end(self, making: Making) -> None:
        """Forget one: what is of it is in its draft."""
        making.forget()
        if self._open.get(making.draft.id) is making:
            del self._open[making.draft.id]


def steps_of(draft: Draft, *, has_signer: bool) -> tuple[str, ...]:
    """What is to be done for a draft, in order."""
    if on_solana(draft):
        return ("opened",)
    if draft["handing"] == "enrolled":
        return ("made",) if draft.template.sells else ("made", "approved")
    if draft["funding"] == "grant" and not draft.template.sells:
        return ("made", "granted", "approved")
    steps = ["made"]
    if has_signer:
        steps.append("kept")
        if draft["amount"] and not draft.template.sells:
            steps.append("funded")
    return tuple(steps)
