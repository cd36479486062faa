"""Alerts and tallies in a batch. Alerts are read and written by statements of their own, because few batches are about
them; what every batch counts is written with its other tables."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from valetkey.core.alerts import BUCKET_SECONDS, DAY_SECONDS, Alert, AlertKind
from valetkey.core.session import Session
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.ledger import Event
from valetkey.stores.alert_rows import ALERT, COLUMNS, alert_of, alert_values, named_parts
from valetkey.stores.healths import minute_of
from valetkey.stores.postgres.overlay import Missing, Rows, Wanted
from valetkey.stores.postgres.schema import Connection
from valetkey.stores.tellings import Tellings

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {ALERT} FROM alerts WHERE owner_id = $1 AND session_id = $2 AND kind = $3 AND occasion = $4"  # noqa: S608
_ADD = (
    f"INSERT INTO alerts ({ALERT}) VALUES ({', '.join(f'${n}' for n in range(1, len(COLUMNS) + 1))})"  # noqa: S608
    " ON CONFLICT (owner_id, session_id, kind, occasion) DO NOTHING RETURNING id"
)
_TELL = (
    "INSERT INTO events (owner_id, id, agent_id, transaction_id, name, url, body, queued_at, due_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)"
)
_TALLIES = (
    "SELECT currency, bucket, units FROM tallies WHERE owner_id = $1 AND session_id = $2 AND bucket >= $3"
)

_UNFOLDED = (
    "SELECT session_id, bucket, currency, chain_id, units - folded, spends - folded_spends FROM tallies"
    " WHERE owner_id = $1 AND session_id = ANY($2::text[]) AND fresh"
)
_FOLDED = (
    "INSERT INTO spent_days AS t (owner_id, part, day, name, currency, units, spends)"
    " SELECT $1, w.* FROM unnest($2::text[], $3::int8[], $4::text[], $5::text[], $6::numeric[], $7::int4[]) AS w"
    " ON CONFLICT (owner_id, part, day, name, currency) DO UPDATE SET units = t.units + excluded.units,"
    " spends = t.spends + excluded.spends"
)
_LOOKED = (
    "UPDATE tallies SET fresh = false, folded = units, folded_spends = spends"
    " WHERE owner_id = $1 AND session_id = ANY($2::text[]) AND fresh"
)

Occasion = tuple[str, str, str]
"""Session, kind and occasion."""

Bucket = tuple[str, int, str, int]
"""Session, number, currency and chain."""


class AlertBook:
    """See stores/book/facts.py, which documents every method."""

    owner_id: str
    now: int
    batch_now: int

    def __init__(self, rows: Callable[[], Rows[Any, Any]], tellings: Tellings) -> None:
        self._tellings = tellings
        self.alerts: Rows[Occasion, Alert | None] = rows()
        self.alerts_told: Rows[Occasion, tuple[Event, ...]] = rows()
        self.urls: Rows[str, str | None] = rows()
        self.ends_warned: Rows[str, None] = rows()
        self.paces_looked: Rows[str, SessionRecord] = rows()
        self.refusals: Rows[tuple[int, str, str], int] = rows()
        self.refusal_minutes: Rows[tuple[str, int], int] = rows()
        self.tallied: Rows[Bucket, tuple[int, int]] = rows()
        self.tallies_of: Rows[tuple[str, int], list[tuple[str, int, int]]] = rows()

    def find_alert(self, session_id: str, kind: AlertKind, occasion: str) -> Alert | None:
        key = session_id, str(kind), occasion
        if key not in self.alerts:
            raise Missing(Wanted(alerts={key}))
        return self.alerts[key]

    def add_alert(self, alert: Alert, *, tells: bool) -> None:
        key = alert.session_id, str(alert.kind), alert.occasion
        if self.alerts.get(key) is None:
            self.alerts.put(key, alert)
            url = self.urls[self.owner_id] if tells else None
            self.alerts_told.put(key, self._tellings.of_alert(alert, url))

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

    def looked_at_pace(self, record: SessionRecord) -> None:
        self.paces_looked.put(record.session.id, record)

    def refused(self, session: Session, codes: Iterable[str]) -> None:
        day = self.now // DAY_SECONDS
        for code in codes:
            key = day, code, session.id
            self.refusals.put(key, (self.refusals.get(key) or 0) + 1)
        then = session.id, minute_of(self.now)
        self.refusal_minutes.put(then, (self.refusal_minutes.get(then) or 0) + 1)


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
    for key, alert in book.alerts.items():
        assert alert is not None
        if await connection.fetchval(_ADD, *alert_values(alert)) is None:
            # It was raised before, and told then.
            continue
        for one in book.alerts_told[key]:
            told = (one.id, one.agent_id, one.transaction_id, one.name, one.url, one.body, book.batch_now)
            await connection.execute(_TELL, book.owner_id, *told)
    if book.ends_warned.changed:
        sql = "UPDATE sessions SET warned_for = expires_at WHERE owner_id = $1 AND id = ANY($2::text[])"
        await connection.execute(sql, book.owner_id, list(book.ends_warned.changed))
    if book.paces_looked.changed:
        await _fold(connection, book)


async def _fold(connection: Connection, book: AlertBook) -> None:
    """Add what is new of these tallies to the days: in the order of their keys, which is that of every other batch."""
    looked = dict(book.paces_looked.items())
    days: dict[tuple[str, int, str, str], tuple[Decimal, int]] = {}
    for session_id, bucket, currency, chain_id, units, spends in await connection.fetch(
        _UNFOLDED, book.owner_id, list(looked)
    ):
        for part, name in named_parts(looked[session_id], chain_id):
            key = part, bucket * BUCKET_SECONDS // DAY_SECONDS, name, currency
            before = days.get(key, (Decimal(0), 0))
            days[key] = before[0] + units, before[1] + spends
    if days:
        found = [(*key, *days[key]) for key in sorted(days)]
        await connection.execute(_FOLDED, book.owner_id, *(list(one) for one in zip(*found, strict=True)))
    await connection.execute(_LOOKED, book.owner_id, list(looked))
