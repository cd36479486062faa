"""The sessions of a Client: made with their keys kept first, listed, renewed, revoked; each known by its key's hash."""

import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valetkey.core.chains import is_solana
from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import Keystore
from valetkey.ports.signer import Signer
from valetkey.sdk import config as places
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.sdk.amounts import Amount
from valetkey.sdk.chain_config import ChainConfig, resolve_chain
from valetkey.sdk.client_session import ClientSession, client_session
from valetkey.sdk.config_checks import check_page
from valetkey.sdk.errors import NotConfigured, NotFound, WrongNetwork
from valetkey.sdk.kept_sessions import KeptSession, SessionKeys
from valetkey.sdk.keys_at_rest import Lock
from valetkey.sdk.limits import policy_of
from valetkey.sdk.opening import KEYSTORE_FILE, open_keystore
from valetkey.sdk.session_config import check_label
from valetkey.sdk.session_info import SessionInfo, info_of
from valetkey.sdk.solana.desks import SolanaSigner, solana_signer_of
from valetkey.sdk.state import StateFolder
from valetkey.wire.bundle import Bundle
from valetkey.wire.child_bundle import parse_child
from valetkey.wire.sessions import SessionView

if TYPE_CHECKING:
    from valetkey.sdk.solana.desks import AsyncSolanaDesk

PAGE = 100
_KEY_HASH = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)


