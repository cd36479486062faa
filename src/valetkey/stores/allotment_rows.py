"""Rows of allotments, and what they stand for. Units are decimal text: they may pass 63 bits."""

from typing import Any

from valetkey.ports.allotments import Allotment
from valetkey.stores.rows import Row, Value

COLUMNS = (
    "session_id", "owner_id", "chain_id", "owner", "account", "mint", "units", "revocation", "made_at", "look_at",
    "seen", "is_dead", "ended_at", "slot", "signature", "lateness",
)  # fmt: skip
ALLOTMENT = ", ".join(COLUMNS)
NEW_ALLOTMENT = f"{ALLOTMENT}, tree_id"


def allotment_of(row: Row) -> Allotment:
    """An allotment from the columns of ALLOTMENT."""
    facts: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    facts |= {
        "units": int(facts["units"]),
        "revocation": bytes(facts["revocation"]),
        "is_dead": bool(facts["is_dead"]),
    }
    return Allotment(**facts)


def allotment_values(allotment: Allotment, tree_id: str) -> tuple[Value, ...]:
    """The columns of NEW_ALLOTMENT; whether it is dead is 0 or 1."""
    facts = {name: getattr(allotment, name) for name in COLUMNS}
    facts |= {"units": str(allotment.units), "is_dead": int(allotment.is_dead)}
    return (*facts.values(), tree_id)
