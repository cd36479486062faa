# Generated from src/valetkey/sdk/_async/delegate.py by scripts/generate_sync.py: edit that file instead.
"""What the holder of a session does with it, beside spending: make narrower ones out of it, and end it."""

import hashlib
import secrets
import time
from collections.abc import Iterable
from typing import Literal, overload

from valetkey.crypto.secret import Secret
from valetkey.sdk._sync.agent import segment
from valetkey.sdk._sync.enrolling import Enrolling
from valetkey.sdk.amounts import Amount
from valetkey.sdk.errors import NotConfigured
from valetkey.sdk.executions import bucket
from valetkey.sdk.limits import Windows, policy_of
from valetkey.sdk.session_info import SessionInfo, info_of
from valetkey.seam import sleep
from valetkey.wire.child_bundle import parse_child
from valetkey.wire.claim_link import read_link
from valetkey.wire.claims import OpenClaimRequest, OpenedClaim, decoded
from valetkey.wire.sessions import SessionView

CLAIMANTS = "claims"
"""The room of the state folder with the secrets by which this claimant is known to be the same one."""

LOCK_PAUSE_SECONDS = 0.05


class Delegate(Enrolling):
    """The part of an agent that holds a session."""

    def attenuate(
        self,
        budget_usdc: Amount | None = None,
        expiry: int | None = None,
        allowed_service_ids: Iterable[str] | None = None,
        *,
        label: str | None = None,
        per_spend_usdc: Amount | None = None,
        windows: Windows | None = None,
        spends_max: int | None = None,
        not_before: int | None = None,
        approval_above_usdc: Amount | None = None,
        allowed_assets: Iterable[str] | None = None,
        allowed_chains: Iterable[int] | None = None,
        allowed_payees: Iterable[str] | None = None,
        allowed_operations: Iterable[str] | None = None,
        without: Iterable[str] = (),
    ) -> SessionInfo:
        """Make a narrower session out of the one that is held, by its key alone: no network is needed.

        None leaves a rule as it is; amounts are USDC, `expiry` is seconds from now, `not_before` unix seconds,
        `without` the other currencies that the child has nothing of. Hand `serialize()` over: its holder registers
        it by first using it, and what it spends counts in every session above it. Its wallet is empty. A child makes
        children in turn (`SessionInfo.attenuate`). Raises NotNarrower, InvalidAmount, InvalidInput, NotConfigured.
        """
        return self._bundled("its owner makes another session for whoever shall have less").attenuate(
            budget_usdc,
            expiry,
            allowed_service_ids,
            label=label,
            per_spend_usdc=per_spend_usdc,
            windows=windows,
            spends_max=spends_max,
            not_before=not_before,
            approval_above_usdc=approval_above_usdc,
            allowed_assets=allowed_assets,
            allowed_chains=allowed_chains,
            allowed_payees=allowed_payees,
            allowed_operations=allowed_operations,
            without=without,
        )

    def claim(self, link: str | Secret) -> SessionView | None:
        """Open a one-time link, and become the delegate of its session, as `init_with_session` does.

        The first claimant gets it, and the same one, by a secret that is kept in the state folder before the platform
        is asked, again for a day, so that a lost answer or a crash loses nothing. Give the state folder to nobody else,
        and keep it: from another one the link is opened by somebody else. The platform that is asked is this agent's,
        wherever the link points to. Raises AlreadyClaimed: somebody else was first, the session is stopped and its
        owner told; ClaimExpired, ClaimCancelled, NotFound, ClaimLinkError, BundleError.
        """
        key = read_link(link)
        asked = OpenClaimRequest(access=key.access.hex(), claimant=(self._claimant(key.claim_id)).hex())
        path = f"/claims/{segment(key.claim_id)}/open"
        answer = self._client.send("POST", path, OpenedClaim, asked, repeat=True)
        sealed = decoded(answer.ciphertext)
        text = key.open(sealed, answer.session_id, answer.expires_at)
        held, narrowings = parse_child(text, int(time.time()))
        return self._become(held, narrowings)

    @overload
    def seal(
        self, recipient: str | Iterable[str] | None = None, *, passphrase: Secret | str | None = None
    ) -> str: ...
    @overload
    def seal(
        self,
        recipient: str | Iterable[str] | None = None,
        *,
        passphrase: Secret | str | None = None,
        armored: Literal[False],
    ) -> bytes: ...
    def seal(
        self,
        recipient: str | Iterable[str] | None = None,
        *,
        passphrase: Secret | str | None = None,
        armored: bool = True,
    ) -> str | bytes:
        """The session that is held, sealed as `SessionInfo.seal` does: to keep it, as after `claim`, or to move it."""
        held = self._bundled("its keys stay where they were made")
        if armored:
            return held.seal(recipient, passphrase=passphrase)
        return held.seal(recipient, passphrase=passphrase, armored=False)

    def serialize(self) -> str:
        """The session that is held, as a bundle in the open: to keep it where secrets rest well, as after `claim`.

        Treat it like a private key. Raises NotConfigured: without a session, and for an enrolled one, whose keys stay
        where they were made.
        """
        return self._bundled("its keys stay where they were made").serialize()

    def _claimant(self, claim_id: str) -> bytes:
        """The hash of a secret that only this state folder has: on the disk before anybody is told of it."""
        while (lock := self._state.try_lock(bucket("claim", claim_id))) is None:
            sleep(LOCK_PAUSE_SECONDS)
        try:
            secret = self._state.read(CLAIMANTS, claim_id)
            if secret is None:
                secret = secrets.token_bytes(32)
                self._state.write(CLAIMANTS, claim_id, secret)
        finally:
            self._state.unlock(lock)
        return hashlib.sha256(secret).digest()

    def register_child(self, child: SessionInfo) -> SessionView:
        """Register a child session now, rather than at its first use; anybody may, and again does no harm.

        Only a delegate whose client knows the eight fields of a bundle alone needs it: hand it
        `child.bundle.serialize()`. Raises NotNarrower, TreeTooDeep, TreeFull, SessionRevoked, SessionExpired.
        """
        if not child.narrowings:
            raise NotConfigured("this session was not made out of another one")
        return (self._register_line(child.narrowings, child.bundle)).sessions[-1]

    def revoke_self(self) -> SessionView:
        """End the session that is held, and all that were made out of it, for ever. Its wallet can still be swept."""
        session_id = self._held_session().session_id
        return self._client.send("DELETE", f"/agents/session/{segment(session_id)}", SessionView, repeat=True)

    def _bundled(self, instead: str) -> SessionInfo:
        """The session that is held, unless it is an enrolled one. Raises NotConfigured, and says what to do instead."""
        if self.session is not None and self.session.proof is not None:
            raise NotConfigured(
                "a bundle is good for whoever has it, and nothing of that kind comes out of an enrolled session:"
                f" {instead}"
            )
        return self._held_session()

    def _held_session(self) -> SessionInfo:
        view, held = self.session, self._held
        if view is None or held is None:
            raise NotConfigured("this is for the holder of a session: call init_with_session first")
        return info_of(view.session_id, held, policy_of(view, view.expiry))
