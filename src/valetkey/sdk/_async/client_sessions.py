"""The sessions of a Client: made with their keys kept first, listed, renewed, revoked; each known by its key's hash."""

import re
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.ports.keystore import Keystore
from valetkey.ports.signer import Signer
from valetkey.sdk import config as places
from valetkey.sdk._async.agent import segment
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.sdk._async.making import GRACE_SECONDS, made_info
from valetkey.sdk.amounts import Amount, usdc_of
from valetkey.sdk.chain_config import ChainConfig, resolve_chain
from valetkey.sdk.client_session import ClientSession, client_session
from valetkey.sdk.errors import NotFound
from valetkey.sdk.kept_sessions import KeptSession, SessionKeys, request_name
from valetkey.sdk.keys_at_rest import Lock
from valetkey.sdk.limits import policy_of
from valetkey.sdk.opening import KEYSTORE_FILE, open_keystore
from valetkey.sdk.session_config import Moment, SessionConfig, check_label, config_of, unix_seconds_of
from valetkey.sdk.session_info import SessionInfo, info_of
from valetkey.sdk.session_rules import lifetime_of, rules_of, terms_of
from valetkey.sdk.state import StateFolder
from valetkey.seam import async_sleep
from valetkey.wire.bundle import Bundle
from valetkey.wire.child_bundle import parse_child
from valetkey.wire.http import encode
from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import CreateSessionRequest, RotateSessionRequest, SessionView

