"""Columns of PostgreSQL's tables, in the order in which stores/rows.py reads them."""

from valetkey.stores.rows import RECORD, TRANSACTION
from valetkey.stores.rows import SPEND as SPEND_OF_ANY

SESSIONS = "sessions s JOIN spent u ON u.owner_id = s.owner_id AND u.session_id = s.id"

SPEND = SPEND_OF_ANY.replace("t.hold_id = h.id", "t.buyer_id = h.owner_id AND t.hold_id = h.id")

BOUGHT = ", ".join(f"t.{name}" for name in TRANSACTION.split(", "))

LINEAGES = (
    f"WITH RECURSIVE line (id, parent_id) AS ("  # noqa: S608 - constants of ours
    " SELECT p.id, p.parent_id FROM unnest({0}) AS w (id) CROSS JOIN LATERAL"
    " (SELECT id, parent_id FROM sessions WHERE owner_id = $1 AND id = w.id OFFSET 0) AS p"
    " UNION SELECT p.id, p.parent_id FROM line CROSS JOIN LATERAL"
    " (SELECT id, parent_id FROM sessions WHERE owner_id = $1 AND id = line.parent_id OFFSET 0) AS p)"
    f" SELECT ROW({RECORD}) FROM line"
    " CROSS JOIN LATERAL (SELECT * FROM sessions WHERE owner_id = $1 AND id = line.id OFFSET 0) AS s"
    " CROSS JOIN LATERAL (SELECT * FROM spent WHERE owner_id = $1 AND session_id = line.id OFFSET 0) AS u"
)
"""Sessions of the owner $1 with all of their ancestors, each by its key.

OFFSET 0 keeps each look-up by itself: joined freely, all of the owner's sessions were read for each one of a batch."""
