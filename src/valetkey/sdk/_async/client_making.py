"""Sessions of a Client: their keys are made and kept first, then the platform is told, then the grant is given.

Whoever is killed in between goes on: the same request under the same idempotency key has one answer.
"""

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from valetkey.core.chains import is_solana
from valetkey.core.errors import InvalidInput
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk._async.client_solana import AsyncClientSolana
from valetkey.sdk._async.making import made_info
from valetkey.sdk.chain_config import resolve_chain
from valetkey.sdk.client_session import ClientSession
from valetkey.sdk.config_checks import chosen_key
from valetkey.sdk.errors import Refused, Unauthenticated
from valetkey.sdk.executions import bucket
from valetkey.sdk.kept_sessions import LATE_SECONDS, KeptSession, request_name
from valetkey.sdk.limits import policy_of
from valetkey.sdk.session_config import SessionConfig, config_of
from valetkey.sdk.session_rules import lifetime_of, rules_of, terms_of
from valetkey.seam import async_sleep
from valetkey.wire.http import encode
from valetkey.wire.network import NetworkView
from valetkey.wire.sessions import CreateSessionRequest

LOCK_PAUSE_SECONDS = 0.05


class AsyncClientMaking(AsyncClientSolana):
    """The part of a Client that makes sessions."""

    async def create_session(
        self, config: SessionConfig | None = None, *, grant: bool = True, approve: bool = True, **rules: Any
    ) -> ClientSession:
        """Make a session, of a SessionConfig or its members as keywords: at least label, spending_limit, valid_until.

        Its keys are made here and kept in the keystore before the platform is told of it. It pays out of the owner's
        balance by a grant where the platform serves grants, the client has a signer and the rules allow one (a limit,
        and no other currency), and out of a wallet that `fund_session` fills otherwise. On Solana it pays out of an
        account that `solana_signer` opens with all of its limit in it. The same `idempotency_key` and
        rules answer the same session, and go on where that was interrupted. `grant=False` leaves the grant to the next
        such call, `approve=False` the approval on chain to `approve_grants` of `owner`. Raises InvalidInput.
        """
        wanted = config_of(config, rules)
        chosen = chosen_key(wanted.idempotency_key)
        request = request_name(self._credential, chosen)
        network = await self._network(wanted)
        terms = terms_of(wanted, rules_of(wanted, network, extra=self.chain.assets), network.chain_id)
        async with self._alone(request):
            kept = self._keys.begun(request)
            if kept is None:
                kept = await self._prepared(wanted, network, terms, chosen)
                self._keys.keep(kept)
                if wanted.idempotency_key is not None:
                    self._keys.begin(request, kept.key_hash)
            if kept.terms != terms:
                raise InvalidInput(
                    "this idempotency key made a session under other rules",
                    code="idempotency_mismatch",
                    field="idempotency_key",
                )
            return await self._made_or_forgotten(kept, request, grant=grant, approve=approve)

    # Inside

    async def _network(self, wanted: SessionConfig) -> NetworkView:
        """The platform's network of the chain that a session shall be for. Raises WrongNetwork."""
        chain, problem = self.chain, None
        try:
            chain = chain if wanted.chain is None else resolve_chain(wanted.chain)
        except InvalidInput as error:
            problem = error
        if problem is not None:
            raise InvalidInput(str(problem), code=problem.code, field="chain")
        return await (await self._settled()).network(chain.chain_id)

    async def _prepared(
        self, wanted: SessionConfig, network: NetworkView, terms: str, chosen: str
    ) -> KeptSession:
        now = int(time.time())
        since, until = lifetime_of(wanted, now)
        if is_solana(network.chain_id):
            return self._prepared_on_solana(wanted, network, terms, chosen, (now, since, until))
        if wanted.funding == "allotment":
            raise InvalidInput("an allotment is for a session on Solana", field="funding")
        can = not (
            wanted.spending_limit is None or wanted.limits or wanted.sells or self.owner._signer is None
        )
        funding = wanted.funding or ("grant" if can and network.contracts.allowance is not None else "wallet")
        if funding == "grant":
            self._check_grantable(wanted, network)
        wallet, e2e = PrivateKey.generate(), PrivateKey.generate()
        rules = rules_of(wanted, network, wallet.address if funding == "grant" else None, self.chain.assets)
        asked = CreateSessionRequest(
            **rules.members(),
            expires_at=until,
            session_wallet=wallet.address,
            session_public_key=wallet.public_key_compressed.hex(),
            e2e_public_key=e2e.public_key_compressed.hex(),
            role="seller" if wanted.sells else "buyer",
            label=wanted.label,
            sole_label=wanted.sole_label,
            not_before=since,
            delegate=wanted.delegate or wanted.role,
            funding=funding,
        )
        return KeptSession(
            wallet=wallet.to_hex(),
            e2e=e2e.to_hex(),
            path="/agents/session",
            asked=encode(asked).decode("utf-8"),
            key=chosen,
            made_at=now,
            terms=terms,
            chain_id=network.chain_id,
            funding=funding,
            label=wanted.label,
        )

    def _prepared_on_solana(
        self,
        wanted: SessionConfig,
        network: NetworkView,
        terms: str,
        chosen: str,
        times: tuple[int, int | None, int],
    ) -> KeptSession:
        self._need_solana_signer()
        now, since, until = times
        key, e2e = SigningKey.generate(), PrivateKey.generate()
        asked = CreateSessionRequest(
            **rules_of(wanted, network).members(),
            expires_at=until,
            session_wallet=key.address,
            session_public_key=key.public_key.hex(),
            e2e_public_key=e2e.public_key_compressed.hex(),
            label=wanted.label,
            sole_label=wanted.sole_label,
            not_before=since,
            delegate=wanted.delegate or wanted.role,
            funding="allotment",
        )
        return KeptSession(
            wallet="",
            seed=key.secret().hex(),
            e2e=e2e.to_hex(),
            path="/agents/session",
            asked=encode(asked).decode("utf-8"),
            key=chosen,
            made_at=now,
            terms=terms,
            chain_id=network.chain_id,
            funding="allotment",
            label=wanted.label,
        )

    def _check_grantable(self, wanted: SessionConfig, network: NetworkView) -> None:
        """Nobody learns of a session that could not be given what it pays with."""
        if self.owner._signer is None:
            raise InvalidInput("a grant is signed by the owner: give the client a signer", field="funding")
        if network.contracts.allowance is None:
            raise InvalidInput("the platform serves no grants on this chain", field="funding")
        if wanted.limits:
            raise InvalidInput("a grant is about one token: limits of others need a wallet", field="limits")
        if wanted.spending_limit is None:
            raise InvalidInput("a grant has a cap: give a spending_limit", field="spending_limit")
        if wanted.allowed_payees is not None and not wanted.allowed_payees:
            raise InvalidInput("a session that may pay nobody needs no grant", field="allowed_payees")

    async def _made_or_forgotten(
        self, kept: KeptSession, request: str, *, grant: bool = True, approve: bool = True
    ) -> ClientSession:
        """As `_made`; the keys of what the platform refuses are for nothing, and are forgotten."""
        problem: Refused | InvalidInput | None = None
        try:
            return await self._made(kept, grant=grant, approve=approve)
        except (Refused, InvalidInput) as error:
            problem = error
        if isinstance(problem, InvalidInput) and problem.code == "lifetime_out_of_bounds":
            # The platform's word for it is another one.
            problem.field = "valid_until"
        if not kept.is_made and not isinstance(problem, Unauthenticated):
            # The platform has no such session and will have none.
            self._keys.forget(kept, request)
        raise problem

    async def _made(
        self, kept: KeptSession, *, grant: bool = True, approve: bool = True, is_wanted: bool = False
    ) -> ClientSession:
        """Tell the platform, once, and give the grant or the allotment; what was done already is not done again."""
        if not kept.is_made:
            await self._renew(kept)
            made = await self.owner._make(kept.path, msgspec.Raw(kept.asked.encode("utf-8")), kept.key)
            if kept.seed:
                kept.token, kept.session_id = made.token, made.session_id
                self._keys.keep(kept)
        if kept.seed:
            if not kept.granted:
                await self._allot(kept, is_wanted=is_wanted)
            return self._shown(await self.owner.get_session(kept.session_id))
        if not kept.bundle:
            view = await self.owner.get_session(made.session_id)
            policy = policy_of(view, view.expiry)
            info = made_info(made, view.agent_id, policy, kept.wallet_key, kept.e2e_key)
            kept.bundle, kept.session_id = info.serialize(), info.session_id
            self._keys.keep(kept)
            self.owner._settle_on(info.wallet_address, view.network)
        if kept.funding == "grant" and grant and not kept.granted:
            settled = await self._settled()
            await settled.grant_session(await self._info(kept.key_hash), approve=approve)
            kept.granted = True
            self._keys.keep(kept)
        return self._shown(await self.owner.get_session(kept.session_id))

    async def _renew(self, kept: KeptSession) -> None:
        """A request that never arrived is made anew after a while: its end is counted from when it arrives.

        The platform takes a session key once, so that two sessions never come of it.
        """
        late = int(time.time()) - kept.made_at
        asked = msgspec.json.decode(kept.asked)
        if late < LATE_SECONDS or not asked.get("expiry"):
            return
        if (await self.owner.list_sessions(key_hash=kept.key_hash, limit=1)).sessions:
            return
        if asked["expiry"] <= late:
            raise InvalidInput("valid_until is over already", code="expiry_in_the_past", field="valid_until")
        # The rest of the request stays as it is written, digit by digit.
        kept.asked = renewed(kept.asked, asked["expiry"], asked["expiry"] - late)
        kept.key, kept.made_at = secrets.token_hex(16), kept.made_at + late
        self._keys.keep(kept)

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        while (lock := self._state.try_lock(bucket("create", name))) is None:
            await async_sleep(LOCK_PAUSE_SECONDS)
        try:
            yield
        finally:
            self._state.unlock(lock)


def renewed(asked: str, before: int, after: int) -> str:
    """A request with another `expiry`."""
    told = f'"expiry":{before}'
    assert asked.count(told) == 1, "a request names its expiry once"
    return asked.replace(told, f'"expiry":{after}')
