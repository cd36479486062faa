"""What an owner does with sessions: make, fund, list, revoke, and take the money back."""

import base64
from collections.abc import Mapping
from contextlib import suppress

from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, format_units
from valetkey.crypto.keys import PrivateKey, checksum_address, is_address
from valetkey.crypto.secret import Secret
from valetkey.sdk import recovery
from valetkey.sdk._async.agent import OWNERS, segment
from valetkey.sdk._async.audit import AsyncAuditReader
from valetkey.sdk._async.connect import async_open_signer
from valetkey.sdk._async.desk import AsyncDesk
from valetkey.sdk._async.keys import AsyncKeys
from valetkey.sdk.amounts import Amount, usdc_of
from valetkey.sdk.errors import (
    Conflict,
    InsufficientFunds,
    NotConfigured,
    NotFound,
    RecoveryFailed,
    Unfinished,
)
from valetkey.sdk.session_info import SessionInfo, info_of
from valetkey.wire import calls
from valetkey.wire.agents import WebhookSecret
from valetkey.wire.bundle import BUNDLE_PREFIX, Bundle, parse_bundle
from valetkey.wire.escrow import ZERO_ADDRESS
from valetkey.wire.limits import WindowRule
from valetkey.wire.sessions import (
    CreatedSession,
    CreateSessionRequest,
    FleetView,
    RecoveryBody,
    RevokedAll,
    SessionPage,
    SessionView,
)
from valetkey.wire.timestamps import unix_seconds

USDC_DECIMALS = CURRENCY_DECIMALS["USDC"]
SESSION_GAS = 6_000_000
"""Gas that `fund_session` pays for: a dozen purchases with their approvals and releases, and the way home."""

STEP_GAS = 600_000
"""Gas that one step of a session needs at most; the owner's wallet lends it when the session's is empty."""

PAGE = 100

Session = SessionInfo | str | Secret
"""A session as its maker holds it, its id, or its bundle."""


