"""An owner's sessions and their keys: made, rotated, kept as recovery copies, and opened again."""

import base64
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Literal

import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.core.money import to_decimal
from valetkey.core.policy import Policy
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.sdk import recovery
from valetkey.sdk._async.agent import segment
from valetkey.sdk._async.fleet import id_of
from valetkey.sdk._async.kept_making import AsyncKeptMaker
from valetkey.sdk.amounts import Amount, usdc_of, usdc_units
from valetkey.sdk.enrolled_session import check_has_keys
from valetkey.sdk.errors import Conflict, EnrollmentNeeded, NotFound, RecoveryFailed
from valetkey.sdk.limits import Rules, policy_of
from valetkey.sdk.session_info import SessionInfo, info_of
from valetkey.wire.bundle import BUNDLE_PREFIX, Bundle
from valetkey.wire.child_bundle import parse_child
from valetkey.wire.enrollment import EnrolledRotationRequest, EnrolledSessionRequest
from valetkey.wire.network import NetworkView, network_for
from valetkey.wire.sessions import (
    CreatedSession,
    CreateSessionRequest,
    RecoveryBody,
    RotateSessionRequest,
)
from valetkey.wire.timestamps import unix_seconds

GRACE_SECONDS = 60

Session = SessionInfo | str | Secret
"""A session as its maker holds it, its id, or its bundle."""


