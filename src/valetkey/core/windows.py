"""Sliding windows: how much may be spent in any interval of one length.

The window is cut into buckets, and a spend counts until a full window has passed since the end of its bucket. So no
interval of the window's length ever holds more than the limit, wherever it begins (WINDOW_IS_SLIDING): when the last
spend of such an interval is decided, every earlier one in it still counts.
"""

from dataclasses import dataclass, field

from valetkey.core.errors import InvalidInput
from valetkey.core.money import DIGITS_MAX

BUCKETS = 60
"""Into how many parts a window is cut: a spend is held against it for at most 1/60 longer than the window.

The contract, which keeps all of them in one word, cuts into fewer; see core/grant.py.
"""

WINDOW_SECONDS_MAX = 366 * 86_400
WINDOWS_MAX = 8


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """At most `limit` (base units of the policy's currency) in any `seconds` seconds, cut into `buckets` parts."""

    seconds: int
    limit: int
    buckets: int = BUCKETS
    bucket_seconds: int = field(init=False, repr=False, compare=False)
    """How long one bucket is; the last one of a window may reach beyond its end."""

    def __post_init__(self) -> None:
        # A bool counts as an integer, and is neither money nor time.
        if type(self.seconds) is not int or not 1 <= self.seconds <= WINDOW_SECONDS_MAX:
            raise InvalidInput(f"a window is 1 to {WINDOW_SECONDS_MAX} whole seconds long")
        if type(self.limit) is not int or not 0 <= self.limit < 10**DIGITS_MAX:
            raise InvalidInput(f"a window's limit is a non-negative integer below 10^{DIGITS_MAX}")
        if type(self.buckets) is not int or not 1 <= self.buckets <= BUCKETS:
            raise InvalidInput(f"a window is cut into 1 to {BUCKETS} buckets")
        object.__setattr__(self, "bucket_seconds", -(-self.seconds // self.buckets))

    def bucket(self, at: int) -> int:
        """The number of the bucket that holds a moment (unix seconds)."""
        return at // self.bucket_seconds

    def oldest(self, now: int) -> int:
        """The number of the first bucket that counts at `now`: the least whose `counts_until` is later."""
        return (now - self.seconds) // self.bucket_seconds

    def counts_until(self, bucket: int) -> int:
        """The first unix second at which a bucket's spends count no more."""
        return (bucket + 1) * self.bucket_seconds + self.seconds


Ring = tuple[tuple[int, int], ...]
"""What counts: pairs of a bucket's number and its base units, oldest first, each bucket once, no zeros."""

EMPTY: Ring = ()


def counted(window: Window, ring: Ring, now: int) -> int:
    """Base units that count against the window at `now` (unix seconds)."""
    oldest = window.oldest(now)
    if ring and ring[0][0] >= oldest:
        # Nothing has left the window: the usual case, and the quickest way to add up many.
        return sum([units for _, units in ring])
    return sum([units for bucket, units in ring if bucket >= oldest])


def added(window: Window, ring: Ring, units: int, at: int, now: int) -> Ring:
    """The ring after a change of so many base units to the bucket of `at`; what counts no more is left out.

    `units` may be negative: what turned out not to have moved is taken out again, from its own bucket or from the
    next ones, where `carried` may have put it. A bucket that has left the window takes nothing with it.
    """
    oldest, bucket = window.oldest(now), at // window.bucket_seconds
    if units > 0 and ring and ring[0][0] >= oldest:
        # The usual case: one more spend of this moment, while everything before it still counts.
        last, before = ring[-1]
        if bucket == last:
            return (*ring[:-1], (bucket, before + units))
    sums = {number: before for number, before in ring if number >= oldest}
    if bucket >= oldest:
        if units >= 0:
            sums[bucket] = sums.get(bucket, 0) + units
        else:
            _take(sums, -units, bucket)
    return tuple(sorted((number, total) for number, total in sums.items() if total))


def _take(sums: dict[int, int], units: int, bucket: int) -> None:
    for number in sorted(number for number in sums if number >= bucket):
        taken = min(units, sums[number])
        sums[number] -= taken
        units -= taken
    assert units == 0, "a window gives back what was put into it"


def carried(window: Window, spent: int, known: tuple[tuple[Window, Ring], ...], now: int) -> Ring:
    """The ring of a window for what was spent under other windows, `spent` base units in all.

    What is known of when it was spent comes from the shortest window that is no shorter, or from the longest. A
    bucket's spends count from its last second on, and what cannot be dated counts from the latest moment that it
    can have been: nothing ever counts for a shorter time than it should, and whatever still counts here by the
    second it was spent at is in the ring, so that giving it back takes nothing from other spends.
    """
    longer = [one for one in known if one[0].seconds >= window.seconds]
    source = (
        min(longer, key=lambda one: one[0]) if longer else max(known, key=lambda one: one[0], default=None)
    )
    if source is None:
        return added(window, EMPTY, spent, now, now)
    old, before = source
    counting = tuple((bucket, units) for bucket, units in before if now < old.counts_until(bucket))
    if (old.seconds, old.bucket_seconds) == (window.seconds, window.bucket_seconds):
        return counting
    ring: Ring = EMPTY
    for bucket, units in counting:
        ring = added(window, ring, units, min((bucket + 1) * old.bucket_seconds - 1, now), now)
    # What left the old window is at least as old as it is long. A longer one may drop it while it is still in
    # the first bucket of this one: buckets of two lengths do not fall together.
    undated = max(spent - sum(units for _, units in counting), 0)
    return added(window, ring, undated, now - old.seconds, now)


def free_at(window: Window, ring: Ring, asked: int, now: int) -> int | None:
    """The first unix second from `now` on at which so many base units fit, if nothing else is spent; None for never."""
    if asked > window.limit:
        return None
    left = counted(window, ring, now)
    moment = now
    for bucket, units in ring:
        if left + asked <= window.limit:
            break
        if now < window.counts_until(bucket):
            left -= units
            moment = window.counts_until(bucket)
    return moment
