"""Disputes: opened on chain by the buyer, argued with evidence here, decided on chain by the resolver."""

import msgspec

from valetkey.core.escrow import Escrow, EscrowStatus
from valetkey.core.ids import Kind
from valetkey.core.refusal import Code, Refused
from valetkey.core.transaction import Party, Step, Transaction, TransactionStatus, take
from valetkey.crypto.credentials import new_id
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.refusing import Conflict, NotFound, RefusedRequest, refused
from valetkey.platform.transactions.sight import seen, seen_as
from valetkey.platform.transactions.views import transaction_view
from valetkey.platform.transactions.waiting import patiently
from valetkey.ports.market import Evidence
from valetkey.wire.payload import ENVELOPE_MEMBER
from valetkey.wire.timestamps import iso_timestamp
from valetkey.wire.transactions import DisputeView, EvidenceRequest, EvidenceResult, TransactionView

EVIDENCE_PIECES_MAX = 50
EVIDENCE_BYTES_MAX = 5_000_000
"""What each party of a transaction may submit about it in all."""

DISCLOSURE = (
    "The payloads of this purchase are encrypted and the resolver cannot read them. Submit what it should see"
    " as evidence, with the hash of the plain text."
)


async def dispute(platform: Platform, caller: Caller, transaction_id: str, reason: str) -> TransactionView:
    """Record a dispute that the chain shows, and why. The first reason that was given stays."""
    transaction = await seen_as(platform, caller, transaction_id, Party.BUYER)
    if transaction.status is TransactionStatus.DISPUTED:
        return await _explained(platform, transaction, reason)
    reader = platform.marketplace(transaction.network).reader
    escrow = await patiently(
        lambda: reader.escrow(transaction.id), _is_disputed, platform.settings.step_wait_seconds
    )
    if not _is_disputed(escrow):
        raise refused(
            Code.ESCROW_NOT_DISPUTED,
            "escrow",
            "the chain does not show that the escrow is disputed",
            hint="call dispute on the escrow contract first",
        )
    done = await platform.settlement.disputed(transaction, reason, Party.BUYER)
    if isinstance(done, Refused):
        # The reconciler may have been faster; what it does not know is the reason.
        again = await platform.store.transaction(transaction.id)
        if again is None or again.status is not TransactionStatus.DISPUTED:
            raise RefusedRequest(done)
        return await _explained(platform, again, reason)
    return await transaction_view(platform, done, Party.BUYER)


async def show(platform: Platform, caller: Caller, transaction_id: str) -> DisputeView:
    """Where a dispute stands."""
    transaction, _ = await seen(platform, caller, transaction_id)
    if transaction.dispute_reason is None:
        raise NotFound("This transaction was not disputed")
    outcome, percent = transaction.dispute_outcome, transaction.buyer_percent
    ended = None if outcome is None else transaction.completed_at or transaction.updated_at
    return DisputeView(
        status="evaluating" if outcome is None else "resolved",
        outcome=None if outcome is None else outcome.name.lower(),
        buyer_percent=percent,
        seller_percent=None if percent is None else 100 - percent,
        evidence_count=await platform.store.evidence_count(transaction.id),
        created_at=iso_timestamp(transaction.disputed_at or transaction.updated_at),
        resolved_at=None if ended is None else iso_timestamp(ended),
        disclosure_instructions=DISCLOSURE if _encrypted(transaction) else None,
    )


async def submit_evidence(
    platform: Platform, caller: Caller, transaction_id: str, asked: EvidenceRequest
) -> EvidenceResult:
    """Add one piece of evidence to an open dispute, as long as the caller's side has sent no more than it may."""
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
    kept = await platform.store.add_evidence(
        evidence, pieces_max=EVIDENCE_PIECES_MAX, bytes_max=EVIDENCE_BYTES_MAX
    )
    if not kept:
        raise Conflict(
            f"each party may submit {EVIDENCE_PIECES_MAX} pieces of evidence and {EVIDENCE_BYTES_MAX} bytes in all;"
            " this one is too much and was not kept"
        )
    return EvidenceResult(evidence_id=evidence.id)


async def _explained(platform: Platform, transaction: Transaction, reason: str) -> TransactionView:
    done = await platform.settlement.explained(transaction, reason)
    if isinstance(done, Refused):
        raise RefusedRequest(done)
    return await transaction_view(platform, done, Party.BUYER)


def _is_disputed(escrow: Escrow | None) -> bool:
    return escrow is not None and escrow.status is EscrowStatus.DISPUTED


def _encrypted(transaction: Transaction) -> bool:
    member = f'"{ENVELOPE_MEMBER}"'.encode()
    return any(
        member in (payload or b"") for payload in (transaction.request_payload, transaction.response_payload)
    )
