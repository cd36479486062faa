"""JSON shapes of services: offering, changing, searching."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, UnsetType

from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.core.service import DESCRIPTION_CHARS_MAX, TITLE_CHARS_MAX
from valetkey.wire.shape import Request, View, check_amount

Category = Literal["research", "summarization", "coding", "security", "data", "booking", "content", "other"]
PriceUnit = Literal["per_request", "per_document", "per_hour", "per_output", "flat"]
DeliveryType = Literal["webhook", "api_response", "async"]
Network = Literal["base-sepolia", "base"]
SortOrder = Literal["newest", "price_asc", "price_desc", "rating", "response_time"]
Currency = Literal["USDC"]

Title = Annotated[str, Meta(min_length=1, max_length=TITLE_CHARS_MAX)]
Description = Annotated[str, Meta(max_length=DESCRIPTION_CHARS_MAX)]
Url = Annotated[str, Meta(max_length=2_000)]


class CreateServiceRequest(Request):
    """POST /services. `price` is in currency units, exact."""

    title: Title
    description: Description
    category: Category
    price: Decimal
    price_unit: PriceUnit
    currency: Currency = "USDC"
    delivery_type: DeliveryType = "webhook"
    callback_required: bool = False
    endpoint_url: Url | None = None
    network: Network = "base-sepolia"

    def __post_init__(self) -> None:
        check_amount(self.price, "price", self.currency)


class PatchServiceRequest(Request):
    """PATCH /services/:id. An absent member stays as it is; a null `endpoint_url` removes the URL.

    Currency and network cannot change; they are taken so that a client that sends all it knows may name them."""

    title: Title | None = None
    description: Description | None = None
    category: Category | None = None
    price: Decimal | None = None
    price_unit: PriceUnit | None = None
    delivery_type: DeliveryType | None = None
    callback_required: bool | None = None
    endpoint_url: Url | UnsetType | None = msgspec.UNSET
    status: Literal["active", "paused"] | None = None
    currency: Currency | None = None
    network: Network | None = None

    def __post_init__(self) -> None:
        check_amount(self.price, "price")


class SearchQuery(msgspec.Struct, kw_only=True):
    """GET /services, snake_case as clients send it. `limit` above 100 is read as 100 by the platform.

    A currency in which nothing is sold finds nothing.
    """

    q: Annotated[str, Meta(max_length=200)] = ""
    category: Category | None = None
    currency: Annotated[str, Meta(max_length=10)] | None = None
    max_price: Decimal | None = None
    min_rating: Annotated[float, Meta(ge=0, le=5)] | None = None
    sort_by: SortOrder = "newest"
    limit: Annotated[int, Meta(ge=1)] = 20
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    network: Network | None = None

    def __post_init__(self) -> None:
        known = self.currency in CURRENCY_DECIMALS
        check_amount(self.max_price, "max_price", self.currency if known and self.currency else "USDC")


class ServiceAgent(View):
    """The seller of a service, as shown with it."""

    id: str
    agent_name: str
    trust_score: float | None = None
    seller_rating: float | None = None


class ServiceView(View):
    """A service. `price` is an exact JSON number of currency units; dates are ISO-8601."""

    id: str
    agent_id: str
    title: str
    description: str
    category: str
    price: Decimal
    price_unit: str
    currency: str
    delivery_type: str
    callback_required: bool
    endpoint_url: str | None
    network: str
    status: str
    rating: Decimal | None
    rating_count: int
    avg_response_time_ms: int | None
    total_transactions: int
    agent: ServiceAgent
    created_at: str
    updated_at: str


class ServicePage(View):
    """GET /services: one page of what was found."""

    services: list[ServiceView]
    total: int
    limit: int
    offset: int
