"""Columns of PostgreSQL's tables, in the order in which stores/rows.py reads them."""

from valetkey.stores.rows import RECORD, TRANSACTION
from valetkey.stores.rows import SPEND as SPEND_OF_ANY

SESSIONS = "sessions s JOIN spent u ON u.owner_id = s.owner_id AND u.session_id = s.id"

SPEND = SPEND_OF_ANY.replace("t.hold_id = h.id", "t.buyer_id = h.owner_id AND t.hold_id = h.id")

BOUGHT = ", ".join(f"t.{name}" for name in TRANSACTION.split(", "))

LINEAGES = (
    f"WITH RECURSIVE line (id, parent_id) AS ("  # noqa: S608 - constants of ours
    " SELECT id, parent_id FROM sessions WHERE owner_id = $1 AND id = ANY({0})"
    " UNION SELECT p.id, p.parent_id FROM sessions p JOIN line ON p.owner_id = $1 AND p.id = line.parent_id)"
    f" SELECT ROW({RECORD}) FROM line JOIN sessions s ON s.owner_id = $1 AND s.id = line.id"
    " JOIN spent u ON u.owner_id = $1 AND u.session_id = s.id"
)
"""Sessions of the owner $1 with all of their ancestors."""
