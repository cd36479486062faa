"""What an owner looks at first, on SQLite.

Sums of days and what is unknown or ends soon are read from indexes. What is at risk is added up over the roots of the
owner's live trees, each looked at once; what SQLite cannot add up exactly, and sessions of several currencies, are
added up here.
"""

import apsw

from valetkey.core.alerts import BUCKET_SECONDS
from valetkey.ports.overview import LISTED_MAX, TOP_MAX, Overview, Risk, SpentBy, SpentThen
from valetkey.stores.risks import added_up
from valetkey.stores.rows import SESSION, session_of
from valetkey.stores.sqlite.alert_book import HIGH
from valetkey.stores.sqlite.database import Tables
from valetkey.stores.sqlite.statements import row, rows

# S608: the parts of these statements are constants of ours.
_ROOTS = (
    "FROM sessions s INDEXED BY sessions_newest CROSS JOIN spent u ON u.session_id = s.id"
    " WHERE s.owner_id = ?1 AND s.parent_id IS NULL AND s.revoked_at IS NULL AND s.expires_at > ?2 AND s.role = 'buyer'"
)
_LEFT = "json_extract(s.policy, '$.budget') - json_extract(u.figures, '$[1][0]') - json_extract(u.figures, '$[1][1]')"
_AT_RISK = f"max({_LEFT}, 0) + json_extract(u.figures, '$[1][0]')"
_RISKS = (
    "SELECT currency, total(1), sum(at_risk IS NULL), sum(at_risk / 1000000000), sum(at_risk % 1000000000)"  # noqa: S608
    " FROM (SELECT json_extract(s.policy, '$.currency') AS currency,"
    f" {_AT_RISK} AS at_risk {_ROOTS}"
    " AND json_type(s.policy, '$.others') IS NULL) WHERE typeof(at_risk) <> 'real' GROUP BY 1"
)
_OTHERS = (
    f"SELECT {SESSION} {_ROOTS} AND (json_type(s.policy, '$.others') IS NOT NULL OR"
    f" typeof({_AT_RISK}) = 'real')"
)
_SPENT = (
    f"SELECT name, currency, sum(high) * 1.0 * {HIGH} + sum(low) AS about, sum(high), sum(low), sum(spends)"  # noqa: S608
    " FROM spent_days WHERE owner_id = ? AND part = ? AND day >= ? GROUP BY name, currency"
    f" ORDER BY about DESC, name LIMIT {TOP_MAX}"
)
_REFUSALS = (
    "SELECT code, sum(count) FROM refused_days WHERE owner_id = ? AND day >= ? GROUP BY code"  # noqa: S608
    f" ORDER BY 2 DESC, code LIMIT {TOP_MAX}"
)
_ENDING = (
    "FROM sessions WHERE owner_id = ? AND revoked_at IS NULL AND successor_id IS NULL AND expires_at > ?"
    " AND expires_at < ?"
)
_UNKNOWN = "FROM holds WHERE owner_id = ? AND state = 'unknown'"
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
    return Overview(
        risks=_risks(db, owner_id, now),
        spent={
            part: [
                SpentBy(name, currency, high * HIGH + low, spends)
                for name, currency, _, high, low, spends in rows(db, _SPENT, owner_id, part, first_day)
            ]
            for part in ("delegate", "label", "chain")
        },
        refusals=dict(rows(db, _REFUSALS, owner_id, first_day)),
        ending=[
            (one, at)
            for one, at in rows(
                db, f"SELECT id, expires_at {_ENDING} ORDER BY expires_at LIMIT {LISTED_MAX}", *ending
            )
        ],
        ending_count=counted[0][0],
        unknown=[
            (one, at)
            for one, at in rows(
                db, f"SELECT id, placed_at {_UNKNOWN} ORDER BY placed_at LIMIT {LISTED_MAX}", owner_id
            )
        ],
        unknown_count=counted[1][0],
    )


def _risks(db: apsw.Connection, owner_id: str, now: int) -> list[Risk]:
    found = {
        currency: Risk(currency, (high or 0) * 10**9 + (low or 0), int(count) - unlimited, unlimited)
        for currency, count, unlimited, high, low in rows(db, _RISKS, owner_id, now)
    }
    return added_up(found, (session_of(one) for one in rows(db, _OTHERS, owner_id, now)), now)
