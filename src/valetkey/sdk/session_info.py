"""A session as its maker holds it: what to hand over, and how."""

from dataclasses import dataclass, field
from decimal import Decimal

from valetkey.crypto.secret import Secret
from valetkey.wire.bundle import Bundle


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A new session. `serialize()` gives the bundle, which is all that a delegate needs and receives.

    `budget_usdc` is USDC, None = unlimited; `expiry` is unix seconds; `e2e_public_key` is 66 hex digits.
    """

    session_id: str
    token: Secret
    agent_id: str
    budget_usdc: Decimal | None
    expiry: int
    wallet_address: str
    e2e_public_key: str
    bundle: Bundle = field(repr=False)

    def serialize(self) -> str:
        """The bundle as text: `abba_session_bundle_...`. Treat it like a private key."""
        return self.bundle.serialize()


def info_of(session_id: str, bundle: Bundle) -> SessionInfo:
    """The session of a bundle."""
    return SessionInfo(
        session_id=session_id,
        token=bundle.token,
        agent_id=bundle.agent_id,
        budget_usdc=bundle.budget_usdc,
        expiry=bundle.expiry,
        wallet_address=bundle.wallet_address,
        e2e_public_key=bundle.e2e_public_key,
        bundle=bundle,
    )