PAGE = 100
LOCK_PAUSE_SECONDS = 0.05
HASHES = "hashes"
"""The room of the state folder that says which session has which key hash."""

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
    ) -> None:
        key = places.api_key_of(api_key)
        self.chain = resolve_chain(chain, rpc_url=rpc_url)
        home = places.home_of(state_dir)
        self._places: dict[str, Any] = {
            "base_url": base_url,
            "rpc_url": self.chain.rpc_url,
            "state_dir": home,
        }
        self._home = home
        self._state = StateFolder(home)
        self._lock = lock
        self._given_store = keystore
        self._opened: Keystore | None = None
        self._credential = key
        self.owner = AsyncBuyerAgent(key, **self._places)
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
        """Every session that fits, each once; the filters are those of `list_sessions`."""
        number = None if chain is None else resolve_chain(chain).chain_id
        async for one in self.owner.iter_sessions(
            status=status, label=label, chain=number, delegate=delegate
        ):
            yield self._shown(one)

    async def get_session(self, session: ClientSession | str) -> ClientSession:
        """One session, by its key's hash or its id. Raises NotFound."""
        return self._shown(await self.owner.get_session(await self._id_of(session)))

    # Making and ending

    async def create_session(self, config: SessionConfig | None = None, **rules: Any) -> ClientSession:
        """Make a session, of a SessionConfig or its members as keywords: at least label, spending_limit, valid_until.

        Its keys are made here and kept in the keystore before the platform is told of it. It pays out of the owner's
        balance by a grant where the platform serves grants, the client has a signer and the rules allow one (a limit,
        and no other currency), and out of a wallet that `fund_session` fills otherwise. The same `idempotency_key` and
        rules answer the same session, and go on where that was interrupted. Raises InvalidInput, InvalidAmount.
        """
        wanted = config_of(config, rules)
        chosen = wanted.idempotency_key or secrets.token_hex(16)
        request = request_name(self._credential, chosen)
        network = await self._network(wanted)
        terms = terms_of(wanted, rules_of(wanted, network, extra=self.chain.assets), network.chain_id)
        async with self._alone(f"create-{request}"):
            kept = self._keys.begun(request)
            if kept is None:
                kept = await self._prepared(wanted, network, terms)
                self._keys.keep(kept)
                self._keys.begin(request, kept.key_hash)
            if kept.terms != terms:
                raise InvalidInput(
                    "this idempotency key made a session under other rules",
                    code="idempotency_mismatch",
                    field="idempotency_key",
                )
            problem = None
            try:
                return await self._made(kept)
            except InvalidInput as error:
                problem = error
            if not kept.bundle:
                self._keys.forget(request, kept.key_hash)
            if problem.code == "lifetime_out_of_bounds":
                # The platform's word for it is another one.
                problem.field = "valid_until"
            raise problem

    async def revoke_session(self, session: ClientSession | str) -> ClientSession:
        """End a session for ever, and all made out of it. When this returns the gate grants it nothing more.

        What is left in its wallet is taken back by `reclaim_session`; a grant is revoked on chain by the relayer.
        """
        return self._shown(await self.owner.revoke_session(await self._id_of(session)))

    async def rotate_session(
        self,
        session: ClientSession | str,
        *,
        grace_seconds: int = GRACE_SECONDS,
        carry: bool = True,
        valid_until: Moment | None = None,
        spending_limit: Amount | msgspec.UnsetType | None = msgspec.UNSET,
        label: str | None = None,
    ) -> ClientSession:
        """Put a session with new keys in the place of one; see `rotate_session` of BuyerAgent. Its keys are kept first.

        What is not named stays as it was. A grant gets a successor at once. Raises Conflict for one that was rotated.
        """
        before = await self.owner.get_session(await self._id_of(session))
        now = int(time.time())
        until = before.expiry if valid_until is None else unix_seconds_of(valid_until, now)
        if label is not None:
            check_label(label)
        wallet, e2e = PrivateKey.generate(), PrivateKey.generate()
        budget = spending_limit
        if budget is not None and not isinstance(budget, msgspec.UnsetType):
            budget = usdc_of(budget)
        asked = RotateSessionRequest(
            session_wallet=wallet.address,
            e2e_public_key=e2e.public_key_compressed.hex(),
            expiry=None if valid_until is None else until - now,
            budget_usdc=budget,
            grace_seconds=grace_seconds,
            carry_over=carry,
            label=label,
        )
        kept = KeptSession(
            wallet=wallet.to_hex(),
            e2e=e2e.to_hex(),
            path=f"/agents/session/{segment(before.session_id)}/rotate",
            asked=encode(asked).decode("utf-8"),
            key=secrets.token_hex(16),
            made_at=now,
            until=until,
            terms="",
            funding=before.funding_mode,
            label=label or before.label or "",
        )
        self._keys.keep(kept)
        return await self._made(kept)

    # The money of a wallet

    async def fund_session(
        self, session: ClientSession | str, amount: Amount | None = None, *, gas_wei: int | None = None
    ) -> str:
        """Send USDC and gas to the wallet of a session without a grant; see `fund_session` of BuyerAgent."""
        return await self.owner.fund_session(await self._info(session), amount=amount, gas_wei=gas_wei)

    async def reclaim_session(self, session: ClientSession | str, to: str | None = None) -> str | None:
        """Take what is left in a session's wallet back, also after its end, to the owner's wallet unless told."""
        info = await self._info(session)
        return await self.owner.reclaim_session(to or self.owner.wallet_address, session=info)

    # Inside

    @property
    def _keys(self) -> SessionKeys:
        if self._opened is None:
            self._opened = self._given_store or open_keystore(self._home / KEYSTORE_FILE, self._lock)
        return SessionKeys(self._opened)

    async def _network(self, wanted: SessionConfig) -> NetworkView:
        """The platform's network of the chain that a session shall be for."""
        chain_id, problem = self.chain.chain_id, None
        try:
            chain_id = chain_id if wanted.chain is None else resolve_chain(wanted.chain).chain_id
        except InvalidInput as error:
            problem = error
        if problem is not None:
            raise InvalidInput(str(problem), code=problem.code, field="chain")
        network = await self.owner.network()
        if network.chain_id != chain_id:
            raise InvalidInput(
                f"the platform serves no chain {chain_id}; it serves {network.chain_id}",
                code="wrong_chain",
                field="chain",
            )
        return network

    async def _prepared(self, wanted: SessionConfig, network: NetworkView, terms: str) -> KeptSession:
        now = int(time.time())
        since, until = lifetime_of(wanted, now)
        can = wanted.spending_limit is not None and not wanted.limits and self.owner._signer is not None
        funding = wanted.funding or ("grant" if can and network.contracts.allowance is not None else "wallet")
        if funding == "grant" and self.owner._signer is None:
            raise InvalidInput("a grant is signed by the owner: give the client a signer", field="funding")
        if funding == "grant" and network.contracts.allowance is None:
            raise InvalidInput("the platform serves no grants here", field="funding")
        wallet, e2e = PrivateKey.generate(), PrivateKey.generate()
        rules = rules_of(wanted, network, wallet.address if funding == "grant" else None, self.chain.assets)
        asked = CreateSessionRequest(
            **rules.members(),
            expiry=until - now,
            session_wallet=wallet.address,
            e2e_public_key=e2e.public_key_compressed.hex(),
            label=wanted.label,
            not_before=since,
            delegate=wanted.delegate or wanted.role,
            sole_label=wanted.sole_label,
            funding=funding,
        )
        return KeptSession(
            wallet=wallet.to_hex(),
            e2e=e2e.to_hex(),
            path="/agents/session",
            asked=encode(asked).decode("utf-8"),
            key=secrets.token_hex(16),
            made_at=now,
            until=until,
            terms=terms,
            funding=funding,
            label=wanted.label,
        )

    async def _made(self, kept: KeptSession) -> ClientSession:
        """Tell the platform, once, and give the grant; what was done already is not done again."""
        if not kept.bundle:
            asked = msgspec.Raw(kept.asked.encode("utf-8"))
            made = await self.owner._make(kept.path, asked, kept.key)
            view = await self.owner.get_session(made.session_id)
            policy = policy_of(view, view.expiry)
            info = made_info(made, view.agent_id, policy, kept.wallet_key, kept.e2e_key)
            kept.bundle, kept.session_id = info.serialize(), info.session_id
            self._keys.keep(kept)
        self._remember(kept.session_id, kept.key_hash)
        if kept.funding == "grant" and not kept.granted:
            await self.owner.grant_session(await self._info(kept.session_id))
            kept.granted = True
            self._keys.keep(kept)
        return self._shown(await self.owner.get_session(kept.session_id))

    async def _kept(self, session: ClientSession | str) -> KeptSession:
        """What the keystore has of a session. Raises NotFound."""
        key_hash = await self._hash_of(session)
        kept = None if key_hash is None else self._keys.find(key_hash)
        if kept is None:
            raise NotFound("the keys of this session are not in this keystore", code="not_found")
        return kept

    async def _info(self, session: ClientSession | str) -> SessionInfo:
        kept = await self._kept(session)
        if not kept.bundle:
            await self._made(kept)
        view = await self.owner.get_session(kept.session_id)
        return info_of(kept.session_id, bundle_of(kept), policy_of(view, view.expiry))

    def _shown(self, view: SessionView) -> ClientSession:
        kept = self._state.read(HASHES, view.session_id)
        return client_session(view, None if kept is None else kept.decode("ascii"))

    def _remember(self, session_id: str, key_hash: str) -> None:
        if self._state.read(HASHES, session_id) is None:
            self._state.write(HASHES, key_hash, session_id.encode("ascii"))
            self._state.write(HASHES, session_id, key_hash.encode("ascii"))

    async def _id_of(self, session: ClientSession | str) -> str:
        if isinstance(session, ClientSession):
            return session.session_id
        if not _KEY_HASH.fullmatch(session):
            return session
        found = self._state.read(HASHES, session.lower())
        if found is None:
            raise NotFound("no session of this owner has this key", code="not_found")
        return found.decode("ascii")

    async def _hash_of(self, session: ClientSession | str) -> str | None:
        if isinstance(session, ClientSession):
            return session.session_key_hash
        if _KEY_HASH.fullmatch(session):
            return session.lower()
        found = self._state.read(HASHES, session)
        return None if found is None else found.decode("ascii")

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        while (lock := self._state.try_lock(name)) is None:
            await async_sleep(LOCK_PAUSE_SECONDS)
        try:
            yield
        finally:
            self._state.unlock(lock)


def bundle_of(kept: KeptSession) -> Bundle:
    """The bundle of a session that was made, also of one that has ended."""
    return parse_child(kept.bundle, None)[0]
