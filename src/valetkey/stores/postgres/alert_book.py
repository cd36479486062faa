"""Alerts and tallies in a batch. Alerts are read and written by statements of their own, because few batches are about
them; what every batch counts is written with its other tables."""

from collections.abc import Callable, Iterable
from typing import Any

from valetkey.core.alerts import BUCKET_SECONDS, Alert, AlertKind
from valetkey.core.session import Session
from valetkey.ports.ledger import Event
from valetkey.stores.alert_rows import ALERT, COLUMNS, alert_of, alert_values
from valetkey.stores.postgres.overlay import Missing, Rows, Wanted
from valetkey.stores.postgres.schema import Connection
from valetkey.stores.tellings import Tellings

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {ALERT} FROM alerts WHERE owner_id = $1 AND session_id = $2 AND kind = $3 AND occasion = $4"  # noqa: S608
_ADD = f"INSERT INTO alerts ({ALERT}) VALUES ({', '.join(f'${n}' for n in range(1, len(COLUMNS) + 1))})"  # noqa: S608
_TALLIES = (
    "SELECT currency, bucket, units FROM tallies WHERE owner_id = $1 AND session_id = $2 AND bucket >= $3"
)

Occasion = tuple[str, str, str]
"""Session, kind and occasion."""

Bucket = tuple[str, int, str, int]
"""Session, number, currency and chain."""


class AlertBook:
    """See stores/book/facts.py, which documents every method."""

    owner_id: str
    events: Rows[str, Event]

    def __init__(self, rows: Callable[[], Rows[Any, Any]], tellings: Tellings) -> None:
        self._tellings = tellings
        self.alerts: Rows[Occasion, Alert | None] = rows()
        self.urls: Rows[str, str | None] = rows()
        self.ends_warned: Rows[str, None] = rows()
        self.paces_looked: Rows[str, None] = rows()
        self.tallied: Rows[Bucket, tuple[int, int]] = rows()
        self.tallies_of: Rows[tuple[str, int], list[tuple[str, int, int]]] = rows()

    def find_alert(self, session_id: str, kind: AlertKind, occasion: str) -> Alert | None:
        key = session_id, str(kind), occasion
        if key not in self.alerts:
            raise Missing(Wanted(alerts={key}))
        return self.alerts[key]

    def add_alert(self, alert: Alert) -> None:
        self.alerts.put((alert.session_id, str(alert.kind), alert.occasion), alert)

    def tell_alert(self, alert: Alert) -> None:
        assert alert.owner_id == self.owner_id
        for event in self._tellings.of_alert(alert, self.urls[self.owner_id]):
            self.events.put(event.id, event)

    def warned(self, session: Session) -> None:
        self.ends_warned.mark(session.id, None)

    def tally(self, session: Session, currency: str, chain_id: int, at: int, units: int, spends: int) -> None:
        bucket = session.id, at // BUCKET_SECONDS, currency, chain_id
        known = self.tallied.get(bucket)
        self.tallied.put(bucket, (units, spends) if known is None else (known[0] + units, known[1] + spends))

    def tallies(self, session_id: str, oldest: int) -> Iterable[tuple[str, int, int]]:
        """What was written before and what this batch has counted since."""
        if (session_id, oldest) not in self.tallies_of:
            raise Missing(Wanted(tallies={(session_id, oldest)}))
        found = list(self.tallies_of[session_id, oldest])
        for (name, bucket, currency, _), (units, _) in self.tallied.known():
            if name == session_id and bucket >= oldest:
                found.append((currency, bucket, units))
        return found

    def looked_at_pace(self, session: Session) -> None:
        self.paces_looked.mark(session.id, None)


async def read_alerts(connection: Connection, book: AlertBook, wanted: Wanted) -> None:
    """Fill the book with the alerts and tallies that are wanted, as they are under its locks."""
    for key in wanted.alerts:
        row = await connection.fetchrow(_ONE, book.owner_id, *key)
        book.alerts.load(key, None if row is None else alert_of(tuple(row)))
    for session_id, oldest in wanted.tallies:
        rows = await connection.fetch(_TALLIES, book.owner_id, session_id, oldest)
        book.tallies_of.load((session_id, oldest), [(one[0], one[1], int(one[2])) for one in rows])


async def write_alerts(connection: Connection, book: AlertBook) -> None:
    """Write what the batch raised and looked at, after what it counted."""
    new = [alert_values(one) for _, one in book.alerts.items() if one is not None]
    if new:
        await connection.executemany(_ADD, new)
    if book.ends_warned.changed:
        sql = "UPDATE sessions SET warned_for = expires_at WHERE owner_id = $1 AND id = ANY($2::text[])"
        await connection.execute(sql, book.owner_id, list(book.ends_warned.changed))
    if book.paces_looked.changed:
        sql = (
            "UPDATE tallies SET fresh = false WHERE owner_id = $1 AND session_id = ANY($2::text[]) AND fresh"
        )
        await connection.execute(sql, book.owner_id, list(book.paces_looked.changed))
