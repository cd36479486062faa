"""Rows of claims, and what they stand for."""

from typing import Any

from valetkey.core.claim import Claim, ClaimState, OnInterception
from valetkey.stores.rows import Row, Value

COLUMNS = (
    "id", "owner_id", "session_id", "access", "digest", "expires_at", "on_interception", "made_at", "state",
    "sealed", "claimant", "claimed_at", "claimed_from", "intercepted_at", "intercepted_from", "ended_at",
)  # fmt: skip
CLAIM = ", ".join(COLUMNS)
NEW_CLAIM = f"{CLAIM}, tree_id, look_at"
_BYTES = ("access", "digest", "sealed", "claimant")


def claim_of(row: Row) -> Claim:
    """A claim from the columns of CLAIM."""
    facts: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    facts |= {name: None if facts[name] is None else bytes(facts[name]) for name in _BYTES}
    facts |= {
        "state": ClaimState(facts["state"]),
        "on_interception": OnInterception(facts["on_interception"]),
    }
    return Claim(**facts)


def claim_values(claim: Claim, tree_id: str) -> tuple[Value, ...]:
    """The columns of NEW_CLAIM."""
    facts = {name: getattr(claim, name) for name in COLUMNS}
    facts |= {"state": str(claim.state), "on_interception": str(claim.on_interception)}
    return (*facts.values(), tree_id, claim.look_at)
