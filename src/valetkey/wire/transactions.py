"""JSON shapes of transactions: funding, delivery, disputes and what each party sees."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from valetkey.wire.shape import Hash, Payload, Request, View

TransactionState = Literal[
    "pending", "escrowed", "processing", "delivered", "completed", "refunded", "disputed", "abandoned"
]


class FundRequest(Request):
    """POST /transactions/:id/fund: the hash of the transaction that created the escrow."""

    tx_hash: Hash


class SignedRequest(Request):
    """POST /transactions/:id/signed: a payment with this hash is signed and may reach the chain."""

    tx_hash: Hash


class OnChain(View):
    """The escrow as the chain holds it; amounts are integer strings of base units."""

    escrow_id: str
    buyer: str
    seller: str
    locked_amount: str
    platform_fee: str
    status: str


class FundResult(View):
    """The answer to a proven payment."""

    id: str
    status: str
    escrow_tx_hash: str
    on_chain: OnChain


class DeliverRequest(Request):
    """POST /transactions/:id/deliver. `response_payload` stays the bytes that were sent."""

    response_payload: msgspec.Raw


class DisputeRequest(Request):
    """POST /transactions/:id/dispute, after the escrow was disputed on chain."""

    reason: Annotated[str, Meta(min_length=1, max_length=5_000)]


class EvidenceRequest(Request):
    """POST /transactions/:id/dispute/evidence. `evidence_type` is an open string."""

    evidence_type: Annotated[str, Meta(min_length=1, max_length=100)]
    description: Annotated[str, Meta(min_length=1, max_length=10_000)]
    content_hash: Annotated[str, Meta(max_length=200)] | None = None
    ipfs_hash: Annotated[str, Meta(max_length=200)] | None = None
    metadata: Payload = msgspec.UNSET


class EvidenceResult(View):
    """The id under which evidence is kept."""

    evidence_id: str


class DisputeView(View):
    """A dispute: percentages are of the locked amount, None while undecided; dates are ISO-8601."""

    status: str
    outcome: str | None
    buyer_percent: int | None
    seller_percent: int | None
    evidence_count: int
    created_at: str
    resolved_at: str | None
    disclosure_instructions: str | None = None


class ServiceRef(View):
    """The service of a transaction."""

    id: str
    title: str
    category: str | None = None


class AgentRef(View):
    """A party of a transaction."""

    id: str
    agent_name: str


class TransactionView(View):
    """A transaction as one party sees it. Amounts are exact JSON numbers of currency units.

    `buyer_agent_id` is, to the seller of a session's purchase, the session's alias. `session_id` is shown to
    the buyer's side only. `seller_fee` is 0: the fee is charged on top of the price. Windows are seconds, absent
    for the contract's defaults.
    """

    id: str
    service_id: str
    buyer_agent_id: str
    seller_agent_id: str
    quantity: int
    unit_price: Decimal
    subtotal: Decimal
    platform_fee: Decimal
    seller_fee: Decimal
    total_charged: Decimal
    seller_receives: Decimal
    currency: str
    payment_method: str
    payment_status: str
    status: str
    created_at: str
    updated_at: str
    escrow_address: str | None = None
    escrow_tx_hash: str | None = None
    payment_intent_id: str | None = None
    callback_url: str | None = None
    request_payload: Payload = msgspec.UNSET
    response_payload: Payload = msgspec.UNSET
    delivery_proof: str | None = None
    delivered_at: str | None = None
    completed_at: str | None = None
    dispute_reason: str | None = None
    my_role: str | None = None
    service: ServiceRef | None = None
    buyer_agent: AgentRef | None = None
    seller_agent: AgentRef | None = None
    session_id: str | None = None
    network: str | None = None
    escrow_id: str | None = None
    buyer_address: str | None = None
    seller_address: str | None = None
    expires_at: str | None = None
    dispute_window: int | None = None
    abandonment_grace: int | None = None
    criteria_hash: str | None = None


class TransactionPage(View):
    """GET /transactions: one page, newest first; `role=seller&status=escrowed` is a queue, oldest first.

    A page ends early where its payloads pass 2 MB, but not before its first transaction: the next page
    begins after what came, at `offset` and the number of `transactions`, until that is `total`.
    """

    transactions: list[TransactionView]
    total: int
    limit: int
    offset: int


class TransactionListQuery(msgspec.Struct, kw_only=True):
    """Query of GET /transactions. `limit` above 100 is read as 100 by the platform."""

    role: Literal["buyer", "seller", "all"] = "all"
    status: TransactionState | None = None
    limit: Annotated[int, Meta(ge=1)] = 20
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class PageQuery(msgspec.Struct, kw_only=True):
    """Query of any other list."""

    search: Annotated[str, Meta(max_length=200)] = ""
    category: Annotated[str, Meta(max_length=100)] | None = None
    limit: Annotated[int, Meta(ge=1)] = 20
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
