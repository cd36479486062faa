"""What an alert means: thresholds that are met exactly, ends that are near, paces that are hasty."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valetkey.core.alerts import BUCKET_SECONDS, Haste, crossed, hasty, oldest_bucket, warns_at
from valetkey.core.limits import Limits
from valetkey.core.policy import Policy
from valetkey.core.session import Role, Session, Spent, Usage, remaining, remaining_rank

NOW = 1_800_000_000
HOUR, DAY = 3_600, 86_400


def session(budget: int | None = 1_000, usage: Usage = Usage(), **policy: int) -> Session:  # noqa: B008 - frozen
    fields = {"expires_at": NOW + 30 * DAY, **policy}
    return Session("ses_1", "agt_1", Role.BUYER, Policy(budget=budget, **fields), usage, NOW - 10 * DAY)


@pytest.mark.parametrize(
    ("budget", "before", "after", "percents"),
    [
        (1_000, 0, 499, ()),
        (1_000, 499, 500, (50,)),
        (1_000, 500, 501, ()),
        (1_000, 0, 1_000, (50, 80, 90, 100)),
        (1_000, 799, 899, (80,)),
        (1_000, 999, 1_500, (100,)),
        (1_000, 1_500, 1_600, ()),
        (1_000, 900, 400, ()),
        (3, 1, 2, (50,)),
        (1, 0, 1, (50, 80, 90, 100)),
        (10**30 - 1, 0, 10**30 // 2 - 1, ()),
        (10**30 - 1, 0, 10**30 // 2, (50,)),
        (0, 0, 5, ()),
        (None, 0, 10**20, ()),
    ],
)
def test_thresholds(budget: int | None, before: int, after: int, percents: tuple[int, ...]) -> None:
    was = session(budget, Usage(held=before))
    # Held or captured is the same; what came back and may be spent again counts no more.
    for usage in (Usage(held=after), Usage(captured=after), Usage(captured=after, restored=50)):
        assert crossed(was, session(budget, usage), "USDC") == percents


def test_each_currency_has_thresholds_of_its_own() -> None:
    several = session(1_000, Usage(held=900))
    several = replace(several, policy=replace(several.policy, others=(Limits("ETH", 10),)))
    after = replace(several, others=(Spent(Usage(held=8)),))
    assert crossed(several, after, "ETH") == (50, 80)
    assert crossed(several, after, "USDC") == crossed(several, after, "DAI") == ()


@pytest.mark.parametrize(
    ("life", "soon"),
    [(9, 0), (10, 1), (60, 6), (HOUR, 360), (10 * HOUR, HOUR), (DAY, HOUR), (30 * DAY, HOUR)],
)
def test_the_last_tenth_of_a_life_is_its_end_and_an_hour_at_most(life: int, soon: int) -> None:
    made = replace(session(expires_at=NOW + life), created_at=NOW)
    assert warns_at(made) == NOW + life - soon
    later = replace(session(expires_at=NOW + DAY + life, not_before=NOW + DAY), created_at=NOW)
    assert warns_at(later) == NOW + DAY + life - soon, "it lives from when it may spend"


def at(hours_ago: float) -> int:
    return int(NOW - hours_ago * HOUR) // BUCKET_SECONDS


@pytest.mark.parametrize(
    ("spent", "haste"),
    [
        ([], None),
        ([(0.1, 10_000)], None),
        # Two hours with spends are no pace.
        ([(2, 10), (3, 10), (0.1, 10_000)], None),
        ([(2, 10), (3, 10), (4, 10), (0.1, 3)], None),
        # 30 in a day is 1.25 an hour: 3.75 is three times as much, and no more than that.
        ([(2, 10), (3, 10), (4, 10), (0.1, 4)], Haste(4, 1)),
        ([(2, 10), (2.5, 10), (3, 10), (4, 10), (0.1, 6)], Haste(6, 1)),
        # What is older than a day counts no more.
        ([(2, 10), (3, 10), (30, 10_000), (0.1, 10_000)], None),
        # What was given back is in no hour.
        ([(2, 10), (3, 10), (4, 0), (5, -1), (0.1, 10_000)], None),
        ([(2, 10), (3, 10), (4, 10), (0.1, 0)], None),
    ],
)
def test_paces(spent: list[tuple[float, int]], haste: Haste | None) -> None:
    assert hasty([(at(hours), units) for hours, units in spent], session(None), NOW) == haste


def test_a_young_session_has_no_pace() -> None:
    spent = [(at(hours), 10) for hours in (1.5, 2.5, 3.5)] + [(at(0), 10_000)]
    for age, known in ((3.9, False), (4.2, True)):
        young = replace(session(None), created_at=int(NOW - age * HOUR))
        assert (hasty(spent, young, NOW) is not None) is known
    assert oldest_bucket(NOW) == at(25)


@given(st.lists(st.integers(-5, 10**30 - 1), min_size=2, max_size=2))
def test_ranks_are_in_the_order_of_what_is_left(lefts: list[int]) -> None:
    """Never against it; what differs in its two first digits is told apart."""
    low, high = (
        session(max(left, 0), Usage(captured=max(-left, 0)) if left < 0 else Usage())
        for left in sorted(lefts)
    )
    low_rank, high_rank = remaining_rank(low), remaining_rank(high)
    assert low_rank is not None
    assert high_rank is not None
    assert low_rank <= high_rank
    first, second = remaining(low), remaining(high)
    assert first is not None
    assert second is not None
    if first > 0 and second >= first * 2:
        assert low_rank < high_rank
    assert remaining_rank(session(None)) is None
