"""What sessions are known by, in a batch: who has a label, whose a session key is; read by statements of its own.

Labels and keys concern all of an owner's trees: whoever gives one to a session, or lets it keep one for longer, holds
the lock of the owner's own chain. Of a tree that is not locked, only that a session was revoked may be news: then its
label is free a moment later.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from valetkey.core.errors import Contradiction
from valetkey.core.labels import Labelled, labelled
from valetkey.core.session import Lineage
from valetkey.core.tree import ROTATIONS_MAX
from valetkey.ports.accounts import SessionRecord
from valetkey.stores.postgres.overlay import Label, Missing, Rows, Wanted
from valetkey.stores.postgres.schema import Connection

NAMED_MAX = ROTATIONS_MAX + 2
"""So many sessions of a label are looked at: no place in a tree had as many, so that one of them is in another."""

# A session lives as long as the first of its line, and is revoked with any of it.
_LABELLED = (
    "SELECT s.id, s.sole, l.begins, l.ends, l.ids FROM sessions s CROSS JOIN LATERAL (WITH RECURSIVE"
    " line (id, parent_id, revoked_at, not_before, expires_at) AS ("
    " SELECT s.id, s.parent_id, s.revoked_at, s.not_before, s.expires_at UNION ALL"
    " SELECT p.id, p.parent_id, p.revoked_at, p.not_before, p.expires_at FROM sessions p"
    " JOIN line ON p.owner_id = $1 AND p.id = line.parent_id)"
    " SELECT max(not_before) AS begins, min(expires_at) AS ends, count(revoked_at) AS revoked,"
    " array_agg(id) AS ids FROM line) AS l"
    " WHERE s.owner_id = $1 AND s.label = $2 AND s.label IS NOT NULL AND s.revoked_at IS NULL"
    " AND s.expires_at > $3 AND s.not_before < $4{0} AND l.revoked = 0 AND l.ends > $3 AND l.begins < $4 LIMIT $5"
)
_ALL, _SOLE = _LABELLED.format(""), _LABELLED.format(" AND s.sole")
_OF_KEYS = "SELECT key_hash, id FROM sessions WHERE owner_id = $1 AND key_hash = ANY($2::bytea[])"


class NameBook(ABC):
    """See stores/book/facts.py, which documents every method."""

    owner_id: str
    frozen: Rows[str, int | None]
    records: Rows[str, SessionRecord]
    lives: Rows[str, None]
    new_sessions: Rows[str, bytes]

    def __init__(self, rows: Callable[[], Rows[Any, Any]]) -> None:
        self.unique: Rows[str, bool] = rows()
        self.labels: Rows[Label, tuple[Labelled, ...]] = rows()
        self.session_keys: Rows[bytes, str | None] = rows()

    @abstractmethod
    def lineage(self, session_id: str) -> Lineage: ...

    @property
    def owners_changed(self) -> list[str]:
        """The owner, when one of its own settings is to be written."""
        return [self.owner_id] if self.frozen.changed or self.unique.changed else []

    def unique_labels(self, owner_id: str) -> bool:
        assert owner_id == self.owner_id
        if owner_id not in self.unique:
            raise Contradiction("there is no such agent")
        return self.unique[owner_id]

    def set_unique_labels(self, owner_id: str, *, unique: bool) -> None:
        assert owner_id == self.owner_id
        self.unique.put(owner_id, unique)

    def labelled(
        self, owner_id: str, label: str, begins: int, ends: int, *, sole_only: bool
    ) -> list[Labelled]:
        assert owner_id == self.owner_id
        changed = {**self.new_sessions.changed, **self.lives.changed}
        # What the batch has ended may stand before others that were not read.
        key = (label, begins, ends, sole_only, NAMED_MAX + len(changed))
        if key not in self.labels:
            raise Missing(Wanted(labels={key}))
        found = {one.session_id: one for one in self.labels[key]}
        moved = [one for one in changed if self.records[one].label == label]
        moved += [one.session_id for one in found.values() if not changed.keys().isdisjoint(one.ancestors)]
        for session_id in moved:
            found.pop(session_id, None)
            lineage = self.lineage(session_id)
            record = self.records[session_id]
            now = labelled(lineage, sole=record.sole)
            if now is not None and (now.sole or not sole_only):
                found[session_id] = now
        return list(found.values())

    def session_of_key(self, owner_id: str, key_hash: bytes) -> str | None:
        assert owner_id == self.owner_id
        if key_hash not in self.session_keys:
            raise Missing(Wanted(session_keys={key_hash}))
        return self.session_keys[key_hash]


async def read_names(connection: Connection, book: NameBook, wanted: Wanted) -> None:
    """Fill the book with what is wanted of labels and keys."""
    for key in wanted.labels:
        label, begins, ends, sole_only, most = key
        sql = _SOLE if sole_only else _ALL
        rows = await connection.fetch(sql, book.owner_id, label, begins, ends, most)
        book.labels.load(key, tuple(_labelled(*one) for one in rows))
    if wanted.session_keys:
        for key_hash, session_id in await connection.fetch(_OF_KEYS, book.owner_id, [*wanted.session_keys]):
            book.session_keys.load(key_hash, session_id)
        for key_hash in wanted.session_keys:
            book.session_keys.load(key_hash, None)


def _labelled(session_id: str, sole: bool, begins: int, ends: int, ids: list[str]) -> Labelled:
    return Labelled(session_id, begins, ends, sole, tuple(one for one in ids if one != session_id))
