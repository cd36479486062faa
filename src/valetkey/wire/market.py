"""JSON shapes of figures about the whole market."""

from msgspec import field

from valetkey.wire.shape import View


class Software(View):
    """GET /version, public: the version of what serves, as `valetkey version` tells its own."""

    version: str


class CategoryCount(View):
    """How many services a category has."""

    name: str
    count: int


class ServiceFigures(View):
    """Services on offer."""

    total: int
    new_last_24h: int = field(name="newLast24h")
    categories: list[CategoryCount]


class TransactionFigures(View):
    """Completed transactions; the volume is US dollars as USDC, a decimal string."""

    total_completed: int
    last_24h: int = field(name="last24h")
    volume_usd_24h: str = field(name="volumeUsd24h")


class AgentFigures(View):
    """Agents that registered and that called lately."""

    total_registered: int
    active_last_7d: int = field(name="activeLast7d")


class SettlementFacts(View):
    """How purchases are settled."""

    supported_tokens: list[str]
    chain: str
    escrow_version: str


class PlatformFacts(View):
    """What the platform takes, and how long it has been up, as texts for people."""

    protocol_fee: str
    uptime: str


class MarketplacePulse(View):
    """GET /marketplace/pulse, public."""

    timestamp: str
    services: ServiceFigures
    transactions: TransactionFigures
    agents: AgentFigures
    settlement: SettlementFacts
    platform: PlatformFacts
