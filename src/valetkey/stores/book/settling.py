"""Settling holds, and steps of the transactions that they pay for: both or neither."""

from dataclasses import replace
from typing import Any

from valetkey.core.audit import Kind
from valetkey.core.commands import Command, MarkUnknown
from valetkey.core.errors import Contradiction
from valetkey.core.ledger import State, apply
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.spend import OPEN, UNDECIDED, Hold
from valetkey.core.transaction import Step, Transaction, TransactionStatus, take
from valetkey.ports.ledger import Change, Event, Facts, Payment, SpendRecord
from valetkey.stores.book import alerting, telling
from valetkey.stores.book.facts import Book
from valetkey.stores.book.tallying import tally


def settle(
    book: Book,
    hold_id: str,
    command: Command,
    by: str,
    payment: Payment | None = None,
    events: tuple[Event, ...] = (),
) -> SpendRecord | Refused:
    """See ports/ledger.py."""
    record = book.spend_record(hold_id)
    if payment is not None and record.payment is not None and record.payment != payment:
        raise Contradiction("another payment was stored for this hold; a retry sends the same bytes")
    after = _apply(book, record.hold, command, by)
    if isinstance(after, Refused):
        return after
    if payment is not None and record.payment is None:
        book.write_payment(hold_id, payment)
    if after is not record.hold:
        book.queue(events)
    return replace(record, hold=after, payment=record.payment or payment)


def change(book: Book, transaction_id: str, wanted: Change) -> Transaction | Refused:
    """See ports/ledger.py."""
    transaction = book.transaction(transaction_id)
    status = _taken(book, transaction, wanted)
    if isinstance(status, Refused):
        if wanted.command is not None and transaction.hold_id is not None:
            hold = book.spend_record(transaction.hold_id).hold
            return _no(book, hold, wanted.command, str(wanted.party), status)
        # It would have settled nothing, and is told no more than a step that is taken.
        return status
    if wanted.command is not None and transaction.hold_id is not None:
        settled = _apply(book, book.spend_record(transaction.hold_id).hold, wanted.command, str(wanted.party))
        if isinstance(settled, Refused):
            return settled
    after = replace(transaction, status=status, updated_at=book.now, **_known(wanted.facts))
    book.write_transaction(transaction, after, funded=wanted.step is Step.FUND)
    book.queue(wanted.events)
    return after


def mark_signed(book: Book, transaction_id: str) -> None:
    """See ports/ledger.py."""
    transaction = book.transaction(transaction_id)
    if transaction.hold_id is not None:
        hold = book.spend_record(transaction.hold_id).hold
        if hold.state in OPEN - UNDECIDED:
            _apply(book, hold, MarkUnknown(), "buyer")
    book.mark_signed(transaction)


def _apply(
    book: Book,
    hold: Hold,
    command: Command,
    by: str,
) -> Hold | Refused:
    lineage = book.lineage(hold.session_id)
    before = State(lineage[0], hold, lineage[1:])
    after = apply(before, command, book.now)
    if isinstance(after, Refused):
        return _no(book, hold, command, by, after)
    assert after.hold is not None
    if after.hold == hold:
        # It was applied before: a retry is no second event.
        return hold
    book.write_spent(tuple(one for one, old in zip(after.lineage, lineage, strict=True) if one is not old))
    session = after.session
    book.write_hold(after.hold, session.owner_id)
    tally(book, session, hold, after.hold)
    alerting.debited(book, lineage, after.lineage, hold.currency)
    facts = telling.moved(hold, after.hold, by)
    book.append(session.owner_id, session.tree, telling.KINDS[type(command)], session.id, facts)
    return after.hold


def _taken(book: Book, transaction: Transaction, wanted: Change) -> TransactionStatus | Refused:
    """The status after a step, or why it is not taken."""
    tx_hash = wanted.facts.escrow_tx_hash
    status = take(wanted.step, transaction.status, wanted.party)
    if isinstance(status, TransactionStatus) and tx_hash and book.funding_used(tx_hash, transaction.id):
        return refuse(
            Code.FUNDING_REPLAYED, "tx_hash", "this transaction paid for another purchase than this one"
        )
    return status


def _no(book: Book, hold: Hold, command: Command, by: str, refused: Refused) -> Refused:
    session = book.lineage(hold.session_id)[0]
    facts = telling.unsettled(hold, command, by, refused)
    book.append(session.owner_id, session.tree, Kind.SETTLE_REFUSED, session.id, facts)
    return refused


def _known(facts: Facts) -> dict[str, Any]:
    return {name: value for name in Facts.__slots__ if (value := getattr(facts, name)) is not None}
