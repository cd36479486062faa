"""Placing holds: of purchases, and of spends that are none. The only callers of PlaceHold, Execute and Observe."""

from dataclasses import replace

from valetkey.core.audit import Kind
from valetkey.core.commands import Execute, Lapse, Observe, PlaceHold, Reject
from valetkey.core.ledger import State, apply
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.session import Lineage
from valetkey.core.spend import Hold, HoldState, SpendRequest
from valetkey.core.transaction import Transaction, spend_request
from valetkey.ports.ledger import Asking, Idempotency, Spend, SpendRecord
from valetkey.stores.book import telling
from valetkey.stores.book.facts import Book

WAITS = "the spend waits for the owner's approval"


def place(
    book: Book, transaction: Transaction, idempotency: Idempotency | None, asking: Asking | None
) -> Transaction | Refused:
    """See ports/ledger.py."""
    if idempotency is not None:
        known = subject(book, idempotency)
        if known is not None:
            return known if isinstance(known, Refused) else book.transaction(known)
    assert (transaction.session_id is None) == (transaction.hold_id is None), "a session pays from a hold"
    if transaction.session_id is not None and transaction.hold_id is not None:
        request = spend_request(transaction)
        wanted = PlaceHold(
            transaction.hold_id, request, transaction.checkout_ends_at, asking.ends_at if asking else None
        )
        hold = _hold(book, book.lineage(transaction.session_id), wanted, asking, None)
        if isinstance(hold, Refused):
            return hold
        if hold.state is HoldState.PENDING:
            return awaiting(hold)
        transaction = _with_hold(transaction, hold.id)
    book.add_transaction(transaction)
    if idempotency is not None:
        book.remember(idempotency, transaction.id)
    return transaction


def hold_spend(
    book: Book, spend: Spend, idempotency: Idempotency | None, asking: Asking | None
) -> SpendRecord | Refused:
    """See ports/ledger.py."""
    if idempotency is not None:
        known = subject(book, idempotency)
        if known is not None:
            return known if isinstance(known, Refused) else book.spend_record(known)
    wanted = PlaceHold(spend.hold_id, spend.request, spend.expires_at, asking.ends_at if asking else None)
    lineage = book.lineage(spend.session_id)
    hold = _hold(book, lineage, wanted, asking, spend.note)
    if isinstance(hold, Refused):
        return hold
    if idempotency is not None:
        book.remember(idempotency, hold.id)
    if hold.id != spend.hold_id:
        # It was asked for before.
        return book.spend_record(hold.id)
    return SpendRecord(hold, lineage[0].owner_id, spend.note)


def observe(book: Book, spend: Spend, by: str) -> SpendRecord:
    """See ports/ledger.py."""
    known = book.find_spend(spend.hold_id)
    if known is not None:
        return known
    lineage = book.lineage(spend.session_id)
    after = apply(State(lineage[0], None, lineage[1:]), Observe(spend.hold_id, spend.request), book.now)
    assert isinstance(after, State), "what moved is never refused"
    hold, session = after.hold, after.session
    assert hold is not None
    book.write_spent(after.lineage)
    book.add_hold(hold, session.owner_id, spend.note)
    facts = {**telling.asked(hold.request), "hold": hold.id, "captured": str(hold.captured), "by": by}
    book.append(session.owner_id, session.tree, Kind.OBSERVED, session.id, facts)
    return SpendRecord(hold, session.owner_id, spend.note)


def subject(book: Book, idempotency: Idempotency) -> str | Refused | None:
    """What a key was used for; None when it is new."""
    known = book.remembered(idempotency)
    if known is None:
        return None
    fingerprint, made = known
    return made if fingerprint == idempotency.fingerprint else MISMATCH


MISMATCH = refuse(
    Code.IDEMPOTENCY_MISMATCH,
    "idempotency",
    "this idempotency key was used for another request",
    hint="use a new key for a new request",
)


def awaiting(hold: Hold) -> Refused:
    """What whoever asked is told while the owner has not approved."""
    return refuse(
        Code.APPROVAL_REQUIRED,
        "approval_above",
        WAITS,
        hint="repeat the request when the owner has approved it",
        approval=hold.id,
    )


def _hold(
    book: Book, lineage: Lineage, wanted: PlaceHold, asking: Asking | None, note: str | None
) -> Hold | Refused:
    if any(one.policy.asks for one in lineage):
        waiting = _of_before(book, lineage, wanted, note)
        if waiting is not None:
            return waiting
        lineage = book.lineage(lineage[0].id)
    state = State(lineage[0], None, lineage[1:])
    after = apply(state, wanted, book.now)
    if isinstance(after, Refused):
        return _no(book, state, wanted.request, after)
    hold = _write(book, after, Kind.HOLD_PLACED, note)
    if hold.state is HoldState.PENDING and asking is not None:
        book.queue(asking.events)
    return hold


def _of_before(book: Book, lineage: Lineage, wanted: PlaceHold, note: str | None) -> Hold | Refused | None:
    """The same request, asked before: it still waits, or it was approved and is executed now. None when it is new.

    Two notes make two requests: the owner is shown the note, and says yes to one invoice and not to its twin.
    """
    hold = book.undecided(lineage[0].id, wanted.request, note)
    if hold is None:
        return None
    state = State(lineage[0], hold, lineage[1:])
    if book.now >= hold.expires_at:
        _settle(book, state, Lapse())
        return None
    if hold.state is HoldState.PENDING:
        return hold
    after = apply(state, Execute(wanted.request, wanted.expires_at), book.now)
    if isinstance(after, State):
        return _write(book, after, Kind.EXECUTED, None)
    if after.first.code is Code.APPROVAL_STALE:
        # It was approved under other terms: the owner is asked again.
        _settle(book, state, Reject())
        return None
    return _no(book, state, wanted.request, after)


def _settle(book: Book, state: State, command: Lapse | Reject) -> None:
    after = apply(state, command, book.now)
    assert isinstance(after, State), "giving up is never refused"
    assert state.hold is not None
    assert after.hold is not None
    book.write_spent(after.lineage)
    book.write_hold(after.hold, state.session.owner_id)
    facts = telling.moved(state.hold, after.hold, "platform")
    session = state.session
    book.append(session.owner_id, session.tree, telling.KINDS[type(command)], session.id, facts)


def _write(book: Book, after: State, kind: Kind, note: str | None) -> Hold:
    session, hold = after.session, after.hold
    assert hold is not None
    if hold.state is HoldState.PENDING:
        kind = Kind.APPROVAL_ASKED
    book.write_spent(after.lineage)
    if kind is Kind.EXECUTED:
        book.write_hold(hold, session.owner_id)
    else:
        book.add_hold(hold, session.owner_id, note)
    book.append(session.owner_id, session.tree, kind, session.id, telling.placed(hold))
    return hold


def _no(book: Book, state: State, request: SpendRequest, refused: Refused) -> Refused:
    session = state.session
    facts = telling.refused(request, refused)
    book.append(session.owner_id, session.tree, Kind.HOLD_REFUSED, session.id, facts)
    return refused


def _with_hold(transaction: Transaction, hold_id: str) -> Transaction:
    return transaction if transaction.hold_id == hold_id else replace(transaction, hold_id=hold_id)
