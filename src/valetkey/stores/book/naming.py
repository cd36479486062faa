"""Whether a session may have its label and its key. Asked in the transaction that adds it, under the owner's lock."""

from valetkey.core.labels import Labelled, check_label, key_taken, labelled, took_place_of
from valetkey.core.refusal import Refused
from valetkey.core.session import Session
from valetkey.ports.accounts import SessionRecord
from valetkey.stores.book.facts import Book


def name_taken(book: Book, record: SessionRecord, takes_place_of: str | None = None) -> Refused | None:
    """Why a session cannot be added as it is named; `takes_place_of`: the session that is rotated into it."""
    owner_id = record.session.owner_id
    if record.key_hash is not None:
        known = book.session_of_key(owner_id, record.key_hash)
        if known is not None:
            return key_taken(known)
    life = labelled((record.session, *record.ancestors), sole=record.sole)
    if record.label is None or life is None:
        return None
    return _taken(book, record, max(life.begins, book.now), life.ends, takes_place_of or record.session.id)


def time_taken(book: Book, record: SessionRecord, after: Session) -> Refused | None:
    """Why a session cannot be extended as it is named: its label is another one's in the time that is added."""
    before, life = (labelled((one, *record.ancestors), sole=record.sole) for one in (record.session, after))
    if record.label is None or before is None or life is None:
        return None
    return _taken(book, record, max(before.ends, book.now), life.ends, record.session.id)


def _taken(book: Book, record: SessionRecord, begins: int, ends: int, place: str) -> Refused | None:
    """`place`: the session that has, or had, the place of this one."""
    owner_id, label = record.session.owner_id, record.label
    if label is None or begins >= ends:
        return None
    sole_only = not (record.sole or book.unique_labels(owner_id))

    def is_exempt(other: Labelled) -> bool:
        if other.session_id == place:
            return True
        return place in other.ancestors and took_place_of(place, book.lineage(other.session_id))

    others = book.labelled(owner_id, label, begins, ends, sole_only=sole_only)
    return check_label(label, begins, ends, others, is_exempt)
