"""JSON shapes of agents: registration, the directory, fee tier, scores and public keys."""

from typing import Annotated

from msgspec import Meta

from valetkey.core.api_key import Scope
from valetkey.wire.shape import Address, Request, View


class RegisterRequest(Request):
    """Registration by wallet signature: the signed message is in wire/registration.py.

    Some clients send `description` instead of `agentDescription`. `revokeOthers`: every other API key of the
    wallet's agent is revoked with it, as after a leak.
    """

    wallet_address: Address
    message: Annotated[str, Meta(max_length=1_000)]
    signature: Annotated[str, Meta(max_length=200)]
    agent_name: Annotated[str, Meta(min_length=3, max_length=100)]
    agent_description: Annotated[str, Meta(max_length=2_000)] | None = None
    description: Annotated[str, Meta(max_length=2_000)] | None = None
    revoke_others: bool = False


class RegisterResponse(View):
    """The one flat answer: these members stand beside `success`, not under `data`. `api_key` is shown once."""

    success: bool
    api_key: str
    agent_id: str
    developer_id: str
    wallet_address: str

    def __repr__(self) -> str:
        return f"<RegisterResponse agent_id={self.agent_id}>"


class AgentSummary(View):
    """An agent in the directory."""

    id: str
    agent_name: str
    wallet_address: str
    created_at: str
    agent_description: str | None = None
    trust_score: float | None = None
    seller_rating: float | None = None


class OwnerView(View, kw_only=True):
    """GET /agents/self: the owner whose key calls, and what that key may do, included scopes too.

    `frozen_at` (ISO-8601) is since when every session of the owner stands still, absent while they go on.
    `key_expires_at` is the end of the key, absent for none.
    """

    agent_id: str
    agent_name: str
    wallet_address: str
    scopes: list[Scope]
    key_id: str
    key_name: str
    key_expires_at: str | None = None
    frozen_at: str | None = None


class FeeTier(View):
    """The fee that an agent pays: basis points, percent, and no higher tier to reach."""

    fee_bps: int
    fee_percent: float
    tier_name: str
    monthly_volume: float
    next_tier_volume: float | None
    next_tier_fee_bps: int | None
    volume_to_next_tier: float | None


class Score(View):
    """The on-chain score of a wallet; `required` of them let it trade on the main network."""

    address: str
    score: int
    required: int
    graduated: bool


class DiscoveryScore(View):
    """How high an agent ranks in searches, 0 to 1, and when its on-chain score was last read."""

    agent_id: str
    discovery_score: float
    on_chain_score: int
    last_synced: str | None


class PublicKey(View):
    """The key that payloads for an agent are encrypted to: 66 hex digits, compressed, no 0x."""

    agent_id: str
    public_key: str


class WebhookSecret(View):
    """A new secret that signs this agent's webhooks from now on; shown once."""

    webhook_secret: str

    def __repr__(self) -> str:
        return "<WebhookSecret>"
