"""Rows of alerts, and what they stand for."""

import json
from typing import Any

from valetkey.core.alerts import Alert, AlertKind
from valetkey.ports.accounts import SessionRecord
from valetkey.stores.damage import told_as_damaged
from valetkey.stores.rows import Row, Value

COLUMNS = (
    "id", "owner_id", "session_id", "kind", "occasion", "raised_at", "facts", "acknowledged_at", "acknowledged_by",
)  # fmt: skip
ALERT = ", ".join(COLUMNS)


@told_as_damaged("alert")
def alert_of(row: Row) -> Alert:
    """An alert from the columns of ALERT."""
    members: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    facts = json.loads(members["facts"])
    assert isinstance(facts, dict)
    return Alert(**{**members, "kind": AlertKind(members["kind"]), "facts": facts})


def alert_values(alert: Alert) -> tuple[Value, ...]:
    """The columns of ALERT."""
    return (
        alert.id,
        alert.owner_id,
        alert.session_id,
        str(alert.kind),
        alert.occasion,
        alert.raised_at,
        json.dumps(dict(alert.facts), separators=(",", ":")),
        alert.acknowledged_at,
        alert.acknowledged_by,
    )


def named_parts(record: SessionRecord, chain_id: int) -> tuple[tuple[str, str], ...]:
    """Under which names what a session spent on a chain is folded into days."""
    return ("delegate", record.delegate or ""), ("label", record.label or ""), ("chain", str(chain_id))
