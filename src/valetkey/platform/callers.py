"""Who calls: an owner with an API key, or a session with its token. Looked up anew for every request."""

from dataclasses import dataclass

from valetkey.core.agent import Agent
from valetkey.core.refusal import Code
from valetkey.core.session import Role, Status, ends_at, status
from valetkey.crypto.credentials import credential_hash
from valetkey.crypto.secret import Secret
from valetkey.platform.refusing import Unauthenticated, refused, session_expired, session_revoked
from valetkey.ports.accounts import AccountStore, SessionRecord


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller. `agent` is the owner in either case; `session` is None for the owner itself."""

    agent: Agent
    session: SessionRecord | None = None

    @property
    def is_buyer(self) -> bool:
        """Whether the caller may act on the buyer's side."""
        return self.session is None or self.session.session.role is Role.BUYER

    @property
    def is_seller(self) -> bool:
        """Whether the caller may act on the seller's side."""
        return self.session is None or self.session.session.role is Role.SELLER

    @property
    def name(self) -> str:
        """The scope of the caller's idempotency keys."""
        return self.session.session.id if self.session else self.agent.id

    def require_owner(self, code: Code = Code.OWNER_ONLY) -> None:
        """Raise unless the owner itself calls."""
        if self.session is not None:
            raise refused(code, "caller", "a session token cannot do this; use the owner's API key")


async def authenticate(accounts: AccountStore, credential: Secret | None, now: int) -> Caller:
    """The caller behind a credential. Raises Unauthenticated, or a refusal for a dead session (both are 401)."""
    if credential is None:
        raise Unauthenticated("An API key or session token is required, in X-API-Key or as a Bearer token")
    found = await accounts.authenticate(credential_hash(credential.reveal()))
    if found is None:
        raise Unauthenticated("The API key or session token is not valid")
    if isinstance(found, Agent):
        return Caller(found)
    match status(found.session, now, found.ancestors):
        case Status.REVOKED:
            raise session_revoked()
        case Status.EXPIRED:
            raise session_expired(ends_at(found.session, found.ancestors))
    owner = await accounts.agent(found.session.owner_id)
    if owner is None:
        raise Unauthenticated("The API key or session token is not valid")
    return Caller(owner, found)
