"""What an owner looks at first, on PostgreSQL.

Sums of days and what is unknown or ends soon are read from indexes. What is at risk is kept beside the
roots of the owner's live trees, and added up; sessions of several currencies are added up here.
"""

from collections.abc import Sequence

from valetkey.core.alerts import BUCKET_SECONDS
from valetkey.ports.overview import LISTED_MAX, TOP_MAX, Health, Overview, Risk, SpentBy, SpentThen
from valetkey.stores.healths import first_minute, healths
from valetkey.stores.postgres.columns import SESSIONS
from valetkey.stores.postgres.database import Tables
from valetkey.stores.risks import ODD, added_up
from valetkey.stores.rows import SESSION, session_of

# S608: the parts of these statements are constants of ours.
_AT_RISK = "FROM spent WHERE owner_id = $1 AND currency IS NOT NULL AND ends > $2"
_RISKS = f"SELECT currency, count(*), count(units), sum(units) {_AT_RISK} AND currency <> '{ODD}' GROUP BY 1"
_ODD = f"SELECT odd, session_id {_AT_RISK} AND currency = '{ODD}'"
_OTHERS = f"SELECT {SESSION} FROM {SESSIONS} WHERE s.owner_id = $1 AND s.id = ANY($2::text[])"  # noqa: S608
_SPENT = (
    "SELECT name, currency, units, spends FROM (SELECT name, currency, sum(units) AS units,"  # noqa: S608
    " sum(spends)::int8 AS spends, row_number() OVER (PARTITION BY currency ORDER BY sum(units) DESC, name) AS place"
    " FROM spent_days WHERE owner_id = $1 AND part = $2 AND day >= $3 GROUP BY name, currency) AS w"
    f" WHERE place <= {TOP_MAX} ORDER BY currency, place"
)
_REFUSALS = (
    "SELECT code, sum(count)::int8 FROM refused_days WHERE owner_id = $1 AND day >= $2 GROUP BY code"  # noqa: S608
    f" ORDER BY 2 DESC, code LIMIT {TOP_MAX}"
)
_ENDING = (
    "FROM sessions WHERE owner_id = $1 AND revoked_at IS NULL AND successor_id IS NULL AND expires_at > $2"
    " AND expires_at < $3"
)
_UNKNOWN = "FROM holds WHERE owner_id = $1 AND state = 'unknown'"
_REFUSED_LATELY = (
    "SELECT session_id, sum(count)::int8 FROM refused_minutes WHERE owner_id = $1 AND minute >= $2 GROUP BY session_id"  # noqa: S608
    f" ORDER BY 2 DESC, session_id LIMIT {LISTED_MAX}"
)
_REFUSED = (
    "SELECT session_id, sum(count)::int8 FROM refused_minutes WHERE owner_id = $1 AND session_id = ANY($2::text[])"
    " AND minute >= $3 GROUP BY session_id"
)
_UNPROVEN = (
    "SELECT session_id, count(*), min(placed_at) FROM holds WHERE owner_id = $1 AND session_id = ANY($2::text[])"
    " AND state = 'unknown' GROUP BY session_id"
)
_LABELS = "SELECT id, label FROM sessions WHERE owner_id = $1 AND id = ANY($2::text[]) AND label IS NOT NULL"
_SPENDING = (
    "SELECT bucket, currency, chain_id, units, spends FROM tallies WHERE owner_id = $1 AND session_id = $2"
    " AND bucket >= $3 ORDER BY bucket, currency, chain_id"
)


class PostgresOverview(Tables):
    """The overview on PostgreSQL."""

    async def overview(self, owner_id: str, first_day: int, ends_before: int) -> Overview:
        """See ports/overview.py."""
        database, now = self._database, self._database.clock.now()
        spent = {}
        for part in ("delegate", "label", "chain"):
            found = await database.rows(_SPENT, owner_id, part, first_day)
            spent[part] = [
                SpentBy(name, currency, int(units), spends) for name, currency, units, spends in found
            ]
        ending, unknown = (owner_id, now, ends_before), (owner_id,)
        # S608: constants of ours.
        ((ending_count,),) = await database.rows(f"SELECT count(*) {_ENDING}", *ending)
        ((unknown_count,),) = await database.rows(f"SELECT count(*) {_UNKNOWN}", *unknown)
        soon = f"SELECT id, expires_at {_ENDING} ORDER BY expires_at LIMIT {LISTED_MAX}"
        oldest = f"SELECT id, placed_at {_UNKNOWN} ORDER BY placed_at LIMIT {LISTED_MAX}"
        refused: dict[str, int] = dict(await database.rows(_REFUSED_LATELY, owner_id, first_minute(now)))
        ends = [(one, at) for one, at in await database.rows(soon, *ending)]
        named = [*refused, *(one for one, _ in ends)]
        return Overview(
            risks=await self._risks(owner_id, now),
            spent=spent,
            refusals=dict(await database.rows(_REFUSALS, owner_id, first_day)),
            refused_lately=refused,
            ending=ends,
            ending_count=ending_count,
            unknown=[(one, at) for one, at in await database.rows(oldest, *unknown)],
            unknown_count=unknown_count,
            labels=dict(await database.rows(_LABELS, owner_id, named)),
        )

    async def health(self, owner_id: str, session_ids: Sequence[str]) -> dict[str, Health]:
        """See ports/overview.py."""
        asked, first = list(session_ids), first_minute(self._database.clock.now())
        refused = await self._database.rows(_REFUSED, owner_id, asked, first)
        return healths(refused, await self._database.rows(_UNPROVEN, owner_id, asked))

    async def spending(self, session_id: str, since: int) -> list[SpentThen]:
        """See ports/overview.py."""
        place = await self._database.find_session(session_id)
        if place is None:
            return []
        found = await self._database.rows(_SPENDING, place.owner_id, session_id, since // BUCKET_SECONDS)
        return [
            SpentThen(bucket * BUCKET_SECONDS, currency, chain_id, int(units), spends)
            for bucket, currency, chain_id, units, spends in found
        ]

    async def _risks(self, owner_id: str, now: int) -> list[Risk]:
        found = {
            currency: Risk(currency, int(units or 0), bounded, count - bounded)
            for currency, count, bounded, units in await self._database.rows(_RISKS, owner_id, now)
        }
        odd: list[str] = []
        untold: list[str] = []
        for told, session_id in await self._database.rows(_ODD, owner_id, now):
            (untold if told is None else odd).append(told or session_id)
        others = await self._database.rows(_OTHERS, owner_id, untold) if untold else []
        return added_up(found, odd, (session_of(one) for one in others), now)
