"""What an owner looks at first, on SQLite.

Sums of days and what is unknown or ends soon are read from indexes. What is at risk is added up in an
index over the roots of the owner's live trees; what SQLite cannot add up exactly, and sessions of several currencies,
are added up here.
"""

import json
from collections.abc import Sequence

import apsw

from valetkey.core.alerts import BUCKET_SECONDS, DAY_SECONDS
from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.ports.overview import LISTED_MAX, TOP_MAX, Health, Overview, Risk, SpentThen
from valetkey.stores.healths import first_minute, healths
from valetkey.stores.risks import ODD, added_up
from valetkey.stores.rows import SESSION, SESSIONS, session_of
from valetkey.stores.sqlite.alert_book import HIGH
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.most_spent import most_spent
from valetkey.stores.sqlite.spent import BILLION
from valetkey.stores.sqlite.statements import row, rows

# S608: the parts of these statements are constants of ours.
_AT_RISK = "FROM spent INDEXED BY spent_at_risk WHERE owner = ? AND currency = ? AND ends > ?"
_RISKS = f"SELECT count(*), count(high), sum(high), sum(low) {_AT_RISK}"
_ODD = f"SELECT odd, session_id {_AT_RISK}"
_OTHERS = f"SELECT {SESSION} FROM {SESSIONS} WHERE s.id IN (SELECT value FROM json_each(?))"  # noqa: S608
_REFUSALS = (
    "SELECT code, sum(count) FROM refused_days WHERE owner_id = ? AND day >= ? GROUP BY code"  # noqa: S608
    f" ORDER BY 2 DESC, code LIMIT {TOP_MAX}"
)
_ENDING = (
    "FROM sessions INDEXED BY sessions_ending WHERE owner_id = ? AND revoked_at IS NULL AND successor_id IS NULL"
    " AND expires_at > ?"
    " AND expires_at < ?"
)
_UNKNOWN = "FROM holds WHERE owner_id = ? AND state = 'unknown'"
_REFUSED_LATELY = (
    "SELECT session_id, sum(count) FROM refused_minutes WHERE owner_id = ? AND minute >= ? GROUP BY session_id"  # noqa: S608
    f" ORDER BY 2 DESC, session_id LIMIT {LISTED_MAX}"
)
_ASKED = "session_id IN (SELECT value FROM json_each(?2)) AND owner_id = ?1"
_REFUSED = f"SELECT session_id, sum(count) FROM refused_minutes WHERE {_ASKED} AND minute >= ?3 GROUP BY 1"  # noqa: S608
_UNPROVEN = (
    f"SELECT session_id, count(*), min(placed_at) FROM holds WHERE {_ASKED} AND state = 'unknown' GROUP BY 1"  # noqa: S608
)
_LABELS = "SELECT id, label FROM sessions WHERE id IN (SELECT value FROM json_each(?)) AND label IS NOT NULL"
_SPENDING = (
    "SELECT bucket, currency, chain_id, high, low, spends FROM tallies WHERE session_id = ? AND bucket >= ?"
    " ORDER BY bucket, currency, chain_id"
)


class SqliteOverview(Tables):
    """The overview on SQLite."""

    async def overview(self, owner_id: str, first_day: int, ends_before: int) -> Overview:
        """See ports/overview.py."""
        now = self._database.clock.now()
        return await self._database.read(lambda db: _overview(db, owner_id, now, first_day, ends_before))

    async def health(self, owner_id: str, session_ids: Sequence[str]) -> dict[str, Health]:
        """See ports/overview.py."""
        asked, first = json.dumps(session_ids), first_minute(self._database.clock.now())

        def look(db: apsw.Connection) -> dict[str, Health]:
            return healths(rows(db, _REFUSED, owner_id, asked, first), rows(db, _UNPROVEN, owner_id, asked))

        return await self._database.read(look)

    async def spending(self, session_id: str, since: int) -> list[SpentThen]:
        """See ports/overview.py."""
        found = await self._database.read(lambda db: rows(db, _SPENDING, session_id, since // BUCKET_SECONDS))
        return [
            SpentThen(bucket * BUCKET_SECONDS, currency, chain_id, high * HIGH + low, spends)
            for bucket, currency, chain_id, high, low, spends in found
        ]


def _overview(db: apsw.Connection, owner_id: str, now: int, first_day: int, ends_before: int) -> Overview:
    ending = (owner_id, now, ends_before)
    counted = row(db, f"SELECT count(*) {_ENDING}", *ending), row(db, f"SELECT count(*) {_UNKNOWN}", owner_id)
    assert counted[0] is not None
    assert counted[1] is not None
    refused: dict[str, int] = dict(rows(db, _REFUSED_LATELY, owner_id, first_minute(now)))
    soon: list[tuple[str, int]] = rows(
        db, f"SELECT id, expires_at {_ENDING} ORDER BY expires_at LIMIT {LISTED_MAX}", *ending
    )
    return Overview(
        risks=_risks(db, owner_id, now),
        spent={
            part: most_spent(db, owner_id, part, first_day, now // DAY_SECONDS)
            for part in ("delegate", "label", "chain")
        },
        refusals=dict(rows(db, _REFUSALS, owner_id, first_day)),
        refused_lately=refused,
        ending=soon,
        ending_count=counted[0][0],
        unknown=[
            (one, at)
            for one, at in rows(
                db, f"SELECT id, placed_at {_UNKNOWN} ORDER BY placed_at LIMIT {LISTED_MAX}", owner_id
            )
        ],
        unknown_count=counted[1][0],
        labels=dict(rows(db, _LABELS, json.dumps([*refused, *(one for one, _ in soon)]))),
    )


def _risks(db: apsw.Connection, owner_id: str, now: int) -> list[Risk]:
    found: dict[str, Risk] = {}
    # Of each currency apart: those that have ended are not even looked at.
    for currency in CURRENCY_DECIMALS:
        ((count, bounded, high, low),) = rows(db, _RISKS, owner_id, currency, now)
        if count:
            units = (high or 0) * BILLION + (low or 0)
            found[currency] = Risk(currency, units, bounded, count - bounded)
    odd: list[str] = []
    untold: list[str] = []
    for told, session_id in rows(db, _ODD, owner_id, ODD, now):
        (untold if told is None else odd).append(told or session_id)
    others = [session_of(one) for one in rows(db, _OTHERS, json.dumps(untold))] if untold else []
    return added_up(found, odd, others, now)
