"""JSON shapes of the webhooks that the platform sends: what happened to a purchase."""

import msgspec

from valetkey.wire.shape import View


class ServiceDelivered(View):
    """To the buyer's callback URL. `response_payload` is what the seller delivered, byte for byte.

    `delivery_proof` is the SHA-256 of those bytes, hex.
    """

    event: str
    transaction_id: str
    service_id: str
    response_payload: msgspec.Raw
    delivered_at: str
    delivery_proof: str


class EscrowEvent(View):
    """To the service's endpoint. Amounts are integer strings of base units, parties are addresses."""

    event: str
    transaction_id: str
    escrow_id: str
    service_id: str
    service_title: str
    locked_amount: str
    platform_fee: str
    currency: str
    token: str
    buyer: str
    seller: str
