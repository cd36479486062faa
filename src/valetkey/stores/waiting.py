"""What waits for the reconciler, the same in every store: how long, and how classes share a batch."""

from collections.abc import Sequence

DAY_SECONDS = 86_400

LATE_WATCH_SECONDS = 7 * DAY_SECONDS
"""How long a checkout that ended unpaid is still looked up: what is paid late is debited in any case."""

RESERVE = 5
"""Each class keeps a fifth of a batch, whatever waits in the classes before it."""


def shares(due: Sequence[int], limit: int) -> list[int]:
    """How many of each class a batch takes: the first come first, except for the reserve of those behind."""
    kept = [min(count, limit // RESERVE) for count in due]
    taken, left = [], limit
    for number, count in enumerate(due):
        taken.append(min(count, left - sum(kept[number + 1 :])))
        left -= taken[-1]
    return taken
