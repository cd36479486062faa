"""JSON shapes for the operator: a dispute with its evidence, and how it is decided."""

from typing import Annotated, Literal

from msgspec import Meta

from valetkey.core.errors import InvalidInput
from valetkey.wire.shape import Request, View


class EvidenceView(View, kw_only=True):
    """One piece of evidence; `submitted_by` is buyer or seller, `created_at` ISO-8601."""

    id: str
    submitted_by: str
    evidence_type: str
    description: str
    content_hash: str | None
    ipfs_hash: str | None
    created_at: str


class OpenDisputeView(View, kw_only=True):
    """GET /operator/transactions/{id}/dispute: why, and everything that both sides submitted, oldest first."""

    transaction_id: str
    status: str
    reason: str
    disputed_at: str
    delivery_proof: str | None
    criteria_hash: str | None
    evidence: list[EvidenceView]


class ResolveRequest(Request, kw_only=True):
    """POST /operator/transactions/{id}/dispute/resolve.

    `buyer_percent` of what is locked goes to the buyer, the rest to the seller: for `split` alone, 0 to 100.
    """

    outcome: Literal["buyer_refund", "seller_paid", "split"]
    buyer_percent: Annotated[int, Meta(ge=0, le=100)] | None = None

    def __post_init__(self) -> None:
        if (self.outcome == "split") != (self.buyer_percent is not None):
            raise InvalidInput("buyerPercent is for a split, and a split has one", field="buyerPercent")
