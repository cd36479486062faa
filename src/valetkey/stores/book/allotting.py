"""Allotments of sessions: given, and ended on their cluster. Each is told in the log of the session's tree."""

from dataclasses import replace

from valetkey.core.audit import Kind
from valetkey.core.errors import Contradiction
from valetkey.ports.allotments import Allotment, AllotmentEnd
from valetkey.stores.book.facts import Book, Value


def give(book: Book, wanted: Allotment, by: str) -> Allotment:
    """See `give_allotment` in ports/allotments.py."""
    session = book.record(wanted.session_id).session
    if session.owner_id != wanted.owner_id:
        raise Contradiction("a session's allotment is its owner's")
    known = book.find_allotment(session.id)
    if known is not None and known.ended_at is None and known.revocation == wanted.revocation:
        return known
    same = known if known is not None and known.account == wanted.account else None
    kept = replace(
        wanted,
        made_at=book.now,
        look_at=book.now,
        seen=None if same is None else same.seen,
        is_dead=False,
        ended_at=None,
        slot=None,
        signature=None,
        lateness=None,
    )
    book.write_allotment(kept, session.tree)
    facts: dict[str, Value] = {
        **_named(kept),
        "owner": kept.owner,
        "mint": kept.mint,
        "units": str(kept.units),
    }
    book.append(session.owner_id, session.tree, Kind.ALLOTMENT_GIVEN, session.id, {**facts, "by": by})
    return kept


def end(book: Book, ended: Allotment, shown: AllotmentEnd, seen: str | None) -> bool:
    """See `end_allotment` in ports/allotments.py."""
    known = book.find_allotment(ended.session_id)
    if known is None or known.ended_at is not None or known.revocation != ended.revocation:
        return False
    session = book.record(ended.session_id).session
    after = replace(
        known,
        is_dead=False,
        seen=seen,
        ended_at=shown.at,
        slot=shown.slot,
        signature=shown.signature,
        lateness=shown.lateness,
    )
    book.write_allotment(after, session.tree)
    facts: dict[str, Value] = {
        **_named(after),
        "block_time": shown.at,
        "slot": shown.slot,
        "signature": shown.signature,
        "lateness": shown.lateness,
        "by": "platform",
    }
    book.append(session.owner_id, session.tree, Kind.ALLOTMENT_REVOKED, session.id, facts)
    return True


def _named(allotment: Allotment) -> dict[str, Value]:
    return {"account": allotment.account, "chain": allotment.chain_id}
