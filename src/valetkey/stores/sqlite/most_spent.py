"""Under which names most was spent over some days: found without adding up every name of every day.

Each day's names are read in the order of what was spent under them. Whoever is not among the first of any day has spent
no more than the last ones of all days together: when that is less than what the first names have, they are the first.
"""

import json

import apsw

from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.ports.overview import TOP_MAX, SpentBy
from valetkey.stores.rows import Row
from valetkey.stores.sqlite.alert_book import HIGH
from valetkey.stores.sqlite.statements import rows

DEPTHS = (64, 1_024)
LOOKED_UP_MAX = 60_000
"""Names times days that are looked up before everything is added up after all."""

_FIRST = (
    "SELECT name, high, low FROM spent_days INDEXED BY spent_days_most WHERE owner_id = ? AND part = ? AND day = ?"
    " AND currency = ? ORDER BY high DESC, low DESC LIMIT ?"
)
_OF_NAMES = (
    "SELECT name, sum(high), sum(low), sum(spends) FROM (SELECT n.value AS name, d.high, d.low, d.spends"
    " FROM json_each(?5) AS n CROSS JOIN json_each(?4) AS at CROSS JOIN spent_days d ON d.owner_id = ?1 AND d.part = ?2"
    " AND d.day = at.value AND d.name = n.value AND d.currency = ?3) GROUP BY name"
)
_OF_ALL = (
    "SELECT name, sum(high), sum(low), sum(spends) FROM spent_days WHERE owner_id = ?1 AND part = ?2 AND currency = ?3"
    " AND day >= ?4 GROUP BY name"
)


def most_spent(db: apsw.Connection, owner_id: str, part: str, first_day: int, today: int) -> list[SpentBy]:
    """The first TOP_MAX of each currency, most first; currencies in their own order. Days are of UTC since 1970."""
    return [
        one
        for currency in sorted(CURRENCY_DECIMALS)
        for one in _of_currency(db, (owner_id, part, currency), first_day, today)
    ]


def _of_currency(db: apsw.Connection, key: tuple[str, str, str], first_day: int, today: int) -> list[SpentBy]:
    for depth in DEPTHS:
        if (today - first_day + 1) * depth * (today - first_day + 1) > LOOKED_UP_MAX:
            break
        found = _guess(db, key, range(first_day, today + 1), depth)
        if found is not None:
            return found
    return _sorted(rows(db, _OF_ALL, *key, first_day), key[2])


def _guess(db: apsw.Connection, key: tuple[str, str, str], days: range, depth: int) -> list[SpentBy] | None:
    """The first ones, out of the first `depth` of each day; None when somebody else may be among them."""
    owner_id, part, currency = key
    names: set[str] = set()
    others = 0
    told: list[int] = []
    for day in days:
        first = rows(db, _FIRST, owner_id, part, day, currency, depth)
        names.update(name for name, _, _ in first)
        if first:
            told.append(day)
        if len(first) == depth:
            _, high, low = first[-1]
            others += max(0, high * HIGH + max(low, 0))
    if not names:
        return []
    sums = rows(db, _OF_NAMES, *key, json.dumps(told), json.dumps(sorted(names)))
    found = _sorted(sums, currency)
    if others and (len(found) < TOP_MAX or found[-1].units < others):
        return None
    return found


def _sorted(sums: list[Row], currency: str) -> list[SpentBy]:
    found = [SpentBy(name, currency, high * HIGH + low, spends) for name, high, low, spends in sums]
    return sorted(found, key=lambda one: (-one.units, one.name))[:TOP_MAX]
