"""Services and evidence, the same in every store: how a price sorts, what a piece of evidence takes."""

from valetkey.core.money import rescale
from valetkey.core.service import Service
from valetkey.ports.market import Evidence
from valetkey.stores.rows import Row

DAY_SECONDS = 86_400

_RANK_DECIMALS, _RANK_DIGITS = 18, 60


def rank(units: int, decimals: int) -> str:
    """A price as text that sorts like the number, in units of its currency."""
    ranked = str(rescale(units, decimals, _RANK_DECIMALS, up=True)).rjust(_RANK_DIGITS, "0")
    assert len(ranked) == _RANK_DIGITS, "a price has at most 30 digits"
    return ranked


def responses_of(service: Service) -> int:
    """How many responses a new service has behind it, of those that its average time tells."""
    # What was measured elsewhere counts as often as it was completed there, at least once.
    return 0 if service.avg_response_ms is None else max(1, service.total_transactions)


def evidence_length(evidence: Evidence) -> int:
    """Bytes of what its sender chose."""
    texts = (evidence.evidence_type, evidence.description, evidence.content_hash, evidence.ipfs_hash)
    return sum(len((text or "").encode()) for text in texts) + len(evidence.metadata or b"")


def evidence_of(found: Row) -> Evidence:
    """A piece of evidence from its columns."""
    evidence_id, transaction_id, by, kind, description, content_hash, ipfs_hash, metadata, created_at = found
    return Evidence(
        id=evidence_id,
        transaction_id=transaction_id,
        submitted_by=by,
        evidence_type=kind,
        description=description,
        content_hash=content_hash,
        ipfs_hash=ipfs_hash,
        metadata=metadata,
        created_at=created_at,
    )
