"""What sessions are known by: who has a label, and whose a session key is."""

import json

import apsw

from valetkey.core.errors import Contradiction
from valetkey.core.labels import Labelled
from valetkey.core.tree import ROTATIONS_MAX
from valetkey.stores.rows import Row, Value
from valetkey.stores.sqlite.statements import row, run

NAMED_MAX = ROTATIONS_MAX + 2
"""So many sessions of a label are looked at: no place in a tree had as many, so that one of them is in another."""

# A session lives as long as the first of its line, and is revoked with any of it.
_LABELLED = (
    "WITH named (id, sole, line) AS (SELECT s.id, s.sole, (WITH RECURSIVE"
    " line (id, parent_id, revoked_at, not_before, expires_at) AS ("
    " SELECT s.id, s.parent_id, s.revoked_at, s.not_before, s.expires_at UNION ALL"
    " SELECT p.id, p.parent_id, p.revoked_at, p.not_before, p.expires_at FROM sessions p"
    " JOIN line ON p.id = line.parent_id)"
    " SELECT json_array(max(not_before), min(expires_at), count(revoked_at), json_group_array(id)) FROM line)"
    " FROM sessions s WHERE s.owner_id = :owner AND s.label = :label AND s.revoked_at IS NULL"
    " AND s.expires_at > :begins AND s.not_before < :ends{0})"
    " SELECT id, sole, line FROM named WHERE line ->> '$[2]' = 0 AND line ->> '$[0]' < :ends"
    " AND line ->> '$[1]' > :begins LIMIT :most"
)
_ALL, _SOLE = _LABELLED.format(" AND s.label IS NOT NULL"), _LABELLED.format(" AND s.sole = 1")


class NameBook:
    """See stores/book/facts.py, which documents every method."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def unique_labels(self, owner_id: str) -> bool:
        found = row(self._db, "SELECT unique_labels FROM agents WHERE id = ?", owner_id)
        if found is None:
            raise Contradiction("there is no such agent")
        return bool(found[0])

    def set_unique_labels(self, owner_id: str, *, unique: bool) -> None:
        run(self._db, "UPDATE agents SET unique_labels = ? WHERE id = ?", int(unique), owner_id)

    def labelled(
        self, owner_id: str, label: str, begins: int, ends: int, *, sole_only: bool
    ) -> list[Labelled]:
        values: dict[str, Value] = {
            "owner": owner_id,
            "label": label,
            "begins": begins,
            "ends": ends,
            "most": NAMED_MAX,
        }
        found: list[Row] = self._db.execute(_SOLE if sole_only else _ALL, values).fetchall()
        return [_labelled(*one) for one in found]

    def session_of_key(self, owner_id: str, key_hash: bytes) -> str | None:
        sql = "SELECT id FROM sessions WHERE owner_id = ? AND key_hash = ?"
        found = row(self._db, sql, owner_id, key_hash)
        return found[0] if found else None


def _labelled(session_id: str, sole: int, line: str) -> Labelled:
    begins, ends, _, ids = json.loads(line)
    return Labelled(session_id, begins, ends, bool(sole), tuple(one for one in ids if one != session_id))
