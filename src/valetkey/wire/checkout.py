"""JSON shapes of a checkout: what a buyer asks for and how it is to be paid."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from valetkey.core.service import QUANTITY_MAX
from valetkey.wire.services import Network, Url
from valetkey.wire.shape import Hash, Id, Payload, Request, View, check_amount


class CheckoutRequest(Request):
    """POST /checkout. Windows are seconds; `request_payload` stays the bytes that were sent.

    `max_total` is what the purchase may cost at most, fee included: a price may change after it was looked at."""

    service_id: Id
    payment_method: Literal["crypto", "usdc"] = "crypto"
    quantity: Annotated[int, Meta(ge=1, le=QUANTITY_MAX)] = 1
    callback_url: Url | None = None
    request_payload: Payload = msgspec.UNSET
    network: Network | None = None
    dispute_window: Annotated[int, Meta(ge=300, le=86_400)] | None = None
    abandonment_grace: Annotated[int, Meta(ge=3_600, le=2_592_000)] | None = None
    criteria_hash: Hash | None = None
    max_total: Decimal | None = None

    def __post_init__(self) -> None:
        check_amount(self.max_total, "maxTotal")


class PaymentInstructions(View):
    """How to fund the escrow. `amount` and `total_with_fee` are integer strings of base units.

    `amount` is the price, `total_with_fee` what the escrow takes. The windows and the criteria hash, when the
    checkout named them, go into `createEscrow` as they are here.
    """

    type: str
    escrow_contract: str
    escrow_id: str
    seller_address: str
    token_address: str
    token_symbol: str
    token_decimals: int
    amount: str
    total_with_fee: str
    currency: str
    chain: str
    chain_id: int
    fund_endpoint: str
    instructions: str
    expires_at: str | None = None
    dispute_window: int | None = None
    abandonment_grace: int | None = None
    criteria_hash: str | None = None


class CheckoutService(View):
    """The service that is bought; `seller` is the name of the agent that sells it."""

    id: str
    title: str
    seller: str


class CheckoutResult(View):
    """The answer to a checkout. `total_charged` is an exact JSON number of currency units, fee included."""

    transaction_id: str
    status: str
    total_charged: Decimal
    currency: str
    payment_instructions: PaymentInstructions
    service: CheckoutService
