"""Claims of sessions: made, opened once, and over. What stops a session is told in the log of its tree with it."""

from dataclasses import replace

from valetkey.core import claim as core
from valetkey.core.audit import Kind
from valetkey.core.claim import Claim, ClaimState, OnInterception, Opening
from valetkey.core.errors import Contradiction
from valetkey.core.refusal import Refused
from valetkey.core.session import Status, status
from valetkey.ports.claims import Telling
from valetkey.stores.book import alerting, life
from valetkey.stores.book.facts import Book, Value

PLATFORM = "platform"


def make(book: Book, wanted: Claim, by: str) -> Claim:
    """See `make_claim` in ports/claims.py."""
    session = book.record(wanted.session_id).session
    known = book.find_claim(wanted.id)
    if known is not None:
        if (known.owner_id, known.session_id, known.digest) != (wanted.owner_id, session.id, wanted.digest):
            raise Contradiction("there is such a claim already")
        return known
    if session.owner_id != wanted.owner_id:
        raise Contradiction("there is no such session")
    for other in book.unclaimed(session.id):
        # Its link was lost, or is lost now: two that work would be two to look after.
        _write(book, core.cancel(other, book.now), by)
    made = replace(wanted, made_at=book.now)
    book.write_claim(made, session.tree)
    facts: dict[str, Value] = {"claim": made.id, "ends": made.expires_at, "stops": str(made.on_interception)}
    book.append(session.owner_id, session.tree, Kind.CLAIM_MADE, session.id, {**facts, "by": by})
    return made


def open_one(book: Book, claim_id: str, opening: Opening, telling: Telling) -> Claim | Refused:
    """See `open_claim` in ports/claims.py."""
    before = _known(book, claim_id)
    record = book.record(before.session_id)
    is_over = status(record.session, book.now, record.ancestors) in (Status.REVOKED, Status.EXPIRED)
    after, refused = core.open_claim(before, opening, book.now, is_over=is_over)
    if after != before:
        _write(book, after, PLATFORM)
        book.queue(telling(after))
    return refused or after


def cancel(book: Book, claim_id: str, by: str) -> Claim:
    """See `cancel_claim` in ports/claims.py."""
    before = _known(book, claim_id)
    after = core.cancel(before, book.now)
    if after != before:
        _write(book, after, by)
    return after


def look(book: Book, claim_id: str, telling: Telling) -> Claim:
    """See `look_at_claim` in ports/claims.py."""
    before = _known(book, claim_id)
    after = core.look(before, book.now)
    if after.state is not before.state:
        _write(book, after, PLATFORM)
        book.queue(telling(after))
    elif after != before:
        book.write_claim(after, book.record(after.session_id).session.tree)
    return after


def _known(book: Book, claim_id: str) -> Claim:
    found = book.find_claim(claim_id)
    if found is None:
        raise Contradiction("there is no such claim")
    return found


def _write(book: Book, claim: Claim, by: str) -> None:
    """Write a claim that went from one state to another, tell of it, and stop its session where that goes with it."""
    session = book.record(claim.session_id).session
    book.write_claim(claim, session.tree)
    facts: dict[str, Value] = {"claim": claim.id, "by": by}
    match claim.state:
        case ClaimState.CLAIMED:
            kind = Kind.CLAIM_OPENED
            facts["from"] = claim.claimed_from
        case ClaimState.INTERCEPTED:
            kind = Kind.CLAIM_INTERCEPTED
            facts |= {
                "first": claim.claimed_from,
                "second": claim.intercepted_from,
                "claimed": claim.claimed_at,
            }
        case ClaimState.EXPIRED:
            kind = Kind.CLAIM_EXPIRED
        case _:
            kind = Kind.CLAIM_CANCELLED
    book.append(session.owner_id, session.tree, kind, session.id, facts)
    if claim.state is ClaimState.INTERCEPTED:
        alerting.intercepted(book, session, claim)
    if claim.state is ClaimState.INTERCEPTED and claim.on_interception is OnInterception.PAUSE:
        life.pause(book, session.id, PLATFORM, paused=True)
    elif claim.state in (ClaimState.INTERCEPTED, ClaimState.EXPIRED):
        life.revoke(book, session.id, PLATFORM)
