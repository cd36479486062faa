"""What a session would be refused next: the most that one spend may be now, and the rule that a larger one would break.

It asks the rules themselves, and has none of its own.
"""

from dataclasses import dataclass, replace

from valetkey.core.money import DIGITS_MAX
from valetkey.core.refusal import Refusal
from valetkey.core.rules import amounts, life, spent_out
from valetkey.core.session import Lineage, Session
from valetkey.core.value import value

HUGE = 10 ** (DIGITS_MAX + 1)
"""More than any limit is."""


@value
@dataclass(frozen=True, slots=True)
class Headroom:
    """most: base units that one spend may be at most now, None = any number. binds: why one more is refused.

    free: what passes without the owner's approval, None = any number; never more than `most`.
    """

    most: int | None
    binds: Refusal | None
    free: int | None


def headroom(session: Session, now: int, ancestors: Lineage = (), currency: str | None = None) -> Headroom:
    """What a spend of a currency may be at `now` (unix seconds), as far as that is about amounts, numbers and time."""
    currency = currency or session.policy.currency
    lineage = (session, *ancestors)
    for one in lineage:
        if stops := [*life(one, now), *spent_out(one)]:
            return Headroom(0, _whose(stops[0], one, session), 0)
    most, free = _least(lineage, currency, now), None
    binds: Refusal | None = None
    for one in lineage:
        limits = one.policy.limits(currency)
        if limits is None:
            continue
        if most is not None and binds is None:
            # The smallest spend that does not pass: by then a window may have moved on.
            closed = amounts(one, limits, limits.counted(most + 1), now)
            binds = _whose(closed[0], one, session) if closed else None
        above = limits.approval_above
        if above is not None and (free is None or above < free):
            free = above
    if free is None or (most is not None and most < free):
        free = most
    return Headroom(most, binds, free)


def _least(lineage: Lineage, currency: str, now: int) -> int | None:
    """The least that any rule about amounts leaves, in whole units of the policy; None when none does."""
    least: int | None = None
    for one in lineage:
        limits = one.policy.limits(currency)
        if limits is None:
            continue
        for refusal in amounts(one, limits, HUGE, now):
            left = refusal.remaining or 0
            left -= left % limits.unit
            least = left if least is None else min(least, left)
    return least


def _whose(refusal: Refusal, one: Session, session: Session) -> Refusal:
    return refusal if one is session else replace(refusal, session_id=one.id)
