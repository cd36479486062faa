"""A marketplace transaction: who may take which step, from which status to which.

The escrow holds the money and has the last word; this table keeps the platform's record in step with it.
"""

from dataclasses import dataclass
from enum import StrEnum

from valetkey.core.addresses import canonical_address
from valetkey.core.escrow import DisputeOutcome
from valetkey.core.money import Money
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.spend import SpendRequest


class TransactionStatus(StrEnum):
    PENDING = "pending"
    ESCROWED = "escrowed"
    PROCESSING = "processing"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    ABANDONED = "abandoned"


class Party(StrEnum):
    BUYER = "buyer"
    SELLER = "seller"
    PLATFORM = "platform"


class Step(StrEnum):
    FUND = "fund"
    DELIVER = "deliver"
    CONFIRM = "confirm"
    DISPUTE = "dispute"
    SUBMIT_EVIDENCE = "submit evidence for"
    EXPLAIN_DISPUTE = "explain the dispute of"
    NAME_PAYMENT = "name the payment of"
    RESOLVE_BUYER = "refund"
    RESOLVE_SELLER = "resolve"
    ABANDON = "claim"
    EXPIRE = "expire"
    DEBIT = "debit what was paid wrongly for"


S = TransactionStatus
P = Party

UNDISPUTED = frozenset({S.ESCROWED, S.PROCESSING, S.DELIVERED})
"""Paid, and neither released nor disputed."""

STEPS: dict[Step, tuple[frozenset[Party], frozenset[TransactionStatus], TransactionStatus | None]] = {
    # who may ask, from which statuses, to which status (None: it stays). A late payment revives
    # a checkout that had ended: money that moved is never ignored. What the chain shows is followed from
    # every open status: parties can act on chain without telling the platform before.
    Step.FUND: (frozenset({P.BUYER, P.PLATFORM}), frozenset({S.PENDING, S.ABANDONED}), S.ESCROWED),
    Step.DELIVER: (frozenset({P.SELLER}), frozenset({S.ESCROWED, S.PROCESSING}), S.DELIVERED),
    # The escrow can be released before the platform hears of a delivery: it follows the chain.
    Step.CONFIRM: (
        frozenset({P.BUYER, P.PLATFORM}),
        UNDISPUTED,
        S.COMPLETED,
    ),
    Step.DISPUTE: (frozenset({P.BUYER, P.PLATFORM}), UNDISPUTED, S.DISPUTED),
    Step.EXPLAIN_DISPUTE: (frozenset({P.BUYER}), frozenset({S.DISPUTED}), None),
    Step.SUBMIT_EVIDENCE: (frozenset({P.BUYER, P.SELLER}), frozenset({S.DISPUTED}), None),
    Step.RESOLVE_BUYER: (frozenset({P.PLATFORM}), UNDISPUTED | {S.DISPUTED}, S.REFUNDED),
    Step.RESOLVE_SELLER: (frozenset({P.PLATFORM}), UNDISPUTED | {S.DISPUTED}, S.COMPLETED),
    Step.ABANDON: (frozenset({P.BUYER, P.PLATFORM}), UNDISPUTED, S.ABANDONED),
    # The hash of a payment that was proven by its escrow alone.
    Step.NAME_PAYMENT: (frozenset({P.BUYER}), frozenset(S) - {S.PENDING}, None),
    # Another amount, or to another seller, and late as well: it moved, so the session pays for it.
    Step.DEBIT: (frozenset({P.PLATFORM}), frozenset({S.ABANDONED}), None),
    Step.EXPIRE: (frozenset({P.PLATFORM}), frozenset({S.PENDING}), S.ABANDONED),
}


def take(step: Step, status: TransactionStatus, party: Party) -> TransactionStatus | Refused:
    """The status after a step, or why this party cannot take it now."""
    parties, before, after = STEPS[step]
    if party not in parties:
        who = " or ".join(sorted(parties))
        return refuse(Code.WRONG_PARTY, "party", f"only the {who} can {step} this transaction")
    if status not in before:
        wanted = " or ".join(sorted(before))
        return refuse(
            Code.WRONG_STATUS,
            "status",
            f"cannot {step} a transaction that is {status}",
            hint=f"it must be {wanted}",
        )
    return status if after is None else after


class PaymentStatus(StrEnum):
    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One purchase of one service. Times are unix seconds, amounts base units of `total`'s asset.

    `buyer_id` is the owner's agent; `buyer_alias` is the id that the seller sees: the agent's own, or one
    that belongs to the session, whose public key is the session's. `buyer_address` pays the escrow, and
    `session_key` is who the escrow says acts for it: the address of the session's key when a grant pays, else None.
    Payloads are the JSON bytes that were sent, untouched. `hold_id` is None when the owner buys without
    a session: there is no delegated authority to limit. `buyer_percent` is the buyer's share of a decided dispute.
    """

    id: str
    service_id: str
    buyer_id: str
    buyer_alias: str
    buyer_address: str
    seller_id: str
    seller_address: str
    session_id: str | None
    hold_id: str | None
    quantity: int
    unit_price: int
    subtotal: int
    platform_fee: int
    total: Money
    network: str
    escrow_address: str
    payment_method: str
    checkout_ends_at: int
    created_at: int
    updated_at: int
    status: TransactionStatus = TransactionStatus.PENDING
    payment_status: PaymentStatus = PaymentStatus.PENDING
    escrow_tx_hash: str | None = None
    callback_url: str | None = None
    request_payload: bytes | None = None
    response_payload: bytes | None = None
    delivery_proof: str | None = None
    delivered_at: int | None = None
    completed_at: int | None = None
    dispute_reason: str | None = None
    disputed_at: int | None = None
    dispute_outcome: DisputeOutcome | None = None
    buyer_percent: int | None = None
    dispute_window: int = 0
    abandonment_grace: int = 0
    criteria_hash: str | None = None
    session_key: str | None = None


def spend_request(transaction: Transaction) -> SpendRequest:
    """What a purchase asks of the policies."""
    return SpendRequest(
        transaction.total, transaction.service_id, canonical_address(transaction.seller_address)
    )
