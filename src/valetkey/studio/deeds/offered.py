"""What may be done to a session as it is, with the key that somebody signed in with."""

from collections.abc import Collection

from valetkey.core.api_key import Scope
from valetkey.core.chains import is_solana
from valetkey.core.tree import DEPTH_MAX
from valetkey.studio.deeds.deed import FUND, GRANT, NARROW, RECLAIM, ROTATE
from valetkey.studio.words.rows import ENDED
from valetkey.wire.granting import GrantView
from valetkey.wire.sessions import SessionView

UNSETTLED = ("signed", "known", "revoking")


def offered(view: SessionView, grant: GrantView | None, scopes: Collection[str]) -> tuple[str, ...]:
    """The kinds of deeds, in their order; none to a key that changes nothing."""
    if Scope.SESSIONS_WRITE not in scopes or is_solana(view.network.chain_id):
        return ()
    lives, has_bundle = view.status not in ENDED, view.proof is None
    by_grant = view.funding_mode == "grant"
    found = []
    if (
        lives
        and by_grant
        and view.session_wallet is not None
        and (grant is None or grant.status == "revoked")
    ):
        found.append(GRANT)
    if lives and view.successor_id is None:
        found.append(ROTATE)
    if lives and has_bundle and view.depth < DEPTH_MAX:
        found.append(NARROW)
    if lives and view.role == "buyer" and view.session_wallet is not None and (by_grant or has_bundle):
        found.append(FUND)
    if by_grant:
        if grant is not None and grant.status in UNSETTLED:
            found.append(RECLAIM)
    elif has_bundle and view.session_wallet is not None:
        found.append(RECLAIM)
    return tuple(found)
