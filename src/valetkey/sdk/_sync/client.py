# Generated from src/valetkey/sdk/_async/client.py by scripts/generate_sync.py: edit that file instead.
"""The Client: an owner's sessions by their key hashes, and what they are told to do. All of it is in other files."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import Keystore
from valetkey.ports.signer import Signer
from valetkey.sdk._sync.buyer import BuyerAgent
from valetkey.sdk._sync.client_rotating import ClientRotating
from valetkey.sdk.actions import Action
from valetkey.sdk.chain_config import ChainConfig
from valetkey.sdk.client_session import ClientSession
from valetkey.sdk.config_checks import check_key
from valetkey.sdk.executions import Execution
from valetkey.sdk.kept_sessions import KeptSession
from valetkey.sdk.keys_at_rest import Lock
from valetkey.sdk.solana.desks import SolanaSigner


class Client(ClientRotating):
    """Many sessions of one owner. Use it as a context manager, or call `close`.

    `api_key` is the owner's, from VALETKEY_API_KEY unless given. `chain`: what sessions are for that name none: a name,
    number, CAIP-2 id or ChainConfig; `rpc_url` is its node. `base_url`, `state_dir` as for BuyerAgent. `signer`: the
    owner's wallet, a private key, a PrivateKey or a Signer, for grants and for funding; without one sessions pay out of
    wallets of their own. Session keys are kept encrypted in the state folder under `passphrase` or `lock`, from
    VALETKEY_PASSPHRASE unless given, or in `keystore`. `solana_signer`: the owner's account on
    Solana, which opens the accounts of sessions there: 32 bytes in hex, 64 in base58, or an Ed25519Signer. `owner` is
    the BuyerAgent below, for everything else. Raises NotConfigured, InvalidInput.
    """

    def __init__(
        self,
        api_key: Secret | str | None = None,
        chain: str | int | ChainConfig = "base",
        rpc_url: str | None = None,
        *,
        base_url: str | None = None,
        state_dir: Path | str | None = None,
        signer: str | Secret | PrivateKey | Signer | None = None,
        passphrase: Secret | str | None = None,
        lock: Lock | None = None,
        keystore: Keystore | None = None,
        solana_signer: SolanaSigner | None = None,
    ) -> None:
        super().__init__(
            *(
                api_key,
                chain,
                rpc_url,
                base_url,
                state_dir,
                signer,
                lock or passphrase,
                keystore,
                solana_signer,
            )
        )
        self._delegates: dict[str, BuyerAgent] = {}

    def execute(
        self,
        session: ClientSession | str,
        action: Action | Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        wait_approval: float | None = None,
    ) -> Execution:
        """Have a session do something with its money: a Transfer, Approve, ContractCall or Swap, or a mapping of one.

        `session` is its key's hash, or its id. The gate decides and holds the money, whatever it is paid out of. The
        same `idempotency_key` and action never pay twice, also from another process with the same state folder and
        keystore, after kill -9 anywhere. Raises what `execute` of BuyerAgent raises, and NotFound for a session whose
        keys are not in this keystore.
        """
        check_key(idempotency_key)
        kept = self._kept(session)
        if kept.seed:
            if not kept.granted:
                self._made(kept, is_wanted=True)
            return self._pay_on_solana(kept, action, idempotency_key, wait_approval)
        delegate = self._delegate(kept)
        return delegate.execute(action, idempotency_key=idempotency_key, wait_approval=wait_approval)

    def close(self) -> None:
        """Close every connection, and the keystore unless it was given."""
        delegates, self._delegates = self._delegates, {}
        desks, self._desks = self._desks, {}
        for desk in desks.values():
            desk.close()
        for one in delegates.values():
            one.close()
        self.owner.close()
        opened, self._opened = self._opened, None
        if opened is not None and self._given_store is None:
            opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.chain.name}>"

    def _delegate(self, kept: KeptSession) -> BuyerAgent:
        """The holder of a session, which goes on where its making was interrupted."""
        if not kept.bundle or (
            kept.funding == "grant" and not kept.granted and self.owner._signer is not None
        ):
            self._made(kept)
        known = self._delegates.get(kept.key_hash)
        if known is not None:
            return known
        # A node is named for one chain.
        is_own = kept.chain_id == self.chain.chain_id
        delegate = BuyerAgent(**{**self._places, "rpc_url": self.chain.rpc_url if is_own else None})
        ready = False
        try:
            delegate.init_with_session(kept.bundle)
            ready = True
        finally:
            if not ready:
                delegate.close()
        delegate._backer, delegate._assets = self._settled(), self.chain.assets
        # Another task may have been faster.
        first = self._delegates.setdefault(kept.key_hash, delegate)
        if first is not delegate:
            delegate.close()
        return first
