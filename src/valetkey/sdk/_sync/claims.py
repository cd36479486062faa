# Generated from src/valetkey/sdk/_async/claims.py by scripts/generate_sync.py: edit that file instead.
"""An owner's one-time claims: a link that gives a session to whoever opens it first, and tells of a second one."""

import base64
import hashlib
import time

from valetkey.core.errors import InvalidInput
from valetkey.core.ids import Kind
from valetkey.crypto.credentials import new_id
from valetkey.sdk._sync.agent import segment
from valetkey.sdk._sync.making import SessionMaker
from valetkey.sdk.session_info import CLAIM_SECONDS, SessionInfo
from valetkey.wire.claim_link import ClaimKey, ClaimLink
from valetkey.wire.claims import ClaimView, MakeClaimRequest, OnInterception


class Claims(SessionMaker):
    """The part of an owner that makes claims and looks after them."""

    def claim_link(
        self,
        session: SessionInfo | str,
        *,
        expires_in: int = CLAIM_SECONDS,
        on_interception: OnInterception = "revoke",
    ) -> ClaimLink:
        """A link for one delegate: `https://<platform>/claim/<id>#<key>`. `delegate.claim(link)` opens it, once.

        The bundle is sealed here, and the platform keeps ciphertext alone: its key is behind the #, which no server
        sees. Whoever opens the link first has the session. A second one gets nothing, the owner's webhook URL is told
        (`claim.intercepted`), and the session is revoked, or paused with `on_interception="pause"`. Nobody within
        `expires_in` seconds: the session is revoked. A session has one link: another call makes a new one, and the one
        before, unless it was opened, is dead. A session is named by its info, or by its id: its recovery copy is opened
        then. Raises InvalidInput, NotFound, RecoveryFailed, ClaimCancelled for a revoked session.
        """
        if expires_in < 1:
            raise InvalidInput("a claim lives for a second at least", field="expires_in")
        info = session if isinstance(session, SessionInfo) else self.recover_session(session)
        if info.narrowings:
            # A child that nobody used yet is not known to the platform.
            self._register_line(info.narrowings, info.bundle)
        expires_at = min(int(time.time()) + expires_in, info.expiry)
        key = ClaimKey.new(new_id(Kind.CLAIM))
        sealed = key.seal(info.serialize(), info.session_id, expires_at)
        asked = MakeClaimRequest(
            claim_id=key.claim_id,
            session_id=info.session_id,
            access_hash=hashlib.sha256(key.access).hexdigest(),
            ciphertext=base64.b64encode(sealed).decode("ascii"),
            expires_at=expires_at,
            on_interception=on_interception,
        )
        self._client.send("POST", "/claims", ClaimView, asked, repeat=True)
        return ClaimLink(key.link(self._client.base_url), key.claim_id, info.session_id, expires_at)

    def claim_status(self, claim: ClaimLink | str) -> ClaimView:
        """Where a claim stands: `status`, when and from which address it was opened. Raises NotFound."""
        return self._client.get(f"/claims/{segment(_id_of(claim))}", ClaimView)

    def cancel_claim(self, claim: ClaimLink | str) -> ClaimView:
        """Take a claim back that nobody opened; its session lives on. Raises AlreadyClaimed, ClaimExpired, NotFound."""
        return self._client.send("DELETE", f"/claims/{segment(_id_of(claim))}", ClaimView, repeat=True)


def _id_of(claim: ClaimLink | str) -> str:
    """A claim's id; what may be a link is not sent."""
    found = claim.claim_id if isinstance(claim, ClaimLink) else claim
    if not isinstance(found, str) or "#" in found or "/" in found:
        raise InvalidInput("a claim is named by its id, clm_...", field="claim")
    return found
