"""A service that a seller offers, and what a search for services may ask."""

from dataclasses import dataclass
from enum import StrEnum

TITLE_CHARS_MAX = 200
DESCRIPTION_CHARS_MAX = 5_000
QUANTITY_MAX = 1_000_000


class ServiceStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """`price` is base units of `currency`, `decimals` are that currency's; ratings are hundredths."""

    id: str
    agent_id: str
    agent_name: str
    title: str
    description: str
    category: str
    price: int
    price_unit: str
    currency: str
    decimals: int
    delivery_type: str
    callback_required: bool
    endpoint_url: str | None
    network: str
    status: ServiceStatus
    created_at: int
    updated_at: int
    rating_hundredths: int | None = None
    rating_count: int = 0
    avg_response_ms: int | None = None
    total_transactions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceQuery:
    """A search among active services. `text` is what a person typed; `price_max` is base units."""

    text: str = ""
    category: str | None = None
    currency: str | None = None
    price_max: int | None = None
    rating_hundredths_min: int | None = None
    network: str | None = None
    sort_by: str = "newest"
    limit: int = 20
    offset: int = 0