class AsyncClientSessions:
    """The part of a Client that looks after sessions."""

    def __init__(
        self,
        api_key: Secret | str | None,
        chain: str | int | ChainConfig,
        rpc_url: str | None,
        base_url: str | None,
        state_dir: Path | str | None,
        signer: str | Secret | PrivateKey | Signer | None,
        lock: Lock | Secret | str | None,
        keystore: Keystore | None,
        solana_signer: SolanaSigner | None = None,
    ) -> None:
        key = places.api_key_of(api_key)
        self.chain = resolve_chain(chain, rpc_url=rpc_url)
        home = places.home_of(state_dir)
        on_solana = is_solana(self.chain.chain_id)
        self._places: dict[str, Any] = {
            "base_url": base_url,
            # Agents are about EVM chains: a node of a cluster is no use to them.
            "rpc_url": None if on_solana else self.chain.rpc_url,
            "state_dir": home,
        }
        self._home = home
        self._state = StateFolder(home)
        self._lock = lock
        self._given_store = keystore
        self._opened: Keystore | None = None
        self._credential = key
        self.owner = AsyncBuyerAgent(key, **self._places)
        self._is_settled = on_solana
        self._solana_signer = None if solana_signer is None else solana_signer_of(solana_signer)
        self._desks: dict[int, AsyncSolanaDesk] = {}
        if signer is not None:
            self.owner.init_eoa_wallet(signer)

    # What there is

    async def list_sessions(
        self,
        *,
        status: str | None = None,
        label: str | None = None,
        chain: str | int | None = None,
        delegate: str | None = None,
        limit: int = PAGE,
        offset: int = 0,
    ) -> list[ClientSession]:
        """A page of the owner's sessions, newest first; `chain` is one that a session may spend on, by name or number.

        `status` is active, pending, exhausted, paused, expired or revoked; `limit` is 100 at most. Raises InvalidInput.
        """
        check_page(limit, offset, PAGE)
        if label is not None:
            check_label(label)
        page = await self.owner.list_sessions(
            status=status,
            label=label,
            chain=None if chain is None else resolve_chain(chain).chain_id,
            delegate=delegate,
            limit=limit,
            offset=offset,
        )
        return [self._shown(one) for one in page.sessions]

    async def iter_sessions(
        self,
        *,
        status: str | None = None,
        label: str | None = None,
        chain: str | int | None = None,
        delegate: str | None = None,
    ) -> AsyncGenerator[ClientSession]:
        """Every session that fits, each once; the filters are those of `list_sessions`. Raises InvalidInput."""
        if label is not None:
            check_label(label)
        number = None if chain is None else resolve_chain(chain).chain_id
        async for one in self.owner.iter_sessions(
            status=status, label=label, chain=number, delegate=delegate
        ):
            yield self._shown(one)

    async def get_session(self, session: ClientSession | str) -> ClientSession:
        """One session, by its key's hash or its id. Raises NotFound."""
        return self._shown(await self.owner.get_session(await self._id_of(session)))

    async def revoke_session(self, session: ClientSession | str) -> ClientSession:
        """End a session for ever, and all made out of it. When this returns the gate grants it nothing more.

        What is left in its wallet is taken back by `reclaim_session`; a grant is revoked on chain by the relayer.
        """
        return self._shown(await self.owner.revoke_session(await self._id_of(session)))

    async def recover_session(self, session: ClientSession | str) -> SessionInfo:
        """A session with its keys out of the keystore, to hand it over: `serialize`, `seal`, `claim_link`.

        Raises NotFound for one whose keys are not in this keystore, and NotConfigured for one on Solana, which has no
        bundle: whoever has the keystore works for it.
        """
        if is_solana((await self.get_session(session)).chain_id):
            raise NotConfigured("a session on Solana has no bundle: its keys are in this keystore")
        return replace(await self._info(session), owner=self.owner)

    # The money of a wallet

    async def fund_session(
        self, session: ClientSession | str, amount: Amount | None = None, *, gas_wei: int | None = None
    ) -> str:
        """Send USDC and gas to the wallet of a session without a grant; see `fund_session` of BuyerAgent."""
        owner = await self._settled()
        return await owner.fund_session(await self._info(session), amount=amount, gas_wei=gas_wei)

    async def reclaim_session(self, session: ClientSession | str, to: str | None = None) -> str | None:
        """Take what is left in a session's wallet back, also after its end, to the owner's wallet unless told."""
        info = await self._info(session)
        owner = await self._settled()
        return await owner.reclaim_session(to or owner.wallet_address, session=info)

    # Inside

    @property
    def _keys(self) -> SessionKeys:
        if self._opened is None:
            self._opened = self._given_store or open_keystore(self._home / KEYSTORE_FILE, self._lock)
        return SessionKeys(self._opened)

    async def _settled(self) -> AsyncBuyerAgent:
        """The owner, on the network of the client's chain where that is served: the node that was named is its."""
        if not self._is_settled:
            with suppress(WrongNetwork):
                self.owner._served = await self.owner.network(self.chain.chain_id)
            self._is_settled = True
        return self.owner

    async def _kept(self, session: ClientSession | str) -> KeptSession:
        """What the keystore has of a session. Raises InvalidInput, NotFound."""
        _check_named(session)
        if isinstance(session, str) and not _KEY_HASH.fullmatch(session):
            session = self._shown(await self.owner.get_session(session))
        kept = self._keys.find(session if isinstance(session, str) else session.session_key_hash)
        if kept is None:
            raise NotFound("the keys of this session are not in this keystore", code="not_found")
        return kept

    async def _info(self, session: ClientSession | str) -> SessionInfo:
        """A session as its maker holds it."""
        kept = await self._kept(session)
        view = await self.owner.get_session(await self._id_of(session))
        return info_of(view.session_id, bundle_of(kept), policy_of(view, view.expiry))

    async def _id_of(self, session: ClientSession | str) -> str:
        _check_named(session)
        if isinstance(session, ClientSession):
            return session.session_id
        if not _KEY_HASH.fullmatch(session):
            return session
        found = (await self.owner.list_sessions(key_hash=session, limit=1)).sessions
        if not found:
            raise NotFound("no session of this owner has this key", code="not_found")
        return found[0].session_id

    @staticmethod
    def _shown(view: SessionView) -> ClientSession:
        return client_session(view)


def _check_named(session: object) -> None:
    if not isinstance(session, (ClientSession, str)):
        raise InvalidInput("a session is named by its key's hash or its id, a text", field="session")


def bundle_of(kept: KeptSession) -> Bundle:
    """The bundle of a session that was made, also of one that has ended."""
    return parse_child(kept.bundle, None)[0]
