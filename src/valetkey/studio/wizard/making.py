"""The making of a session: what is done for a draft, step by step. See stepping.py for how each is done once."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

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
from valetkey.studio.stepping import Stepping
from valetkey.studio.wizard.browser_wallet import BrowserSigner
from valetkey.studio.wizard.draft import Draft, FieldError
from valetkey.studio.wizard.enrolled import make_enrolled
from valetkey.studio.wizard.kept_drafts import Drafts
from valetkey.studio.wizard.meaning import Local, config_of, of_the_form, on_solana
from valetkey.studio.wizard.operator import HeldKeys, Operator
from valetkey.wire.network import NetworkView


class Making(Stepping):
    """One draft that becomes a session."""

    titles: ClassVar[Mapping[str, str]] = {
        "made": "Keys made here and kept, the platform told",
        "kept": "Recovery copy sealed to your wallet",
        "granted": "Grant signed",
        "approved": "Allowance approved on chain",
        "funded": "Wallet funded",
        "opened": "Keys made here and kept, the platform told, the account opened on Solana",
    }

    def __init__(
        self, draft: Draft, owner: Owner, network: NetworkView, place: "Makings", wallet_session: bool
    ) -> None:
        super().__init__(draft, owner, steps_of(draft, has_signer=wallet_session))
        self.draft = draft
        self._network, self._place = network, place
        self._held = HeldKeys()

    def go_on_for(self, owner: Owner) -> None:
        """The same wallet, which may have signed in anew: the key of then may have ended with its sitting."""
        self._owner = owner

    def forget(self) -> None:
        """Nothing of its secrets is held here any more."""
        super().forget()
        self._held.clear()

    def _alone(self) -> AbstractContextManager[bool]:
        return self._place.drafts.alone(self.draft)

    def _keep(self) -> None:
        self._place.drafts.keep(self.draft)

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
        is_needed = any(one in self.steps for one in ("granted", "funded"))
        return self._signs(
            self.draft["signing"], self._place.operator, self._network.chain_id, is_needed=is_needed
        )

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
        signer = client.owner._signer
        if isinstance(signer, BrowserSigner):
            return self._send_each("fund", signer, lambda: self._missing(client)) or "funded before"
        # Money that came before the studio was killed is not sent again.
        is_missing = bool(self._missing(client))
        return (
            client.fund_session(self._made().session_id, self.draft["amount"])
            if is_missing
            else "funded before"
        )

    def _missing(self, client: Client) -> list[Call]:
        return client.owner.funding_calls(self._made(), self.draft["amount"])

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


class KeysLost(ValetkeyError):
    """A session was made, and its keys were in the memory of a process that is gone."""


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