class AsyncOwner(AsyncAuditReader, AsyncKeys):
    """An agent that can have sessions of its own."""

    async def sessions(self, *, label: str | None = None) -> list[SessionView]:
        """Every session of the owner, newest first, ended ones too; those with this label when one is given."""
        found: list[SessionView] = []
        while True:
            query = {"label": label, "limit": PAGE, "offset": len(found)}
            page = await self._client.get("/agents/sessions", SessionPage, query)
            found += page.sessions
            if not page.sessions or len(found) >= page.total:
                return found

    async def get_session(self, session_id: str) -> SessionView:
        """One session of the owner: its policy, what is held, spent and left. Raises NotFound."""
        return await self._client.get(f"/agents/session/{segment(session_id)}", SessionView)

    async def revoke_session(self, session: SessionInfo | str) -> SessionView:
        """End a session for ever. When this returns its token is dead everywhere; then reclaim its money."""
        path = f"/agents/session/{segment(_id_of(session))}"
        return await self._client.send("DELETE", path, SessionView, repeat=True)

    async def pause_session(self, session: SessionInfo | str) -> SessionView:
        """Stop a session for a while: it buys nothing until `resume_session`. What was bought goes its way."""
        path = f"/agents/session/{segment(_id_of(session))}/pause"
        return await self._client.send("POST", path, SessionView, repeat=True)

    async def resume_session(self, session: SessionInfo | str) -> SessionView:
        """Let a paused session go on."""
        path = f"/agents/session/{segment(_id_of(session))}/resume"
        return await self._client.send("POST", path, SessionView, repeat=True)

    async def freeze(self) -> FleetView:
        """Stop every session of the owner at once, those that are made meanwhile too. When this returns, none buys."""
        return await self._client.send("POST", "/agents/sessions/freeze", FleetView, repeat=True)

    async def thaw(self) -> FleetView:
        """Let the owner's sessions go on; one that was paused by itself stays paused."""
        return await self._client.send("POST", "/agents/sessions/thaw", FleetView, repeat=True)

    async def revoke_all_sessions(self) -> int:
        """Revoke every session of the owner for ever; how many this call revoked. Then reclaim their money."""
        answer = await self._client.send("POST", "/agents/sessions/revoke", RevokedAll, repeat=True)
        return answer.revoked

    async def reclaim_session(
        self,
        to: str,
        token: str = "USDC",  # noqa: S107 - a currency
        *,
        session: Session | None = None,
    ) -> str | None:
        """Sweep a session's wallet, token and gas, to an address; the hash of the last transfer of money.

        An owner names the session, by its info, its id (the recovery copy is opened) or its bundle; also after
        its end. A delegate sweeps its own, and only to the owner's wallet. None when there is nothing.
        """
        _check_currency(token)
        if not is_address(to):
            raise InvalidInput("this is not an address, or its checksum is wrong", code="invalid_address")
        keys = await self._keys_to_sweep(session, to)
        if to.lower() in (keys.wallet_address.lower(), ZERO_ADDRESS):
            raise InvalidInput("a session's wallet is not swept into itself, nor into nobody's")
        desk = await self._desk(async_open_signer(keys.wallet_private_key))
        async with desk.alone():
            swept = await self._sweep_token(desk, checksum_address(to))
            gas = await self._sweep_gas(desk, checksum_address(to))
        return swept or gas

    async def keep_recovery(self, session: SessionInfo) -> None:
        """Store the session's keys, sealed to the owner's wallet: in the state folder and on the platform."""
        name = session.session_id
        sealed = self._state.read(recovery.ROOM, name)
        if sealed is None:
            sealed = recovery.seal_recovery(self._need_signer(), name, session.bundle)
            self._state.write(recovery.ROOM, name, sealed)
        body = RecoveryBody(recovery=base64.b64encode(sealed).decode("ascii"))
        path = f"/agents/session/{segment(name)}/recovery"
        is_kept = True
        try:
            await self._client.send("PUT", path, RecoveryBody, body, repeat=True)
        except Conflict:
            is_kept = False
        if not is_kept:
            # It came from another state folder. Any copy will do, if it opens and holds these keys.
            sealed = await self._fetch_recovery(name)
            opened = recovery.open_recovery(self._need_signer(), name, sealed)
            if opened.serialize() != session.bundle.serialize():
                raise RecoveryFailed("the platform keeps a recovery copy of other keys for this session")
            self._state.write(recovery.ROOM, name, sealed)

    async def renew_webhook_secret(self) -> Secret:
        """A new secret that signs this agent's webhooks from now on; shown once, so keep it."""
        answer = await self._client.send("POST", "/agents/webhook-secret", WebhookSecret)
        return Secret(answer.webhook_secret)

    async def recover_session(self, session_id: str) -> SessionInfo:
        """A session as its maker held it, from its recovery copy; also an ended one.

        After a restart, an interrupted `fund_session` goes on with it. Raises RecoveryFailed.
        """
        if session_id.startswith(BUNDLE_PREFIX):
            raise InvalidInput("a session is recovered by its id")
        return info_of(session_id, await self._keys(session_id))

    # Making sessions

    async def _create_session(
        self,
        *,
        role: str,
        budget: Amount | None,
        expiry: int,
        services: list[str],
        label: str | None,
        per_spend: Amount | None,
        windows: Mapping[int, Amount],
        spends_max: int | None,
        not_before: int | None,
    ) -> SessionInfo:
        wallet, e2e = PrivateKey.generate(), PrivateKey.generate()
        asked = CreateSessionRequest(
            budget_usdc=None if budget is None else usdc_of(budget),
            expiry=expiry,
            allowed_service_ids=list(services),
            session_wallet=wallet.address,
            e2e_public_key=e2e.public_key_compressed.hex(),
            role="seller" if role == "seller" else "buyer",
            label=label,
            not_before=not_before,
            windows=[
                WindowRule(seconds=seconds, limit_usdc=usdc_of(limit)) for seconds, limit in windows.items()
            ],
            spends_max=spends_max,
            per_spend_usdc=None if per_spend is None else usdc_of(per_spend),
        )
        made = await self._client.send("POST", "/agents/session", CreatedSession, asked)
        if self.agent_id is None:
            self.agent_id = (await self.get_session(made.session_id)).agent_id
        bundle = Bundle(
            token=Secret(made.token),
            agent_id=self.agent_id,
            budget_usdc=asked.budget_usdc,
            expiry=unix_seconds(made.expires_at),
            wallet_private_key=wallet,
            e2e_private_key=e2e,
        )
        return info_of(made.session_id, bundle)

    async def _fund(self, session: SessionInfo, units: int, gas_wei: int | None) -> str:
        """Send gas and tokens to a session's wallet, once, however often it is interrupted."""
        if session.wallet_address.lower() == self.wallet_address.lower():
            raise InvalidInput("a session has a wallet of its own, not the owner's")
        await self.keep_recovery(session)
        token = (await self.network()).contracts.usdc
        desk = await self._desk()
        purpose, note = f"fund {session.wallet_address}", str(units)
        async with desk.alone():
            entry = await desk.unfinished(purpose)
            if entry is not None and entry.note != note:
                told = format_units(int(entry.note), USDC_DECIMALS)
                raise Unfinished(
                    f"sending {told} USDC to this session is unfinished: fund it with that first"
                )
            if entry is None:
                await self._check_funds(desk, token, units)
                await self._send_gas(desk, session.wallet_address, gas_wei)
                call = calls.transfer(token, session.wallet_address, units)
                entry = await desk.sign(purpose, call, note)
            mined = await desk.follow(purpose, entry)
            desk.done(purpose)
        return mined.tx_hash

    async def _send_gas(self, desk: AsyncDesk, to: str, wei: int | None) -> None:
        """Bring a session's wallet up to so much gas money. The caller is alone at the desk."""
        purpose = f"gas {to}"
        entry = await desk.unfinished(purpose)
        if entry is None:
            wanted = wei if wei is not None else SESSION_GAS * await desk.wallet.fee_per_gas()
            missing = wanted - await desk.wallet.native_balance(to)
            if missing <= 0:
                return
            entry = await desk.sign(purpose, calls.transfer_native(to, missing))
        await desk.follow(purpose, entry)
        desk.done(purpose)

    async def _check_funds(self, desk: AsyncDesk, token: str, units: int) -> None:
        has = await desk.wallet.token_balance(token, desk.wallet.address)
        if has < units:
            asked, left = format_units(units, USDC_DECIMALS), format_units(has, USDC_DECIMALS)
            raise InsufficientFunds(f"{asked} USDC are asked of {desk.wallet.address}, which has {left}")

    # A session's keys, and acting with them

    async def _session_desk(self, session: Session | None) -> AsyncDesk:
        """The desk of a session's wallet, with gas for one step; the agent's own desk without a session."""
        if session is None:
            return await self._desk()
        keys = await self._keys(session)
        desk = await self._desk(async_open_signer(keys.wallet_private_key))
        await self._lend_gas(desk)
        return desk

    async def _lend_gas(self, desk: AsyncDesk) -> None:
        """From the owner's wallet, when the session's has too little for one step."""
        wanted = STEP_GAS * await desk.wallet.fee_per_gas()
        if await desk.wallet.native_balance(desk.wallet.address) >= wanted:
            return
        if self._held is not None or self._signer is None:
            # A delegate has nothing to lend: the step itself says whether what is there is enough.
            return
        own = await self._desk()
        async with own.alone():
            await self._send_gas(own, desk.wallet.address, wanted)

    async def _keys(self, session: Session) -> Bundle:
        if isinstance(session, SessionInfo):
            return session.bundle
        text = session.reveal() if isinstance(session, Secret) else session
        if text.startswith(BUNDLE_PREFIX):
            return parse_bundle(text, None)
        sealed = self._state.read(recovery.ROOM, text)
        if sealed is not None:
            # A damaged file is no reason to give up: the platform keeps the same ciphertext.
            with suppress(RecoveryFailed):
                return recovery.open_recovery(self._need_signer(), text, sealed)
        return recovery.open_recovery(self._need_signer(), text, await self._fetch_recovery(text))

    async def _fetch_recovery(self, session_id: str) -> bytes:
        path = f"/agents/session/{segment(session_id)}/recovery"
        kept = None
        try:
            kept = await self._client.get(path, RecoveryBody)
        except NotFound:
            kept = None
        if kept is None:
            raise RecoveryFailed("no recovery copy of this session is kept: it was never funded from here")
        return base64.b64decode(kept.recovery)

    async def _keys_to_sweep(self, session: Session | None, to: str) -> Bundle:
        if session is not None:
            keys = await self._keys(session)
        elif self._held is not None:
            keys = self._held
        else:
            raise NotConfigured("which session? Name it by its info, its id or its bundle")
        if self._held is None and self._signer is not None:
            return keys
        # A delegate: money goes home and nowhere else.
        home = self._state.read(OWNERS, keys.wallet_address)
        if home is None:
            raise NotConfigured("whose session this is was never learnt here: its owner can reclaim it")
        if home.decode().lower() != to.lower():
            raise InvalidInput("a delegate returns money to the owner's wallet alone")
        return keys

    async def _sweep_token(self, desk: AsyncDesk, to: str) -> str | None:
        token = (await self.network()).contracts.usdc
        purpose = "sweep token"
        tx_hash = None
        entry = await desk.unfinished(purpose)
        if entry is not None:
            tx_hash = (await desk.follow(purpose, entry)).tx_hash
            desk.done(purpose)
        balance = await desk.wallet.token_balance(token, desk.wallet.address)
        if balance:
            await self._lend_gas(desk)
            tx_hash = (await desk.carry_through(purpose, calls.transfer(token, to, balance))).tx_hash
            desk.done(purpose)
        return tx_hash

    async def _sweep_gas(self, desk: AsyncDesk, to: str) -> str | None:
        purpose = "sweep gas"
        tx_hash = None
        entry = await desk.unfinished(purpose)
        if entry is not None:
            tx_hash = (await desk.follow(purpose, entry)).tx_hash
            desk.done(purpose)
        # What came in since an interrupted sweep was signed goes too.
        signed = await desk.wallet.sign_sweep(to)
        if signed is not None:
            tx_hash = (await desk.follow(purpose, desk.keep(purpose, signed))).tx_hash
            desk.done(purpose)
        return tx_hash


def _id_of(session: SessionInfo | str) -> str:
    return session.session_id if isinstance(session, SessionInfo) else session


def _check_currency(token: str) -> None:
    if token != "USDC":  # noqa: S105 - a currency
        raise InvalidInput("sessions hold USDC, and gas with it")
