"""Disputes: opened on chain by the buyer, argued with evidence here, decided on chain by the resolver."""

import msgspec

from valetkey.core.escrow import EscrowStatus
from valetkey.core.ids import Kind
from valetkey.core.refusal import Code, Refused
from valetkey.core.transaction import Party, Step, Transaction, TransactionStatus, take
from valetkey.crypto.credentials import new_id
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.refusing import NotFound, RefusedRequest, refused
from valetkey.platform.transactions.sight import seen, seen_as
from valetkey.platform.transactions.views import transaction_view
from valetkey.ports.market import Evidence
from valetkey.wire.payload import ENVELOPE_MEMBER
from valetkey.wire.timestamps import iso_timestamp
from valetkey.wire.transactions import DisputeView, EvidenceRequest, EvidenceResult, TransactionView

DISCLOSURE = (
    "The payloads of this purchase are encrypted and the resolver cannot read them. Submit what it should see"
    " as evidence, with the hash of the plain text."
)


async def dispute(platform: Platform, caller: Caller, transaction_id: str, reason: str) -> TransactionView:
    """Record a dispute that the chain shows. Asking again with the first reason kept changes nothing."""
    transaction = await seen_as(platform, caller, transaction_id, Party.BUYER)
    if transaction.status is TransactionStatus.DISPUTED:
        return await transaction_view(platform, transaction, Party.BUYER)
    escrow = await platform.network(transaction.network).reader.escrow(transaction.id)
    if escrow is None or escrow.status is not EscrowStatus.DISPUTED:
        raise refused(
            Code.ESCROW_NOT_DISPUTED,
            "escrow",
            "the chain does not show that the escrow is disputed",
            hint="call dispute on the escrow contract first",
        )
    done = await platform.settlement.disputed(transaction, reason)
    if isinstance(done, Refused):
        raise RefusedRequest(done)
    return await transaction_view(platform, done, Party.BUYER)


async def show(platform: Platform, caller: Caller, transaction_id: str) -> DisputeView:
    """Where a dispute stands."""
    transaction, _ = await seen(platform, caller, transaction_id)
    if transaction.dispute_reason is None:
        raise NotFound("This transaction was not disputed")
    evidence = await platform.store.evidence(transaction.id)
    refunded = transaction.status is TransactionStatus.REFUNDED
    resolved = refunded or transaction.status is TransactionStatus.COMPLETED
    buyer_percent = None
    if resolved:
        buyer_percent = 100 if refunded else 0
    ended = transaction.completed_at or transaction.updated_at
    return DisputeView(
        status="resolved" if resolved else "evaluating",
        outcome=("buyer_refund" if refunded else "seller_paid") if resolved else None,
        buyer_percent=buyer_percent,
        seller_percent=None if buyer_percent is None else 100 - buyer_percent,
        evidence_count=len(evidence),
        created_at=iso_timestamp(min([transaction.updated_at, *(e.created_at for e in evidence)])),
        resolved_at=iso_timestamp(ended) if resolved else None,
        disclosure_instructions=DISCLOSURE if _encrypted(transaction) else None,
    )


async def submit_evidence(
    platform: Platform, caller: Caller, transaction_id: str, asked: EvidenceRequest
) -> EvidenceResult:
    """Add one piece of evidence to an open dispute."""
    transaction, party = await seen(platform, caller, transaction_id)
    allowed = take(Step.SUBMIT_EVIDENCE, transaction.status, party)
    if isinstance(allowed, Refused):
        raise RefusedRequest(allowed)
    evidence = Evidence(
        id=new_id(Kind.EVIDENCE),
        transaction_id=transaction.id,
        submitted_by=caller.agent.id,
        evidence_type=asked.evidence_type,
        description=asked.description,
        content_hash=asked.content_hash,
        ipfs_hash=asked.ipfs_hash,
        metadata=None if isinstance(asked.metadata, msgspec.UnsetType) else bytes(asked.metadata),
        created_at=platform.clock.now(),
    )
    await platform.store.add_evidence(evidence)
    return EvidenceResult(evidence_id=evidence.id)


def _encrypted(transaction: Transaction) -> bool:
    member = f'"{ENVELOPE_MEMBER}"'.encode()
    return any(
        member in (payload or b"") for payload in (transaction.request_payload, transaction.response_payload)
    )