class AsyncSessionMaker(AsyncKeptMaker):
    """The part of an owner that makes sessions and looks after their keys."""

    async def rotate_session(
        self,
        session: SessionInfo | str,
        *,
        grace_seconds: int = GRACE_SECONDS,
        carry: bool = True,
        expiry: int | None = None,
        budget_usdc: Amount | msgspec.UnsetType | None = msgspec.UNSET,
        label: str | None = None,
        enrollment: str | None = None,
        idempotency_key: str | None = None,
    ) -> SessionInfo:
        """Put a session with new keys in the place of one, under the same rules unless others are named.

        The old one goes on for `grace_seconds` (3600 at most), and what it spends meanwhile counts in the new one,
        too. `carry`: what it has spent counts in the new one, in all and in its windows. `expiry` is seconds from
        now, the old end unless given; `budget_usdc` None is unlimited. The new wallet is empty: what is in the old
        one is moved by `reclaim_session(new.wallet_address, session=old)`. An owner with a wallet keeps a recovery
        copy at once. The label is the old one's unless another is given; they may share it. `enrollment`: the code of
        keys that a delegate made for itself, which an enrolled session needs. `idempotency_key` is as for
        `create_session`. Raises Conflict for a session that is revoked or was rotated, LabelTaken, EnrollmentNeeded,
        EnrollmentUsed, EnrollmentMismatch.
        """
        before = await self.get_session(id_of(session))
        if enrollment is None and before.proof is not None:
            raise EnrollmentNeeded(
                "the delegate of this session made its own keys: let it enrol anew, and name its code",
                code="enrollment_needed",
            )
        # An amount as JSON carries it; not named at all is neither an amount nor unlimited.
        wanted = (
            budget_usdc
            if budget_usdc is None or isinstance(budget_usdc, msgspec.UnsetType)
            else usdc_of(budget_usdc)
        )
        if enrollment is not None:
            keys = await self.enrollment(enrollment)
            with_code = EnrolledRotationRequest(
                session_id=before.session_id,
                expiry=expiry,
                budget_usdc=wanted,
                grace_seconds=grace_seconds,
                carry_over=carry,
                label=label,
            )
            done = await self._enrolled_rotation(keys, with_code, idempotency_key)
            policy = policy_of(before, unix_seconds(done.expires_at))
            if not isinstance(wanted, msgspec.UnsetType):
                policy = replace(policy, budget=None if wanted is None else usdc_units(wanted))
            return await self._enrolled_info(done.session_id, keys, policy)

        def asked(wallet: PrivateKey, e2e: PrivateKey) -> RotateSessionRequest:
            return RotateSessionRequest(
                session_wallet=wallet.address,
                session_public_key=wallet.public_key_compressed.hex(),
                e2e_public_key=e2e.public_key_compressed.hex(),
                expiry=expiry,
                budget_usdc=wanted,
                grace_seconds=grace_seconds,
                carry_over=carry,
                label=label,
            )

        path = f"/agents/session/{segment(before.session_id)}/rotate"
        done_with = await self._make_of(path, asked, idempotency_key)
        made, wallet = done_with.made, done_with.wallet
        if before.allowed_chains is not None:
            self._settle_on(wallet.address, before.network)
        policy = policy_of(before, unix_seconds(made.expires_at))
        if not isinstance(wanted, msgspec.UnsetType):
            policy = replace(policy, budget=None if wanted is None else usdc_units(wanted))
        rotated = replace(made_info(made, before.agent_id, policy, wallet, done_with.e2e), owner=self)
        if self._signer is not None:
            await self.keep_recovery(rotated)
        return rotated

    async def refresh_session(self, session: SessionInfo | str) -> SessionInfo:
        """A session with the end and the budget that it has now, to hand it over again after `extend_session`.

        It is named by its info, or by its id: its recovery copy is opened then. Raises NotFound, RecoveryFailed.
        """
        view = await self.get_session(id_of(session))
        policy = policy_of(view, view.expiry)
        budget = None if policy.budget is None else to_decimal(policy.budget, policy.decimals)
        bundle = replace(await self._keys(session), budget_usdc=budget, expiry=policy.expires_at)
        return info_of(view.session_id, bundle, policy)

    async def keep_recovery(self, session: SessionInfo) -> None:
        """Store the session's keys, sealed to the owner's wallet: in the state folder and on the platform."""
        check_has_keys(session)
        name = session.session_id
        if session.narrowings:
            # A child that nobody used yet is not known to the platform.
            await self._register_line(session.narrowings, session.bundle)
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
            if not _same_keys(opened, session.bundle):
                raise RecoveryFailed("the platform keeps a recovery copy of other keys for this session")
            self._state.write(recovery.ROOM, name, sealed)

    async def recover_session(self, session_id: str) -> SessionInfo:
        """A session as its maker held it, from its recovery copy; also an ended one.

        After a restart, an interrupted `fund_session` goes on with it. Raises RecoveryFailed.
        """
        if session_id.startswith(BUNDLE_PREFIX):
            raise InvalidInput("a session is recovered by its id")
        return info_of(session_id, await self._keys(session_id))

    # Inside

    async def _network_for(self, chains: Iterable[int] | None) -> NetworkView:
        """The network on which a session lives that may use these chains."""
        if chains is None:
            return await self.network()
        return network_for(await self.networks(), list(chains)) or await self.network()

    async def _create_session(
        self,
        *,
        role: Literal["buyer", "seller"],
        expiry: int,
        rules: Rules,
        label: str | None = None,
        sole_label: bool = False,
        delegate: str | None = None,
        not_before: int | None = None,
        funding: Literal["wallet", "grant"] = "wallet",
        enrollment: str | None = None,
        idempotency_key: str | None = None,
    ) -> SessionInfo:
        if enrollment is not None:
            keys = await self.enrollment(enrollment)
            with_code = EnrolledSessionRequest(
                **rules.members(),
                expiry=expiry,
                role=role,
                label=label,
                sole_label=sole_label,
                not_before=not_before,
                delegate=delegate,
                funding=funding,
            )
            done = await self._enrolled_session(keys, with_code, idempotency_key)
            return await self._enrolled_info(
                done.session_id, keys, policy_of(with_code, unix_seconds(done.expires_at))
            )

        members = rules.members()

        def asked(wallet: PrivateKey, e2e: PrivateKey) -> CreateSessionRequest:
            return CreateSessionRequest(
                **members,
                expiry=expiry,
                session_wallet=wallet.address,
                session_public_key=wallet.public_key_compressed.hex(),
                e2e_public_key=e2e.public_key_compressed.hex(),
                role=role,
                label=label,
                sole_label=sole_label,
                not_before=not_before,
                delegate=delegate,
                funding=funding,
            )

        chains = members["allowed_chains"]
        network = None if chains is None else await self._network_for(chains)
        done_with = await self._make_of("/agents/session", asked, idempotency_key)
        made, wallet = done_with.made, done_with.wallet
        if network is not None:
            self._settle_on(wallet.address, network)
        if self.agent_id is None:
            self.agent_id = (await self.get_session(made.session_id)).agent_id
        policy = policy_of(asked(wallet, done_with.e2e), unix_seconds(made.expires_at))
        return replace(made_info(made, self.agent_id, policy, wallet, done_with.e2e), owner=self)

    async def _keys(self, session: Session) -> Bundle:
        check_has_keys(session)
        if isinstance(session, SessionInfo):
            return session.bundle
        text = session.reveal() if isinstance(session, Secret) else session
        if text.startswith(BUNDLE_PREFIX):
            return parse_child(text, None)[0]
        sealed = self._state.read(recovery.ROOM, text)
        if sealed is not None:
            # A damaged file is no reason to give up: the platform keeps the same ciphertext.
            with suppress(RecoveryFailed):
                return recovery.open_recovery(self._need_signer(), text, sealed)
        sealed = await self._fetch_recovery(text)
        opened = recovery.open_recovery(self._need_signer(), text, sealed)
        # Here too from now on: what opens need not be made, or fetched, again.
        self._state.write(recovery.ROOM, text, sealed)
        return opened

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


def made_info(
    made: CreatedSession, agent_id: str, policy: Policy, wallet: PrivateKey, e2e: PrivateKey
) -> SessionInfo:
    """A session as its maker holds it, from what the platform answered and what it was never told."""
    bundle = Bundle(
        token=Secret(made.token),
        agent_id=agent_id,
        budget_usdc=None if policy.budget is None else to_decimal(policy.budget, policy.decimals),
        expiry=policy.expires_at,
        wallet_private_key=wallet,
        e2e_private_key=e2e,
    )
    return info_of(made.session_id, bundle, policy)


def _same_keys(one: Bundle, other: Bundle) -> bool:
    """Whether two bundles are of one session; its end and its budget may have been extended meanwhile."""
    return (one.token, one.wallet_address, one.e2e_public_key) == (
        other.token,
        other.wallet_address,
        other.e2e_public_key,
    )
