"""Alerts and tallies in the writer's transaction. Tallies of one commit are added up before they are written."""

from collections.abc import Iterable

import apsw

from valetkey.core.alerts import BUCKET_SECONDS, DAY_SECONDS, Alert, AlertKind
from valetkey.core.session import Session
from valetkey.ports.accounts import SessionRecord
from valetkey.stores.alert_rows import ALERT, alert_of, alert_values, named_parts
from valetkey.stores.healths import SLOTS, minute_of
from valetkey.stores.rows import Value
from valetkey.stores.sqlite.outbox import queue_events
from valetkey.stores.sqlite.statements import insert, row, rows, run
from valetkey.stores.tellings import Tellings

# S608: the parts of these statements are constants of ours.
_ONE = f"SELECT {ALERT} FROM alerts WHERE session_id = ? AND kind = ? AND occasion = ?"  # noqa: S608
_ADD = (
    f"INSERT INTO alerts ({ALERT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    " ON CONFLICT (session_id, kind, occasion) DO NOTHING RETURNING seq"
)

HIGH = 10**15
"""How many base units `high` counts by one; thousands of `low` add up within SQLite's integers."""

MOST = 10**16
"""Where `high` stops: a sum beyond MOST times HIGH is told as that. No limit is decided by tallies."""

_ADDED = f"max(min(high + excluded.high + (low + excluded.low) / {HIGH}, {MOST}), -{MOST})"

_TALLY = "tallies (session_id, bucket, currency, chain_id, high, low, spends, fresh)"
_COUNTED = (
    "ON CONFLICT (session_id, bucket, currency, chain_id) DO UPDATE SET"
    f" high = {_ADDED}, low = (low + excluded.low) % {HIGH},"
    " spends = spends + excluded.spends, fresh = 1"
)

_UNFOLDED = (
    "SELECT bucket, currency, chain_id, high - folded_high, low - folded_low, spends - folded_spends FROM tallies"
    " WHERE session_id = ? AND fresh = 1"
)
_LOOKED = (
    "UPDATE tallies SET fresh = 0, folded_high = high, folded_low = low, folded_spends = spends"
    " WHERE session_id = ? AND fresh = 1"
)
_DAY = "spent_days (owner_id, part, day, name, currency, high, low, spends)"
_FOLDED = (
    "ON CONFLICT (owner_id, part, day, name, currency) DO UPDATE SET"
    f" high = {_ADDED}, low = (low + excluded.low) % {HIGH},"
    " spends = spends + excluded.spends"
)
_REFUSED_DAY = "refused_days (owner_id, day, code, session_id, count)"
_REFUSED_MORE = "ON CONFLICT (owner_id, day, code, session_id) DO UPDATE SET count = count + excluded.count"
_REFUSED_MINUTE = "refused_minutes (session_id, slot, owner_id, minute, count)"
_REFUSED_NOW = (
    "ON CONFLICT (session_id, slot) DO UPDATE SET"
    " count = iif(minute = excluded.minute, count, 0) + excluded.count, minute = excluded.minute"
    " WHERE minute <= excluded.minute"
)

Bucket = tuple[str, int, str, int]
"""Session, number, currency and chain."""


class AlertBook:
    """See stores/book/facts.py, which documents every method."""

    _db: apsw.Connection
    now: int

    def __init__(self, tellings: Tellings) -> None:
        self._tellings = tellings
        self._tallied: dict[Bucket, tuple[int, int]] = {}
        self._refused: dict[tuple[str, str, int], int] = {}
        self._refused_codes: dict[tuple[str, int, str, str], int] = {}

    def find_alert(self, session_id: str, kind: AlertKind, occasion: str) -> Alert | None:
        found = row(self._db, _ONE, session_id, str(kind), occasion)
        return alert_of(found) if found else None

    def add_alert(self, alert: Alert, *, tells: bool) -> None:
        if not rows(self._db, _ADD, *alert_values(alert)) or not tells:
            return
        found = row(self._db, "SELECT webhook_url FROM agents WHERE id = ?", alert.owner_id)
        queue_events(self._db, self.now, self._tellings.of_alert(alert, found[0] if found else None))

    def warned(self, session: Session) -> None:
        sql = "UPDATE sessions SET warned_for = expires_at WHERE id = ?"
        run(self._db, sql, session.id)

    def tally(self, session: Session, currency: str, chain_id: int, at: int, units: int, spends: int) -> None:
        bucket = session.id, at // BUCKET_SECONDS, currency, chain_id
        known = self._tallied.get(bucket)
        self._tallied[bucket] = (units, spends) if known is None else (known[0] + units, known[1] + spends)

    def tallies(self, session_id: str, oldest: int) -> Iterable[tuple[str, int, int]]:
        self.flush_tallies()
        sql = "SELECT currency, bucket, high, low FROM tallies WHERE session_id = ? AND bucket >= ?"
        found = rows(self._db, sql, session_id, oldest)
        return [(currency, bucket, high * HIGH + low) for currency, bucket, high, low in found]

    def looked_at_pace(self, record: SessionRecord) -> None:
        self.flush_tallies()
        session = record.session
        days: list[tuple[Value, ...]] = []
        for bucket, currency, chain_id, high, low, spends in rows(self._db, _UNFOLDED, session.id):
            for part, name in named_parts(record, chain_id):
                day = bucket * BUCKET_SECONDS // DAY_SECONDS
                days.append((session.owner_id, part, day, name, currency, high, low, spends))
        for one in days:
            # Not in one statement: two of them may be of the same row.
            insert(self._db, _DAY, [one], _FOLDED)
        run(self._db, _LOOKED, session.id)

    def refused(self, session: Session, codes: Iterable[str]) -> None:
        day, counted = self.now // DAY_SECONDS, self._refused_codes
        for code in codes:
            key = session.owner_id, day, code, session.id
            counted[key] = counted.get(key, 0) + 1
        then = session.owner_id, session.id, minute_of(self.now)
        self._refused[then] = self._refused.get(then, 0) + 1

    def flush_refusals(self) -> None:
        """Write which ones were counted."""
        if not self._refused:
            return
        insert(
            self._db,
            _REFUSED_DAY,
            [(*key, count) for key, count in self._refused_codes.items()],
            _REFUSED_MORE,
        )
        minutes = [
            (session_id, minute % SLOTS, owner_id, minute, count)
            for (owner_id, session_id, minute), count in self._refused.items()
        ]
        insert(self._db, _REFUSED_MINUTE, minutes, _REFUSED_NOW)
        self._refused.clear()
        self._refused_codes.clear()

    def flush_tallies(self) -> None:
        """Write what was counted."""
        if not self._tallied:
            return
        found = []
        for bucket, (units, spends) in self._tallied.items():
            high, low = divmod(abs(units), HIGH)
            high = min(high, MOST)
            found.append((*bucket, *((-high, -low) if units < 0 else (high, low)), spends, 1))
        insert(self._db, _TALLY, found, _COUNTED)
        self._tallied.clear()
