"""Alerts: raised in the transaction of what they tell, once for each occasion, with their webhooks."""

from collections.abc import Iterable

from valetkey.core.alerts import DAY_SECONDS, Alert, AlertKind, crossed, hasty, oldest_bucket, warns_at
from valetkey.core.claim import Claim
from valetkey.core.ids import Kind
from valetkey.core.money import CURRENCY_DECIMALS, format_units
from valetkey.core.session import Lineage, Session, Status, status, usage_of
from valetkey.core.spend import Hold
from valetkey.crypto.credentials import new_id
from valetkey.stores.book.facts import Book


def debited(book: Book, before: Lineage, after: Lineage, currency: str) -> None:
    """Tell of the budgets that a debit brought to a threshold: the session's, and those of its ancestors."""
    for was, now in zip(before, after, strict=True):
        for percent in crossed(was, now, currency):
            limits = now.policy.limits(currency)
            assert limits is not None
            assert limits.budget is not None
            usage = usage_of(now, currency)
            facts = {
                "currency": currency,
                "percent": str(percent),
                "budget": _text(limits.budget, currency),
                "spent": _text(usage.captured, currency),
                "held": _text(usage.held, currency),
            }
            # A budget that was raised is another one, and has thresholds of its own.
            _raise(book, now, AlertKind.BUDGET, f"{currency} {percent} {limits.budget}", facts)


def moved_unasked(book: Book, session: Session, hold: Hold) -> None:
    """Tell that a session's key moved money which the gate was not asked for."""
    facts = {
        "currency": hold.currency,
        "amount": _text(hold.captured, hold.currency),
        "spend_id": hold.id,
    }
    _raise(book, session, AlertKind.UNASKED, hold.id, facts)


def intercepted(book: Book, session: Session, claim: Claim) -> None:
    """Keep an alert of a link that two opened. `claim.intercepted` tells its owner; a second webhook would be one too
    many."""
    _raise(book, session, AlertKind.CLAIM, claim.id, {"claim_id": claim.id}, tells=False)


def look_at_end(book: Book, session_id: str) -> Alert | None:
    """See ports/alerts.py."""
    record = book.record(session_id)
    session = record.session
    ends = session.policy.expires_at
    if session.revoked_at is None and book.now < warns_at(session):
        return None
    book.warned(session)
    is_over = status(session, book.now, record.ancestors) in (Status.REVOKED, Status.EXPIRED)
    if is_over or session.successor_id is not None:
        # Nobody needs to be warned of what has ended, or of what ends because another one is in its place.
        return None
    if book.find_alert(session.id, AlertKind.EXPIRY, str(ends)) is not None:
        return None
    return _raise(book, session, AlertKind.EXPIRY, str(ends), {"expires_at": str(ends)})


def look_at_pace(book: Book, session_id: str) -> list[Alert]:
    """See ports/alerts.py."""
    record = book.record(session_id)
    session = record.session
    spent: dict[str, dict[int, int]] = {}
    for currency, bucket, units in book.tallies(session_id, oldest_bucket(book.now)):
        buckets = spent.setdefault(currency, {})
        buckets[bucket] = buckets.get(bucket, 0) + units
    book.looked_at_pace(record)
    return [
        one for currency in sorted(spent) for one in _pace(book, session, currency, spent[currency].items())
    ]


def _pace(book: Book, session: Session, currency: str, spent: Iterable[tuple[int, int]]) -> list[Alert]:
    haste = hasty(spent, session, book.now)
    if haste is None:
        return []
    day = book.now // DAY_SECONDS
    for occasion in (day, day - 1):
        last = book.find_alert(session.id, AlertKind.PACE, f"{currency} {occasion}")
        if last is not None and book.now - last.raised_at < DAY_SECONDS:
            return []
    facts = {
        "currency": currency,
        "last_hour": _text(haste.hour, currency),
        "mean_hour": _text(haste.mean, currency),
    }
    return [_raise(book, session, AlertKind.PACE, f"{currency} {day}", facts)]


def _raise(
    book: Book,
    session: Session,
    kind: AlertKind,
    occasion: str,
    facts: dict[str, str],
    *,
    tells: bool = True,
) -> Alert:
    """Keep an alert and have its webhook queued, unless it was raised before."""
    record = book.record(session.id)
    named = {"label": record.label, "delegate": record.delegate}
    alert = Alert(
        id=new_id(Kind.ALERT),
        owner_id=session.owner_id,
        session_id=session.id,
        kind=kind,
        occasion=occasion,
        raised_at=book.now,
        facts={**{name: text for name, text in named.items() if text is not None}, **facts},
    )
    book.add_alert(alert, tells=tells)
    return alert


def _text(units: int, currency: str) -> str:
    return format_units(units, CURRENCY_DECIMALS[currency])
