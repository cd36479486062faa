"""Tallies: what sessions spent, in buckets of five minutes, kept with every hold. Paces and charts are read there."""

from valetkey.core.session import Session
from valetkey.core.spend import Hold, HoldState
from valetkey.stores.book.facts import Book

_NOTHING = (HoldState.VOIDED, HoldState.EXPIRED)


def tally(book: Book, session: Session, before: Hold | None, after: Hold) -> None:
    """Count a hold as it is now, and no longer as it was. A session's own holds count, and no descendant's.

    A hold counts from when it was granted; what it turned out not to take is taken out of that time again, and what
    moved beyond it counts from now on. So a bucket says what was granted in it, less what was given back.
    """
    if before is None:
        _put(book, session, after, after.placed_at, _counts(after), 1)
        return
    was, now = _counts(before), _counts(after)
    if before.placed_at != after.placed_at:
        # What waited for its owner was granted anew.
        _put(book, session, before, before.placed_at, -was, -1)
        _put(book, session, after, after.placed_at, now, 1)
        return
    spends = (after.state not in _NOTHING) - (before.state not in _NOTHING)
    if now != was or spends:
        _put(book, session, after, after.placed_at if now <= was else book.now, now - was, spends)


def _counts(hold: Hold) -> int:
    state = hold.state
    if state is HoldState.CAPTURED:
        return hold.captured
    return 0 if state is HoldState.VOIDED or state is HoldState.EXPIRED else hold.amount


def _put(book: Book, session: Session, hold: Hold, at: int, units: int, spends: int) -> None:
    asset = hold.request.amount.asset
    book.tally(session, asset.currency, asset.chain_id, at, units, spends)
