"""Comparing two policies, rule by rule: which of them is wider, and where.

A rule is compared alone: a budget that makes a window needless is not seen. What is found errs to one side only: a
policy that is nowhere wider allows nothing that the other one refuses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from valetkey.core.limits import Limits
from valetkey.core.policy import Policy
from valetkey.core.windows import Window


class Wider(StrEnum):
    """Which of two policies, or of two rules, allows more."""

    EQUAL = "equal"
    A = "a"
    B = "b"
    NEITHER = "incomparable"


Value = int | bool | str | frozenset[str] | frozenset[int] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A rule that two policies do not have alike.

    rule: as refusals name it: `budget`, `per_spend`, `unit`, `window:3600`, `approval_above`, `spends_max`,
    `expires_at`, `not_before`, `allowed_services` and so on, `refunds_restore`; `currency` when one of them has no
    limits for it.
    currency: whose amounts it is about, None for a rule about none.
    wider: A or B, or NEITHER when each allows what the other does not.
    a, b: what each says. Amounts are base units of the currency, times unix seconds; None = unlimited, every one. Of
    the rule `currency`: the currency, and None for the policy that cannot spend it.
    """

    rule: str
    wider: Wider
    a: Value
    b: Value
    currency: str | None = None


_SETS = ("allowed_services", "allowed_assets", "allowed_chains", "allowed_payees", "allowed_operations")
_AMOUNTS = ("budget", "per_spend", "approval_above")


def diff(a: Policy, b: Policy) -> tuple[Difference, ...]:
    """Every rule that differs; empty when the two allow exactly the same.

    Windows count in buckets, so that a longer one makes a shorter one needless only when every spend counts for as
    long in it; see `covers`.
    """
    return tuple(one for one in _rules(a, b) if one.wider is not Wider.EQUAL)


def wider(a: Policy, b: Policy) -> Wider:
    """Which of the two is wider as a whole: NEITHER when each of them is, by some rule."""
    sides = {one.wider for one in diff(a, b)}
    if not sides:
        return Wider.EQUAL
    return sides.pop() if len(sides) == 1 else Wider.NEITHER


def covers(stricter: Window, window: Window) -> bool:
    """Whether the second window allows whatever the first allows: its limit is no smaller, nothing counts longer."""
    if stricter.limit > window.limit:
        return False
    if stricter.seconds < window.seconds:
        return False
    # The end of a bucket of the longer window is no earlier than that of the shorter one when the one is a multiple
    # of the other; otherwise it may be earlier by nearly a bucket.
    aligned = stricter.bucket_seconds % window.bucket_seconds == 0
    return aligned or stricter.seconds + 1 >= window.seconds + window.bucket_seconds


def _rules(a: Policy, b: Policy) -> Iterator[Difference]:
    for currency in dict.fromkeys((*a.currencies, *b.currencies)):
        yield from _amounts(currency, a.limits(currency), b.limits(currency))
    yield _most("spends_max", a.spends_max, b.spends_max)
    yield _most("expires_at", a.expires_at, b.expires_at)
    # The earlier one allows more.
    side = _side(-a.not_before, -b.not_before)
    yield Difference("not_before", side, a.not_before, b.not_before)
    for rule in _SETS:
        ours, theirs = getattr(a, rule), getattr(b, rule)
        yield Difference(rule, _side_of_sets(ours, theirs), ours, theirs)
    side = _side(a.refunds_restore, b.refunds_restore)
    yield Difference("refunds_restore", side, a.refunds_restore, b.refunds_restore)


def _amounts(currency: str, a: Limits | None, b: Limits | None) -> Iterator[Difference]:
    if a is None or b is None:
        yield Difference(
            "currency",
            Wider.B if a is None else Wider.A,
            None if a is None else currency,
            None if b is None else currency,
            currency,
        )
        return
    for rule in _AMOUNTS:
        yield _most(rule, getattr(a, rule), getattr(b, rule), currency)
    yield _units(a, b)
    ours = {window.seconds: window for window in a.windows}
    theirs = {window.seconds: window for window in b.windows}
    for seconds in sorted({*ours, *theirs}):
        one, other = ours.get(seconds), theirs.get(seconds)
        yield Difference(
            f"window:{seconds}",
            _side_of_windows(one, other, a, b),
            None if one is None else one.limit,
            None if other is None else other.limit,
            currency,
        )


def _units(a: Limits, b: Limits) -> Difference:
    """Who counts in multiples of what the other one counts in never counts less."""
    a_fits, b_fits = b.unit % a.unit == 0, a.unit % b.unit == 0
    if a_fits and b_fits:
        side = Wider.EQUAL
    elif a_fits:
        side = Wider.A
    else:
        side = Wider.B if b_fits else Wider.NEITHER
    return Difference("unit", side, a.unit, b.unit, a.currency)


def _side_of_windows(one: Window | None, other: Window | None, a: Limits, b: Limits) -> Wider:
    """Of one length: a limit that is missing is no wider when another window of the same policy covers it."""
    b_fits = one is None or any(covers(window, one) for window in b.windows)
    a_fits = other is None or any(covers(window, other) for window in a.windows)
    if a_fits and b_fits:
        return Wider.EQUAL
    if a_fits:
        return Wider.B
    return Wider.A if b_fits else Wider.NEITHER


def _most(rule: str, a: int | None, b: int | None, currency: str | None = None) -> Difference:
    """A rule that says how much at most, None for unlimited."""
    if a is not None and b is not None:
        return Difference(rule, _side(a, b), a, b, currency)
    unlimited = Wider.A if a is None else Wider.B
    return Difference(rule, Wider.EQUAL if a is b else unlimited, a, b, currency)


def _side(a: int, b: int) -> Wider:
    if a == b:
        return Wider.EQUAL
    return Wider.A if a > b else Wider.B


def _side_of_sets(a: frozenset[object] | None, b: frozenset[object] | None) -> Wider:
    """None is every one."""
    if a == b:
        return Wider.EQUAL
    if a is None or (b is not None and a > b):
        return Wider.A
    if b is None or b > a:
        return Wider.B
    return Wider.NEITHER
