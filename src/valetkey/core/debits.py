"""Debiting sessions: what a spend changes in each session of a lineage, and which of them it concerns."""

from dataclasses import replace

from valetkey.core.session import Lineage, Pace, Session, Spent, Usage, rings_of, usage_of
from valetkey.core.spend import Hold
from valetkey.core.windows import EMPTY, added


def debited(
    session: Session,
    currency: str,
    *,
    held: int = 0,
    captured: int = 0,
    restored: int = 0,
    spends: int = 0,
    units: int = 0,
    at: int,
    now: int,
) -> Session:
    """The session after a change of its figures in a currency; below zero: they count no more.

    `units` count against the windows from the moment `at` on.
    """
    count = session.pace.spends + spends
    assert count >= 0
    limits = session.policy.limits(currency)
    if limits is None:
        # A rotation took over spends of a currency that it has no limits for, when nothing of them was left: one
        # that is proven late is counted. Nothing of that currency can be granted here.
        return replace(session, pace=replace(session.pace, spends=count))
    before = usage_of(session, currency)
    usage = Usage(before.held + held, before.captured + captured, before.restored + restored)
    assert usage.held >= 0 <= usage.captured
    rings = rings_of(session, currency)
    windows = limits.windows
    if units and windows:
        known = rings or (EMPTY,) * len(windows)
        rings = tuple(
            [added(window, ring, units, at, now) for window, ring in zip(windows, known, strict=True)]
        )
    if limits is session.policy.main:
        return session.having_spent(usage, Pace(count, rings), session.others)
    index = session.policy.currencies.index(currency) - 1
    others = list(session.others or (Spent(),) * len(session.policy.others))
    others[index] = Spent(usage, rings)
    return session.having_spent(session.usage, Pace(count, session.pace.rings), tuple(others))


def concerned(hold: Hold, lineage: Lineage) -> tuple[bool, ...]:
    """Which sessions of the spender's lineage a hold was debited from, in its order.

    A rotation may have put a session between them since: one that took its predecessor's usage over has the
    hold in it too, and one that began at zero has not. What moved without having been asked for is in no figures of a
    session without limits for its currency, so that nobody takes it over from there.
    """
    names = hold.debits or (hold.session_id,)
    found: list[bool] = []
    for index, one in enumerate(lineage):
        before = lineage[index - 1] if index else None
        found.append(one.id in names or (before is not None and found[-1] and _took_over(before, one, hold)))
    return tuple(found)


def _took_over(before: Session, one: Session, hold: Hold) -> bool:
    counted = hold.was_asked or before.policy.limits(hold.currency) is not None
    return counted and before.carried and before.successor_id == one.id


def every(lineage: Lineage, which: tuple[bool, ...], currency: str, **change: int) -> Lineage:
    """The lineage after the same change of the sessions that it concerns."""
    return tuple(
        [
            debited(one, currency, **change) if concerns else one
            for one, concerns in zip(lineage, which, strict=True)
        ]
    )
