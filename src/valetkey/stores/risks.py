"""What is at risk: kept beside what a session spent, so that an index adds it up, or we do where none can."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from valetkey.core.session import Role, Session, usage_of, worst_case_loss
from valetkey.ports.overview import Risk

UNITS_MAX = 10**21
"""A larger amount is added up by us: millions of smaller ones are no more than an integer of SQLite's holds."""

ODD = "*"
"""In the place of a currency: the session has several, or more of one than an index adds up. `odd` has the figures."""

NEAR_PERCENT = 80
"""A budget of which so much is spent or held is near its end."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a session: when it `ends` (unix seconds, None when it is revoked); whether a budget of it is
    `near` its end; and of the root of a tree what it could still cost while it lives.

    `currency` is None where a session is no root, sells, or is revoked; `units` is None without a limit. `odd` is JSON:
    pairs of currency and units, as text.
    """

    ends: int | None
    near: bool
    currency: str | None = None
    units: int | None = None
    odd: str | None = None


def kept_of(session: Session) -> Kept:
    """It follows from the session alone. What waits for its beginning, or is paused, is at risk as well."""
    ends = None if session.revoked_at is not None else session.policy.expires_at
    near = any(_is_near(session, one) for one in session.policy.currencies)
    if ends is None or session.parent_id is not None or session.role is not Role.BUYER:
        return Kept(ends, near)
    found = [(one, worst_case_loss(session, ends - 1, (), one)) for one in session.policy.currencies]
    ((currency, units), *others) = found
    if others or (units is not None and units > UNITS_MAX):
        pairs = [(one, None if amount is None else str(amount)) for one, amount in found]
        return Kept(ends, near, ODD, None, json.dumps(pairs, separators=(",", ":")))
    return Kept(ends, near, currency, units)


def _is_near(session: Session, currency: str) -> bool:
    limits = session.policy.limits(currency)
    if limits is None or limits.budget is None:
        return False
    return usage_of(session, currency).committed * 100 >= NEAR_PERCENT * limits.budget


def added_up(found: dict[str, Risk], odd: Iterable[str], sessions: Iterable[Session], now: int) -> list[Risk]:
    """What is at risk by those that are counted and these, by currency."""
    sums = {one.currency: [one.units, one.sessions, one.unlimited] for one in found.values()}

    def add(currency: str, loss: int | None) -> None:
        counted = sums.setdefault(currency, [0, 0, 0])
        counted[0] += loss or 0
        counted[1 if loss is not None else 2] += 1

    for told in odd:
        for currency, units in json.loads(told):
            add(currency, None if units is None else int(units))
    for session in sessions:
        for currency in session.policy.currencies:
            add(currency, worst_case_loss(session, now, (), currency))
    return [Risk(currency, *sums[currency]) for currency in sorted(sums)]
